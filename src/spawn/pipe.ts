import type { Readable } from "node:stream";
import { createLoopTurns } from "../turn.ts";

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

/**
 * Loud commands are read on a few at a time. The others wait with a full pipe, and leave
 * the processor to the agent.
 */
const loud = createLoopTurns(16);

/** A stream, such as a socket, as a pipe. */
export function streamPipe(stream: Readable & { unref?: () => unknown }): Pipe {
	stream.on("error", () => stream.destroy());
	return {
		get closed() {
			return stream.closed;
		},
		listen: (data, closed) => {
			let isFirst = true;
			stream
				.on("data", (chunk: Buffer) => {
					data(chunk);
					// most commands write one line
					if (isFirst) isFirst = false;
					else {
						stream.pause();
						loud(() => stream.resume());
					}
				})
				.once("close", closed);
		},
		unref: () => {
			stream.unref?.();
		},
		destroy: () => {
			stream.destroy();
		},
	};
}
