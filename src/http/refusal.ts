import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Problem, problemBody } from "../problem.ts";
import { strictJson } from "../strict-json.ts";
import type { Exchange } from "./exchange.ts";
import type { Answer } from "./reply.ts";

/** A refused request's answer; its path decides what it carries besides. */
export function refusal(problem: Problem, path: string): Answer {
	return {
		status: problem.status,
		headers: {
			"content-type": "application/problem+json",
			...problem.headers,
		},
		payload: strictJson(problemBody(problem, path)),
	};
}

/** The original's words, because clients look for them. */
export const accessDenied: Answer = {
	status: 403,
	headers: {
		"content-type": "text/plain; charset=utf-8",
		"x-content-type-options": "nosniff",
	},
	payload: "Access Denied\n",
};

/** Only a web page sends these; a page in an operator's browser must not reach an agent. */
function fromWebPage({ headers }: IncomingMessage): Problem | undefined {
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

/** Why the headers alone are enough to refuse a request. */
export function unwelcome(request: IncomingMessage): Problem | undefined {
	// RFC 9112 3.2; Node would answer it itself, before the access rule
	if (request.httpVersion === "1.1" && request.headers.host === undefined)
		return new Problem(400, "host: required");
	return fromWebPage(request);
}

/** A client that does not end its side of a refused connection has this long. */
const lingerMilliseconds = 1_000;

/** The last answer on a connection where there is no response to write to. */
export function endWith(
	socket: Duplex,
	{ status, headers, payload }: Answer,
): void {
	const lines = Object.entries({
		...headers,
		"content-length": String(Buffer.byteLength(payload)),
		connection: "close",
	}).map(([name, value]) => `${name}: ${value}\r\n`);
	const linger = setTimeout(() => socket.destroy(), lingerMilliseconds);
	socket.once("close", () => clearTimeout(linger));
	socket.end(
		`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n${payload}`,
	);
}

/**
 * Not HTTP, or not in time. Answered on the socket, unless a request before it
 * is being answered there: these bytes would be taken for its answer. Gives the
 * problem that was answered.
 */
export function refuseConnection(
	error: Error & { code?: string },
	socket: Socket,
	exchange: Exchange | undefined,
	isDenied: boolean,
): Problem | undefined {
	const isAnswering = exchange !== undefined && !exchange.reading;
	const isHttp =
		error.code?.startsWith("HPE_") || error.code === "ERR_HTTP_REQUEST_TIMEOUT";
	// without a handshake there is nobody to write to, and no end of waiting for one
	if (!socket.writable || !isHttp || isAnswering) {
		socket.destroy();
		return undefined;
	}
	const problem =
		error.code === "ERR_HTTP_REQUEST_TIMEOUT"
			? new Problem(408, "the request did not arrive in time")
			: error.code === "HPE_HEADER_OVERFLOW"
				? new Problem(431, "headers: over the limit of 16384 bytes")
				: new Problem(400, `not HTTP: ${error.message}`);
	endWith(
		socket,
		isDenied ? accessDenied : refusal(problem, exchange?.path ?? ""),
	);
	return problem;
}
