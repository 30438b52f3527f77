import { type Summary, shown, shownSummary } from "./summary.ts";

/** The target for a figure. */
export interface Target {
	is: "at least" | "at most" | "below";
	value: number;
	/** A more ambitious value. */
	stretch?: number;
}

/** A figure that is compared with a target, or only reported. */
export interface Verdict {
	what: string;
	figure: Summary;
	target?: Target;
}

/** The results of one benchmark. */
export interface Section {
	title: string;
	/** What was compared, and how the load was generated. */
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

/** Formats rows as aligned lines, with the first column left-aligned. */
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

/** Formats a section as lines: medians, with minimum and maximum in brackets. */
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
