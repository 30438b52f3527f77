import {
	type Colour,
	displayWidth,
	fitted,
	type Screen,
	safeLine,
} from "./terminal.ts";

export interface Column {
	title: string;
	align?: "right";
}

/** The text of a cell may come from an agent; table() escapes it. */
export type Cell = string | { text: string; colour: Colour | undefined };

/** Shown for a value that an agent does not report. */
export const dash = "–";

const gap = "  ";
/** No column becomes narrower than this, however narrow the terminal is. */
const minWidth = 6;

/** Makes the widest columns narrower until all fit. */
function shrink(widths: number[], room: number): number[] {
	const fit = [...widths];
	let over = fit.reduce((sum, width) => sum + width, 0) - room;
	while (over > 0) {
		const widest = Math.max(...fit);
		if (widest <= minWidth) break;
		fit[fit.indexOf(widest)] = widest - 1;
		over--;
	}
	return fit;
}

/** Formats rows under column titles, no wider than the terminal. Empty if there are no rows. */
export function table(
	columns: readonly Column[],
	rows: readonly (readonly Cell[])[],
	{ columns: width, paint }: Screen,
): string {
	if (rows.length === 0) return "";
	const cells = rows.map((row) =>
		row.map((cell) =>
			typeof cell === "string"
				? { text: safeLine(cell), colour: undefined }
				: { text: safeLine(cell.text), colour: cell.colour },
		),
	);
	const wanted = columns.map(({ title }, at) =>
		cells.reduce(
			(max, row) => Math.max(max, displayWidth(row[at]?.text ?? "")),
			displayWidth(title),
		),
	);
	const widths =
		width === undefined
			? wanted
			: shrink(wanted, width - gap.length * (columns.length - 1));
	const line = (
		row: readonly { text: string; colour: Colour | undefined }[],
	) => {
		const last = columns.length - 1;
		return columns
			.map(({ align }, at) => {
				const { text = "", colour } = row[at] ?? {};
				const shown = fitted(text, widths[at] ?? 0);
				const space = " ".repeat((widths[at] ?? 0) - displayWidth(shown));
				const painted = paint(shown, colour);
				if (align === "right") return space + painted;
				return at === last ? painted : painted + space;
			})
			.join(gap)
			.trimEnd();
	};
	const head = columns.map(({ title }) => ({
		text: title,
		colour: "bold" as const,
	}));
	return [head, ...cells].map((row) => `${line(row)}\n`).join("");
}
