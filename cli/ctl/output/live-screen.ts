import type { Writable } from "node:stream";

/** Width and height of a terminal, in characters. */
export interface Size {
	columns: number;
	rows: number;
}

/** A screen that is drawn again and again. */
export interface LiveScreen {
	/** Draws what `frame` returns, and again when the terminal gets another size. */
	draw(): void;
	/** Gives the terminal back and leaves the last frame on it. */
	end(): void;
}

type Terminal = Writable & { columns?: number; rows?: number };

// the alternate screen, without cursor and without wrapping
const enter = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const leave = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/**
 * Takes over a terminal until end() is called. What the terminal showed comes back then; also while
 * Ctrl-Z has stopped the program.
 * @param frame returns lines that fit; further ones are cut off
 */
export function createLiveScreen(
	terminal: Writable,
	frame: (size: Size) => string,
): LiveScreen {
	const stream: Terminal = terminal;
	let isEnded = false;
	const linesNow = () => {
		// 0 means that the terminal does not know its size
		const size = { columns: stream.columns || 80, rows: stream.rows || 24 };
		return frame(size).trimEnd().split("\n").slice(0, size.rows);
	};
	const draw = () => {
		// a slow terminal gets the next frame instead of all
		if (isEnded || stream.writableLength > 0) return;
		// clear first: after a line that is full, this would clear its last character
		const lines = linesNow().map((line) => `\x1b[2K${line}`);
		stream.write(`\x1b[H${lines.join("\r\n")}\x1b[J`);
	};
	const onStop = () => {
		stream.write(leave);
		process.kill(process.pid, "SIGSTOP");
	};
	const onContinue = () => {
		stream.write(enter);
		draw();
	};
	process.on("SIGTSTP", onStop);
	process.on("SIGCONT", onContinue);
	stream.on("resize", draw);
	stream.write(enter);
	return {
		draw,
		end() {
			if (isEnded) return;
			isEnded = true;
			process.off("SIGTSTP", onStop);
			process.off("SIGCONT", onContinue);
			stream.off("resize", draw);
			stream.write(`${leave}${linesNow().join("\n")}\n`);
		},
	};
}
