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

/** A cell, from an agent as a rule: it is made safe here. */
export type Cell = string | { text: string; colour: Colour | undefined };

/** What stands for a value that an agent does not have. */
export const dash = "–";

const gap = "  ";
/** No column gets narrower than this, for a narrow terminal. */
const narrowest = 6;

/** Takes from the widest columns until all fit. */
function shrink(widths: number[], room: number): number[] {
	const fit = [...widths];
	let over = fit.reduce((sum, width) => sum + width, 0) - room;
	while (over > 0) {
		const widest = Math.max(...fit);
		if (widest <= narrowest) break;
		fit[fit.indexOf(widest)] = widest - 1;
		over--;
	}
	return fit;
}

/** Rows under their titles, as wide as the terminal at most. Without rows it is empty. */
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
			(most, row) => Math.max(most, displayWidth(row[at]?.text ?? "")),
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
