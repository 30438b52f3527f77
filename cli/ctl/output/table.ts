import {
	type Colour,
	displayWidth,
	fitted,
	fittedInMiddle,
	type Screen,
	safeLine,
} from "./terminal.ts";

export interface Column {
	title: string;
	align?: "right";
	/**
	 * When the column leaves a terminal that is too narrow: 1 leaves first. A column without a number
	 * stays, and so does the first column.
	 */
	leaves?: number;
	/** Names end differently, so they are cut in the middle; other texts are cut at the end. */
	cut?: "middle";
}

/** The text of a cell may come from an agent; table() escapes it. */
export type Cell = string | { text: string; colour: Colour | undefined };

/** Shown for a value that an agent does not report. */
export const dash = "–";

const gap = "  ";
/** No column becomes narrower than this, however narrow the terminal is. */
const minWidth = 6;

const leaving = (columns: readonly Column[]) =>
	columns
		.slice(1)
		.filter(({ leaves }) => leaves !== undefined)
		.sort((a, b) => (a.leaves ?? 0) - (b.leaves ?? 0));

/** The order in which columns leave, for the help of a command. */
export const leavingText = (columns: readonly Column[]): string =>
	`If the terminal is too narrow, columns leave in this order: ${leaving(
		columns,
	)
		.map(({ title }) => title)
		.join(", ")}. The first column is never cut.`;

/** Columns that a terminal has room for, and their widths. */
interface Layout {
	column: Column;
	/** Its place in the rows. */
	at: number;
	width: number;
}

const widthOf = (layout: readonly Layout[]) =>
	layout.reduce((sum, { width }) => sum + width, 0) +
	gap.length * (layout.length - 1);

/** Lets columns leave, then makes the widest columns but the first narrower, until all fit. */
function fit(layout: readonly Layout[], width: number): Layout[] {
	const order = leaving(layout.map(({ column }) => column));
	let left = [...layout];
	while (widthOf(left) > width && order.length > 0) {
		const leaves = order.shift();
		left = left.filter(({ column }) => column !== leaves);
	}
	for (let over = widthOf(left) - width; over > 0; over--) {
		const [, ...others] = left;
		const widest = others.reduce<Layout | undefined>(
			(a, b) => (a && a.width >= b.width ? a : b),
			undefined,
		);
		if (!widest || widest.width <= minWidth) break;
		widest.width--;
	}
	return left;
}

/**
 * Formats rows under column titles, no wider than the terminal as long as the first column leaves
 * room. Empty if there are no rows.
 */
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
	const wanted = columns.map((column, at) => ({
		column,
		at,
		width: cells.reduce(
			(max, row) => Math.max(max, displayWidth(row[at]?.text ?? "")),
			displayWidth(column.title),
		),
	}));
	const layout = width === undefined ? wanted : fit(wanted, width);
	const line = (row: readonly { text: string; colour: Colour | undefined }[]) =>
		layout
			.map(({ column, at, width }, place) => {
				const { text = "", colour } = row[at] ?? {};
				const shown =
					column.cut === "middle"
						? fittedInMiddle(text, width)
						: fitted(text, width);
				const space = " ".repeat(width - displayWidth(shown));
				const painted = paint(shown, colour);
				if (column.align === "right") return space + painted;
				return place === layout.length - 1 ? painted : painted + space;
			})
			.join(gap)
			.trimEnd();
	const head = columns.map(({ title }) => ({
		text: title,
		colour: "bold" as const,
	}));
	return [head, ...cells].map((row) => `${line(row)}\n`).join("");
}
