import type { Readable } from "node:stream";

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
	/** The stream is at its end. */
	readonly closed: boolean;
	/** Calls back when the stream is at its end; never for one that is there already. */
	onClosed(callback: () => void): void;
	/**
	 * Ends the capture. What still comes is read and dropped, because a process that goes on writing would be killed by
	 * a closed pipe or stopped by a full one; it does not keep the daemon alive.
	 */
	take(): Captured;
	/** Closes the pipe under whoever still holds it. */
	destroy(): void;
}

/** Keeps the first `limitBytes` of a stream; the rest is read and dropped: a full pipe would stop the command. */
export function captureOutput(stream: Readable, limitBytes: number): Output {
	const chunks: Buffer[] = [];
	let bytes = 0;
	let kept = 0;

	const keep = (chunk: Buffer) => {
		bytes += chunk.length;
		if (kept === limitBytes) return;
		const part = chunk.subarray(0, limitBytes - kept);
		kept += part.length;
		chunks.push(part);
	};
	stream.on("data", keep);
	stream.on("error", () => stream.destroy());

	return {
		get closed() {
			return stream.closed;
		},
		onClosed(callback) {
			stream.once("close", callback);
		},
		take() {
			stream.off("data", keep);
			stream.resume();
			if ("unref" in stream && typeof stream.unref === "function")
				stream.unref();
			const cut = bytes > kept;
			// decoded as a whole, as a character may lie across two chunks; one cut in half by the limit is left out
			const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(
				Buffer.concat(chunks),
				{ stream: cut },
			);
			chunks.length = 0;
			return { text, bytes, kept, cut };
		},
		destroy() {
			stream.destroy();
		},
	};
}
