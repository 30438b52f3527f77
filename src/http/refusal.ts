import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { Problem, problemBody } from "../problem.ts";
import type { Answer } from "./reply.ts";

/** A refused request's answer; its path decides what it carries besides. */
export function refusal(problem: Problem, path: string): Answer {
	return {
		status: problem.status,
		headers: {
			"content-type": "application/problem+json",
			...problem.headers,
		},
		payload: JSON.stringify(problemBody(problem, path)),
	};
}

// the original's words: clients look for them
export const accessDenied: Answer = {
	status: 403,
	headers: {
		"content-type": "text/plain; charset=utf-8",
		"x-content-type-options": "nosniff",
	},
	payload: "Access Denied\n",
};

/** Only a web page sends these; a page in an operator's browser must not reach an agent. */
export function fromWebPage({ headers }: IncomingMessage): Problem | undefined {
	const { origin } = headers;
	const site = headers["sec-fetch-site"];
	if (origin !== undefined)
		return new Problem(403, `origin: no web page may call an agent: ${origin}`);
	if (site === undefined || site === "none" || site === "same-origin") return;
	return new Problem(
		403,
		`sec-fetch-site: no web page may call an agent: ${site}`,
	);
}

/** Not HTTP, or not in time: answered on the socket, before there is a request. */
export function refuseConnection(
	error: Error & { code?: string },
	socket: Socket,
) {
	if (!socket.writable || error.code === "ECONNRESET") return socket.destroy();
	const [status, detail] =
		error.code === "ERR_HTTP_REQUEST_TIMEOUT"
			? [408, "the request did not arrive in time"]
			: error.code === "HPE_HEADER_OVERFLOW"
				? [431, "headers: over the limit of 16384 bytes"]
				: [400, `not HTTP: ${error.message}`];
	const body = JSON.stringify(
		problemBody(new Problem(Number(status), String(detail)), ""),
	);
	socket.end(
		`HTTP/1.1 ${status} Refused\r\ncontent-type: application/problem+json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
	);
}
