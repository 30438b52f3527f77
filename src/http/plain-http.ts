import type { Socket } from "node:net";
import { endWith } from "./refusal.ts";
import type { Answer } from "./reply.ts";

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
