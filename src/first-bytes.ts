import type { Socket } from "node:net";

/** Decides by its first bytes what becomes of a connection that nothing was read from. */
export type Screen = (
	socket: Socket,
	parts: {
		/** A client that sends too little within this time is disconnected. */
		waitMilliseconds: number;
		/** Serves the connection, which begins with a TLS handshake. */
		serve: () => void;
		/** Serves it without TLS. */
		servePlain: () => void;
		/** Gets the reason why a connection is not served. */
		onRefused: (reason: string) => void;
	},
) => void;

/**
 * Waits until the first bytes of a connection tell what it is. They are unread again for what comes
 * next.
 * @param parts.judge returns what comes next; undefined for too few bytes
 */
export function inspectStart(
	socket: Socket,
	parts: Pick<Parameters<Screen>[1], "waitMilliseconds" | "onRefused"> & {
		judge: (head: Buffer) => (() => void) | undefined;
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
	// a "close" event follows every error
	const ignore = () => {};
	const look = () => {
		const chunk: Buffer | null = socket.read();
		// the client has closed its side
		if (!chunk) return socket.destroy();
		head = head ? Buffer.concat([head, chunk]) : chunk;
		const next = parts.judge(head);
		if (!next) return;
		over();
		socket.unshift(head);
		next();
	};
	const limit = setTimeout(() => {
		over();
		parts.onRefused("timeout");
		socket.destroy();
	}, parts.waitMilliseconds);
	socket.on("readable", look).on("close", gone).on("error", ignore);
}
