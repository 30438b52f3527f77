import type { Readable } from "node:stream";
import { createLoopTurns } from "../turn.ts";

/** The read end of a command's output. */
export interface Pipe {
	/** Whether it has ended or been destroyed. */
	readonly closed: boolean;
	/**
	 * Sets the one listener: `data` gets each chunk, `closed` is called at the end unless it has
	 * already been reached.
	 */
	listen(data: (chunk: Buffer) => void, closed: () => void): void;
	/** From now on, the pipe does not keep the agent alive. */
	unref(): void;
	/** Closes it, even if a process still holds the other end. */
	destroy(): void;
}

/** The standard error of a command whose outputs are merged. */
export const closedPipe: Pipe = {
	closed: true,
	listen: () => {},
	unref: () => {},
	destroy: () => {},
};

/**
 * Reads only a few loud commands in each turn of the event loop. The others wait with a full pipe,
 * and leave the processor to the agent.
 */
const loud = createLoopTurns(16);

/** Makes a pipe of a stream, such as a socket. */
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
