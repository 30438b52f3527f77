import type { Writable } from "node:stream";

/** How many agents are done, on a line of its own that vanishes at the end. */
export interface Progress {
	/** Call it when one more is done. */
	advance(): void;
	/** Takes the line away. Nothing is shown afterwards. */
	end(): void;
}

const width = 30;
/** Who is fast needs no bar. */
const patienceMilliseconds = 300;
/** Fewer agents are no progress to watch. */
const fewest = 5;

/** @param isTerminal whether somebody watches standard error */
export function createProgress(
	stream: Writable,
	total: number,
	isTerminal: boolean,
): Progress {
	if (!isTerminal || total < fewest)
		return { advance: () => {}, end: () => {} };
	let done = 0;
	let isShown = false;
	const draw = () => {
		isShown = true;
		const full = Math.floor((done / total) * width);
		const bar = "█".repeat(full) + "░".repeat(width - full);
		stream.write(`\r\x1b[2K${bar} ${done}/${total}`);
	};
	const later = setTimeout(draw, patienceMilliseconds);
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
