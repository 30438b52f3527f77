import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AgentError } from "../agent-error.ts";
import { type Objection, objectionAnswer } from "./errors.ts";
import type { Answer } from "./reply.ts";
import type { IncomingRequest } from "./request.ts";

/** Only a web page sends these; a page in an operator's browser must not reach an agent. */
function fromWebPage({ headers }: IncomingMessage): AgentError | undefined {
	const { origin } = headers;
	const site = headers["sec-fetch-site"];
	if (origin !== undefined)
		return new AgentError(
			"web-page",
			`origin: no web page may call an agent: ${origin}`,
		);
	if (site === undefined || site === "none" || site === "same-origin") return;
	return new AgentError(
		"web-page",
		`sec-fetch-site: no web page may call an agent: ${site}`,
	);
}

/** Why the headers alone are enough to refuse a request. */
export function unwelcome(request: IncomingMessage): AgentError | undefined {
	// RFC 9112 3.2; Node would answer it itself, before the access rule
	if (request.httpVersion === "1.1" && request.headers.host === undefined)
		return new AgentError("bad-http", "host: required");
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
 * Not HTTP, or not in time. Answered on the socket, unless a request before it is
 * being answered there: these bytes would be taken for its answer. Gives the objection
 * that was answered.
 */
export function refuseConnection(
	error: Error & { code?: string },
	socket: Socket,
	current: IncomingRequest | undefined,
	isDenied: boolean,
): Objection | undefined {
	const isAnswering = current !== undefined && !current.isReading;
	const isHttp =
		error.code?.startsWith("HPE_") || error.code === "ERR_HTTP_REQUEST_TIMEOUT";
	// without a handshake there is nobody to write to, and no end of waiting for one
	if (!socket.writable || !isHttp || isAnswering) {
		socket.destroy();
		return undefined;
	}
	const problem =
		error.code === "ERR_HTTP_REQUEST_TIMEOUT"
			? new AgentError("request-timeout", "the request did not arrive in time")
			: error.code === "HPE_HEADER_OVERFLOW"
				? new AgentError(
						"headers-too-large",
						"headers: over the limit of 16384 bytes",
					)
				: new AgentError("bad-http", `not HTTP: ${error.message}`);
	const why = isDenied ? "denied" : problem;
	endWith(socket, objectionAnswer(why, current?.path ?? ""));
	return why;
}
