import type { Readable } from "node:stream";

/** The reading end of a command's output. */
export interface Pipe {
	/** At its end, or destroyed. */
	readonly closed: boolean;
	/** Calls back with all that comes and, unless it is closed already, at its end. There is one listener. */
	listen(data: (chunk: Buffer) => void, closed: () => void): void;
	/** From now on it does not keep the daemon alive. */
	unref(): void;
	/** Closes it under whoever still holds the other end. */
	destroy(): void;
}

/** The output of a command that has none of this kind. */
export const closedPipe: Pipe = {
	closed: true,
	listen: () => {},
	unref: () => {},
	destroy: () => {},
};

/** A stream, such as a socket, as a pipe. */
export function streamPipe(stream: Readable & { unref?: () => unknown }): Pipe {
	stream.on("error", () => stream.destroy());
	return {
		get closed() {
			return stream.closed;
		},
		listen: (data, closed) => {
			stream.on("data", data).once("close", closed);
		},
		unref: () => {
			stream.unref?.();
		},
		destroy: () => {
			stream.destroy();
		},
	};
}
