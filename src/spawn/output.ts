import { StringDecoder } from "node:string_decoder";
import type { Pipe } from "./pipe.ts";

/** The captured output of one stream. */
export interface Captured {
	/** Decoded as UTF-8; invalid bytes become U+FFFD. */
	text: string;
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

/**
 * Keeps the first `limitBytes` of a pipe; reads and drops the rest, as a full pipe would block the
 * command.
 */
export function captureOutput(pipe: Pipe, limitBytes: number): Output {
	const chunks: Buffer[] = [];
	let bytes = 0;
	let kept = 0;

	let isTaken = false;
	let onClosed = () => {};

	const keep = (chunk: Buffer) => {
		if (isTaken) return;
		bytes += chunk.length;
		if (kept === limitBytes) return;
		const part = chunk.subarray(0, limitBytes - kept);
		kept += part.length;
		chunks.push(part);
	};
	pipe.listen(keep, () => onClosed());

	return {
		get closed() {
			return pipe.closed;
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
			return { text, bytes, kept, cut };
		},
		destroy() {
			pipe.destroy();
		},
	};
}
