import { StringDecoder } from "node:string_decoder";
import type { Pipe } from "./pipe.ts";

/** What one stream of a command wrote. */
export interface Captured {
	/** Invalid UTF-8 is replaced by U+FFFD. */
	text: string;
	/** Written in all. */
	bytes: number;
	/** Of them in `text`. */
	kept: number;
	/** More was written than kept. */
	cut: boolean;
}

export interface Output {
	/** It is at its end. */
	readonly closed: boolean;
	/** Calls back when it is at its end; never for one that is there already. One callback. */
	onClosed(callback: () => void): void;
	/**
	 * Ends the capture. What still comes is read and dropped, because a process that goes on writing would be killed by
	 * a closed pipe or stopped by a full one; it does not keep the daemon alive.
	 */
	take(): Captured;
	/** Closes the pipe under whoever still holds it. */
	destroy(): void;
}

/** Keeps the first `limitBytes` of a pipe; the rest is read and dropped: a full pipe would stop the command. */
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
			// decoded as a whole, as a character may lie across two chunks; one cut in half by the limit is left out
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
