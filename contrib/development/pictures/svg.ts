/** Colours of a dark terminal, by the number of SGR. */
const colours: Readonly<Record<number, string>> = {
	30: "#7f848e",
	31: "#f47067",
	32: "#8ddb8c",
	33: "#f0c674",
	34: "#6cb6ff",
	35: "#dcbdfb",
	36: "#76e3ea",
	37: "#d6deeb",
};
const background = "#1b2028";
const foreground = "#d6deeb";

/** Width of a character and height of a line, in pixels. */
const cell = { width: 8.4, height: 18 };
const margin = 12;

const escaped = (text: string) =>
	text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");

/** Characters of one look. */
interface Run {
	text: string;
	column: number;
	colour: string;
	isBold: boolean;
}

/**
 * Parts lines of `tmux capture-pane -e`, which has only SGR sequences. A look lasts until the next
 * sequence, also across lines.
 */
function runsOf(lines: readonly string[]): Run[][] {
	let colour = foreground;
	let isBold = false;
	const take = (code: number) => {
		if (code === 0) {
			colour = foreground;
			isBold = false;
		} else if (code === 1) isBold = true;
		else if (code === 2) colour = colours[30] ?? foreground;
		else if (code === 22) isBold = false;
		else if (code === 39) colour = foreground;
		else colour = colours[code] ?? colour;
	};
	return lines.map((line) => {
		const runs: Run[] = [];
		let column = 0;
		// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin the sequences
		for (const part of line.split(/(\x1b\[[\d;]*m| {2,})/)) {
			// biome-ignore lint/suspicious/noControlCharactersInRegex: they begin the sequences
			const [, codes] = /^\x1b\[([\d;]*)m$/.exec(part) ?? [];
			if (codes !== undefined) {
				for (const code of codes.split(";")) take(Number(code));
				continue;
			}
			// SVG would make one blank of several
			const text = part.trim();
			const at = column + part.length - part.trimStart().length;
			if (text !== "") runs.push({ text, column: at, colour, isBold });
			column += [...part].length;
		}
		return runs;
	});
}

/**
 * Draws lines of a terminal as SVG.
 * @param lines with SGR sequences
 * @param columns width of the terminal
 * @param title for readers who do not see the picture
 */
export function terminalSvg(
	lines: readonly string[],
	columns: number,
	title: string,
): string {
	const width = Math.ceil(columns * cell.width + 2 * margin);
	const height = lines.length * cell.height + 2 * margin;
	const texts = runsOf(lines).flatMap((runs, row) =>
		runs.map(({ text, column, colour, isBold }) => {
			const x = (margin + column * cell.width).toFixed(1);
			const y = margin + row * cell.height + 13;
			const length = ([...text].length * cell.width).toFixed(1);
			const look = `fill="${colour}"${isBold ? ' font-weight="bold"' : ""}`;
			return `<text x="${x}" y="${y}" textLength="${length}" ${look}>${escaped(text)}</text>`;
		}),
	);
	return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="14">
<title>${escaped(title)}</title>
<rect width="100%" height="100%" rx="6" fill="${background}"/>
${texts.join("\n")}
</svg>
`;
}
