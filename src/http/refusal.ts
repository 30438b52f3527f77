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

/** What the first bytes of a connection are; `unclear` is a method that is not complete yet. */
function kindOf(bytes: Buffer): "HTTP" | "unclear" | "other" {
	const text = bytes.toString("latin1", 0, 8);
	if (methods.some((method) => text.startsWith(method))) return "HTTP";
	return methods.some((method) => method.startsWith(text))
		? "unclear"
		: "other";
}

/** Begins with the original's words. */
const useHttps: Answer = {
	status: 400,
	headers: { "content-type": "text/plain; charset=utf-8" },
	payload: "Client sent an HTTP request to an HTTPS server. Use https://\n",
};

/** Answers and closes; what the client still sends is read and dropped, because a reset would cost it the answer. */
function refuse(socket: Socket) {
	endWith(socket, useHttps);
	socket.resume();
}

/**
 * Looks at the first bytes of a connection that nothing was read from. An HTTP
 * request without TLS is answered with 400; all else, TLS included, goes to
 * `serve`, with its bytes unread again. A client that sends too little is closed
 * after `waitMilliseconds`. `onRefused` hears why a connection does not get to `serve`.
 */
export function refusePlainHttp(
	socket: Socket,
	parts: {
		waitMilliseconds: number;
		serve: () => void;
		onRefused: (reason: string) => void;
	},
): void {
	let head: Buffer | undefined;
	const over = () => {
		clearTimeout(limit);
		socket.off("readable", look).off("close", gone).off("error", ignore);
	};
	const gone = () => {
		over();
		parts.onRefused("closed before it began");
	};
	// "close" follows
	const ignore = () => {};
	const look = () => {
		const chunk: Buffer | null = socket.read();
		// the client has ended its side
		if (!chunk) return socket.destroy();
		head = head ? Buffer.concat([head, chunk]) : chunk;
		const kind = kindOf(head);
		if (kind === "unclear") return;
		over();
		if (kind === "HTTP") {
			parts.onRefused("plain HTTP, answered with 400");
			socket.on("error", ignore);
			return refuse(socket);
		}
		socket.unshift(head);
		parts.serve();
	};
	const limit = setTimeout(() => {
		over();
		parts.onRefused("timeout");
		socket.destroy();
	}, parts.waitMilliseconds);
	socket.on("readable", look).on("close", gone).on("error", ignore);
}
