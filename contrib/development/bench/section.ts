import { type Summary, shown, shownSummary } from "./summary.ts";

/** What is asked of a figure. */
export interface Target {
	is: "at least" | "at most" | "below";
	value: number;
	/** Better still. */
	stretch?: number;
}

/** A figure that is held to a target, or only told. */
export interface Verdict {
	what: string;
	figure: Summary;
	target?: Target;
}

/** One benchmark's outcome. */
export interface Section {
	title: string;
	/** What was compared with what, and how the load was made. */
	notes: readonly string[];
	columns: readonly string[];
	rows: readonly { name: string; cells: readonly (Summary | undefined)[] }[];
	verdicts: readonly Verdict[];
}

function meets(value: number, { is }: Target, limit: number) {
	if (is === "at least") return value >= limit;
	return is === "at most" ? value <= limit : value < limit;
}

function judged({ figure, target }: Verdict): string[] {
	if (!target) return ["", ""];
	const { is, value, stretch } = target;
	const part = (limit: number) =>
		`${shown(limit)} ${meets(figure.median, target, limit) ? "yes" : "NO"}`;
	return [
		`${is} ${part(value)}`,
		stretch === undefined ? "" : `stretch ${part(stretch)}`,
	];
}

/** Rows of texts as lines, the first column to the left. */
function aligned(rows: readonly (readonly string[])[]): string[] {
	const widths = (rows[0] ?? []).map((_, column) =>
		Math.max(...rows.map((row) => row[column]?.length ?? 0)),
	);
	return rows.map((row) =>
		row
			.map((text, column) =>
				column === 0
					? text.padEnd(widths[column] ?? 0)
					: text.padStart(widths[column] ?? 0),
			)
			.join("  ")
			.trimEnd(),
	);
}

/** A section as lines: medians, and in brackets the least and the most. */
export function sectionLines(section: Section): string[] {
	const { title, notes, columns, rows, verdicts } = section;
	const cell = (figure: Summary | undefined) =>
		figure ? shownSummary(figure) : "";
	const lines = [title, ...notes.map((note) => `  ${note}`)];
	lines.push(
		...aligned([
			["", ...columns],
			...rows.map(({ name, cells }) => [name, ...cells.map(cell)]),
		]).map((line) => `  ${line}`),
	);
	if (verdicts.length > 0)
		lines.push(
			...aligned(
				verdicts.map((verdict) => [
					verdict.what,
					shownSummary(verdict.figure),
					...judged(verdict),
				]),
			).map((line) => `  = ${line}`),
		);
	return lines;
}
