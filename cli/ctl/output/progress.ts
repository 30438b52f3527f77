import type { Writable } from "node:stream";

/** A progress bar: how many agents are done. It disappears at the end. */
export interface Progress {
	/** Call it when another agent is done. */
	advance(): void;
	/** Removes the bar for good. */
	end(): void;
}

const width = 30;
/** Fast commands need no bar. */
const delayMilliseconds = 300;
/** A bar for fewer agents shows little. */
const minAgents = 5;

/** @param isTerminal whether the stream is a terminal; otherwise nothing is shown */
export function createProgress(
	stream: Writable,
	total: number,
	isTerminal: boolean,
): Progress {
	if (!isTerminal || total < minAgents)
		return { advance: () => {}, end: () => {} };
	let done = 0;
	let isShown = false;
	const draw = () => {
		isShown = true;
		const full = Math.floor((done / total) * width);
		const bar = "█".repeat(full) + "░".repeat(width - full);
		stream.write(`\r\x1b[2K${bar} ${done}/${total}`);
	};
	const later = setTimeout(draw, delayMilliseconds);
	return {
		advance() {
			done++;
			if (isShown) draw();
		},
		end() {
			clearTimeout(later);
			if (isShown) stream.write("\r\x1b[2K");
			isShown = false;
		},
	};
}
