import { type IncomingMessage, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { AgentError } from "../agent-error.ts";
import { inspectStart, type Screen } from "../first-bytes.ts";
import { type Objection, objectionAnswer } from "./errors.ts";
import type { Answer } from "./reply.ts";
import type { IncomingRequest } from "./request.ts";

/**
 * Refuses requests with headers that only web pages send: a page in an operator's browser must not
 * reach an agent.
 */
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

/** Returns the reason if the headers alone make the request unacceptable. */
export function unwelcome(request: IncomingMessage): AgentError | undefined {
	// RFC 9112 3.2; checked here because Node would answer before the access check
	if (request.httpVersion === "1.1" && request.headers.host === undefined)
		return new AgentError("bad-http", "host: required");
	return fromWebPage(request);
}

/** How long a refused connection stays open for a client that does not close its side. */
const lingerMilliseconds = 1_000;

/** Writes a final answer to a connection that has no response object, and ends it. */
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
 * Refuses a connection whose data is not HTTP or did not arrive in time. The refusal is written to
 * the socket, unless an earlier request is being answered there: the client would take these bytes
 * for its answer. Returns the objection that was answered.
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
	// without a TLS handshake nothing can be written
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

const methods = [
	"GET ",
	"POST ",
	"HEAD ",
	"PUT ",
	"DELETE ",
	"OPTIONS ",
	"PATCH ",
	"CONNECT ",
	"TRACE ",
];

/** Classifies the first bytes of a connection; `unclear` is the beginning of a method. */
function kindOf(bytes: Buffer): "HTTP" | "unclear" | "other" {
	const text = bytes.toString("latin1", 0, 8);
	if (methods.some((method) => text.startsWith(method))) return "HTTP";
	return methods.some((method) => method.startsWith(text))
		? "unclear"
		: "other";
}

/** Begins with the text of v1 (Go). */
const useHttps: Answer = {
	status: 400,
	headers: { "content-type": "text/plain; charset=utf-8" },
	payload: "Client sent an HTTP request to an HTTPS server. Use https://\n",
};

/** Answers and closes. Further data is read and dropped, because a reset would lose the answer. */
function refuse(socket: Socket) {
	endWith(socket, useHttps);
	socket.resume();
}

/**
 * Inspects the first bytes of a connection that nothing was read from. An HTTP request without TLS
 * is answered with 400; everything else, TLS included, goes to `serve`.
 */
export const refusePlainHttp: Screen = (socket, parts) =>
	inspectStart(socket, {
		...parts,
		judge: (head) => {
			const kind = kindOf(head);
			if (kind === "unclear") return undefined;
			if (kind === "other") return parts.serve;
			return () => {
				parts.onRefused("plain HTTP, answered with 400");
				socket.on("error", () => {});
				refuse(socket);
			};
		},
	});
