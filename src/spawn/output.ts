import { isUtf8 } from "node:buffer";
import { closeSync } from "node:fs";
import { Socket } from "node:net";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";
import { createLoopTurns } from "../turn.ts";
import type { NativeAddon } from "./native-addon.ts";

/** The read end of a command's output. */
export interface Pipe {
	/** Whether it has ended or been destroyed. */
	readonly closed: boolean;
	/**
	 * Sets the one listener: `data` gets each chunk, `closed` is called at the end unless it has
	 * already been reached.
	 */
	listen(data: (chunk: Buffer) => void, closed: () => void): void;
	/** Stops reading, so that a full pipe blocks the command; data may still arrive once. */
	pause(): void;
	/** Reads on. */
	resume(): void;
	/** From now on, the pipe does not keep the agent alive. */
	unref(): void;
	/** Closes it, even if a process still holds the other end. */
	destroy(): void;
}

/** The standard error of a command whose outputs are merged. */
export const closedPipe: Pipe = {
	closed: true,
	listen: () => {},
	pause: () => {},
	resume: () => {},
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
	let isPaused = false;
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
						loud(() => {
							if (!isPaused) stream.resume();
						});
					}
				})
				.once("close", closed);
			if (isPaused) stream.pause();
		},
		pause: () => {
			isPaused = true;
			stream.pause();
		},
		resume: () => {
			isPaused = false;
			stream.resume();
		},
		unref: () => {
			stream.unref?.();
		},
		destroy: () => {
			stream.destroy();
		},
	};
}

/**
 * A pipe that starts unwatched: for one line of output, a socket would take a quarter of the
 * check's total time.
 */
export interface NativePipe extends Pipe {
	/** Reads the available data; starts watching if the pipe has not ended then. */
	drain(): void;
	/** Reads data as it arrives, from now on. */
	watch(): void;
}

/** @param fd the non-blocking read end; closed at its end */
export function createNativePipe(
	fd: number,
	drain: NativeAddon["drain"],
): NativePipe {
	let watched: Pipe | undefined;
	let isClosed = false;
	let isReferenced = true;
	let isPaused = false;
	let give: (chunk: Buffer) => void = () => {};
	let tell = () => {};
	const end = () => {
		isClosed = true;
		tell();
	};
	const watch = () => {
		if (isClosed || watched) return;
		watched = streamPipe(new Socket({ fd, readable: true, writable: false }));
		if (!isReferenced) watched.unref();
		if (isPaused) watched.pause();
		watched.listen(give, end);
	};
	return {
		get closed() {
			return isClosed;
		},
		listen: (data, closed) => {
			give = data;
			tell = closed;
		},
		drain: () => {
			if (isClosed || watched) return;
			const [bytes, ended] = drain(fd);
			if (bytes) give(bytes);
			if (ended) end();
			else watch();
		},
		watch,
		pause: () => {
			isPaused = true;
			watched?.pause();
		},
		resume: () => {
			isPaused = false;
			watched?.resume();
		},
		unref: () => {
			isReferenced = false;
			watched?.unref();
		},
		destroy: () => {
			if (isClosed) return;
			if (watched) return watched.destroy();
			closeSync(fd);
			end();
		},
	};
}

/** The captured output of one stream. */
export interface Captured {
	/** Decoded as UTF-8; invalid bytes become U+FFFD. */
	text: string;
	/** The bytes as they came, if they are not valid UTF-8. */
	raw?: Buffer;
	/** Bytes written in total. */
	bytes: number;
	/** Bytes kept in `text`. */
	kept: number;
	/** Whether more was written than kept. */
	cut: boolean;
}

/** The capture of one stream. */
export interface Output {
	/** Whether the stream has ended. */
	readonly closed: boolean;
	/** Resolves when it has memory or gets none; undefined if it is not waiting for memory. */
	readonly waiting: Promise<void> | undefined;
	/** Output is missing, as there was no memory for it, or still waits for some. */
	readonly lacksMemory: boolean;
	/** Sets the callback for the end of the stream; it is not called if the stream has already ended. */
	onClosed(callback: () => void): void;
	/**
	 * Ends the capture. Later output is still read and dropped, because a writing process would be
	 * killed by a closed pipe or blocked by a full one; it does not keep the agent alive.
	 */
	take(): Captured;
	/** Closes the pipe, even if a process still holds the other end. */
	destroy(): void;
}

/** Bytes that an output may have without reserved memory; one chunk more may arrive. */
const unreservedBytes = 65_536;

/**
 * Keeps the first `limitBytes` of a pipe; reads and drops the rest, as a full pipe would block the
 * command.
 * @param reserve resolves when there is memory for the rest of the output, up to the limit; until
 * then the command waits. After a rejection, the rest is dropped. Without it, there is no limit
 */
export function captureOutput(
	pipe: Pipe,
	limitBytes: number,
	reserve?: () => Promise<void>,
): Output {
	const chunks: Buffer[] = [];
	let bytes = 0;
	let kept = 0;

	let isTaken = false;
	let onClosed = () => {};
	let isReserved = !reserve || limitBytes <= unreservedBytes;
	let isRefused = false;
	let waiting: Promise<void> | undefined;

	const wait = () => {
		pipe.pause();
		waiting = reserve?.()
			.catch(() => {
				isRefused = true;
			})
			.finally(() => {
				waiting = undefined;
				pipe.resume();
			});
	};
	const keep = (chunk: Buffer) => {
		if (isTaken) return;
		bytes += chunk.length;
		if (kept === limitBytes || isRefused) return;
		const part = chunk.subarray(0, limitBytes - kept);
		kept += part.length;
		chunks.push(part);
		if (isReserved || kept <= unreservedBytes) return;
		isReserved = true;
		wait();
	};
	pipe.listen(keep, () => onClosed());

	return {
		get closed() {
			return pipe.closed;
		},
		get waiting() {
			return waiting;
		},
		get lacksMemory() {
			const isWaiting = waiting !== undefined && !pipe.closed;
			return isWaiting || (kept < limitBytes && bytes > kept);
		},
		onClosed(callback) {
			onClosed = callback;
		},
		take() {
			isTaken = true;
			pipe.unref();
			const cut = bytes > kept;
			// decode all chunks together, as a character may span two; drop one that the limit has split
			const whole = Buffer.concat(chunks);
			const text = cut
				? new StringDecoder("utf8").write(whole)
				: whole.toString("utf8");
			chunks.length = 0;
			const isLossy = text.includes("\ufffd") && !isUtf8(whole);
			return { text, bytes, kept, cut, ...(isLossy && { raw: whole }) };
		},
		destroy() {
			pipe.destroy();
		},
	};
}
