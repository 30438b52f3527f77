import type { Writable } from "node:stream";
import { fitted, safeLine } from "./terminal.ts";

/**
 * Shows on standard error, if that is a terminal, what a command is doing that takes longer than a
 * second: one line, which disappears at the end.
 */
export interface Progress {
	/**
	 * Shows a text while the work runs, and for how long already.
	 * @param what asked whenever the line is drawn
	 */
	during<T>(what: () => string, work: () => Promise<T>): Promise<T>;
	/** Removes the line, before another text is written; it comes back while the work runs on. */
	clear(): void;
}

const delayMilliseconds = 1_000;
const redrawMilliseconds = 250;

const barColumns = 20;

/** How much is done: a bar and both numbers. */
export function barText(done: number, total: number): string {
	const full = Math.floor((done / Math.max(total, 1)) * barColumns);
	return `${"█".repeat(full)}${"░".repeat(barColumns - full)} ${done}/${total}`;
}

/** Shows nothing. */
export const noProgress: Progress = {
	during: (_what, work) => work(),
	clear: () => {},
};

/**
 * @param columns width of the terminal; undefined if the stream is none: then nothing is shown
 * @param now milliseconds, arbitrary origin
 */
export function createProgress(
	stream: Writable,
	columns: number | undefined,
	now: () => number = () => performance.now(),
): Progress {
	if (columns === undefined) return noProgress;
	let isShown = false;
	const clear = () => {
		if (isShown) stream.write("\r\x1b[2K");
		isShown = false;
	};
	return {
		clear,
		async during(what, work) {
			const begunAt = now();
			const draw = () => {
				const elapsed = now() - begunAt;
				if (elapsed < delayMilliseconds) return;
				const seconds = ` (${Math.floor(elapsed / 1000)} s)`;
				// the last column stays free: some terminals wrap when it is written
				const text = fitted(safeLine(what()), columns - 1 - seconds.length);
				stream.write(`\r\x1b[2K${text}${seconds}`);
				isShown = true;
			};
			const timer = setInterval(draw, redrawMilliseconds);
			try {
				return await work();
			} finally {
				clearInterval(timer);
				clear();
			}
		},
	};
}
