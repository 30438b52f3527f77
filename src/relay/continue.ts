import type { Socket } from "node:net";

const continueStart = Buffer.from("HTTP/1.1 100 ");
const headEnd = Buffer.from("\r\n\r\n");

/** Limit of these answers before the answer, and of the bytes of one. */
const maxAnswers = 32;
const maxBytes = 16_384;

const startsAlike = (bytes: Buffer, start: Buffer) => {
	const length = Math.min(bytes.length, start.length);
	return bytes.compare(start, 0, length, 0, length) === 0;
};

/** What undici reads from a connection. */
export interface Reading {
	/** Call it before each request. */
	begin(): void;
	/**
	 * Ends it; call it before the connection below TLS is reset. Reading on would close the TLS socket
	 * at once, while undici parses, which it takes for a fault of its own.
	 */
	stop(): void;
}

/**
 * Hides `100 Continue` at the start of an answer from whoever reads the socket. A server may send it
 * without being asked (RFC 9110 15.2.1), and undici takes it for a broken connection.
 */
export function hideContinue(socket: Socket): Reading {
	const read = socket.read.bind(socket);
	let isStopped = false;
	let isStart = false;
	let answers = 0;
	let held: Buffer = Buffer.alloc(0);

	/** Returns the bytes behind such answers; undefined if more are needed to tell. */
	const behind = (bytes: Buffer): Buffer | undefined => {
		let rest = bytes;
		while (rest.length > 0 && startsAlike(rest, continueStart)) {
			const end = rest.indexOf(headEnd);
			if (end === -1) return rest.length > maxBytes ? rest : undefined;
			if (++answers > maxAnswers) return rest;
			rest = rest.subarray(end + headEnd.length);
		}
		return rest;
	};

	socket.read = (size?: number) => {
		for (;;) {
			if (isStopped) return null;
			const chunk: Buffer | null = read(size);
			if (!isStart || chunk === null) return chunk;
			const rest = behind(
				held.length > 0 ? Buffer.concat([held, chunk]) : chunk,
			);
			held = rest ? Buffer.alloc(0) : Buffer.concat([held, chunk]);
			if (!rest || rest.length === 0) continue;
			isStart = false;
			return rest;
		}
	};
	return {
		begin: () => {
			isStart = true;
			answers = 0;
		},
		stop: () => {
			isStopped = true;
		},
	};
}
