import type { CheckResult } from "../../../src/client/index.ts";
import {
	type Perfdata,
	type PerfdataRange,
	splitOutput,
} from "../../../src/protocol/perfdata.ts";
import { figureText } from "../output/quantity.ts";
import { type Cell, type Column, table } from "../output/table.ts";
import {
	type Colour,
	displayWidth,
	type Paint,
	type Screen,
	safeLine,
	safeLines,
	wrapped,
} from "../output/terminal.ts";
import { answered, type HostAnswer } from "../target/answer.ts";

/** States of Nagios by exit status. */
const states: readonly { name: string; colour: Colour }[] = [
	{ name: "OK", colour: "green" },
	{ name: "WARNING", colour: "yellow" },
	{ name: "CRITICAL", colour: "red" },
	{ name: "UNKNOWN", colour: "magenta" },
];

export const unknown = 3;
/** Exit statuses from good to bad: CRITICAL is worse than UNKNOWN. */
export const severity: readonly number[] = [0, 1, 3, 2];

/** The state of one host: an index of `states`. */
export const stateOf = (answer: HostAnswer<CheckResult>) =>
	answer.ok && states[answer.data.return_value]
		? answer.data.return_value
		: unknown;

/** A result, with its performance data if that is wanted. */
export type Data = CheckResult & { perfdata?: Perfdata };

interface Result {
	host: string;
	data: Data;
}

const stateText = (status: number) =>
	states[status] ?? { name: `status ${status}`, colour: "magenta" as const };

/** Results with the worst state first, otherwise in their order. */
export const worstFirst = (results: readonly Result[]): Result[] => {
	const badness = ({ host, data }: Result) =>
		severity.indexOf(stateOf({ host, ok: true, data }));
	return [...results].sort((a, b) => badness(b) - badness(a));
};

/** Columns that a text needs beside the host; with fewer, it begins on a line of its own. */
const minTextColumns = 24;

/** State and output of each host, without performance data; all lines but the first are indented. */
export function resultsText(
	results: readonly Result[],
	{ columns, paint }: Screen,
): string {
	const widest = Math.max(...results.map(({ host }) => displayWidth(host)));
	return results
		.map(({ host, data }) => {
			const { name, colour } = stateText(data.return_value);
			const space = " ".repeat(widest - displayWidth(host));
			const head = `${paint(host, "cyan")}${space}  ${paint(name.padEnd(8), colour)}`;
			const used = widest + 12;
			const { text, longText } = splitOutput(data.message);
			const isBeside =
				columns === undefined || columns - used >= minTextColumns;
			const first = wrapped(safeLine(text), columns, isBeside ? used : 4);
			const more = safeLines(longText)
				.split("\n")
				.filter((line) => line.trim() !== "")
				.map((line) => `\n    ${wrapped(line, columns, 4)}`);
			return `${head}${isBeside ? "  " : "\n    "}${first}${more.join("")}\n`;
		})
		.join("");
}

/** How many hosts there are of each state, the worst first. */
export function summaryText(
	answers: readonly HostAnswer<CheckResult>[],
	paint: Paint,
): string {
	const counts = new Map<string, { number: number; colour: Colour }>();
	for (const { data } of worstFirst(answered(answers))) {
		const { name, colour } = stateText(data.return_value);
		const number = (counts.get(name)?.number ?? 0) + 1;
		counts.set(name, { number, colour });
	}
	const failed = answers.filter(({ ok }) => !ok).length;
	const texts = [...counts].map(([name, { number, colour }]) =>
		paint(`${number} ${name}`, colour),
	);
	if (failed > 0) texts.push(paint(`${failed} without an answer`, "red"));
	return `${answers.length} hosts: ${texts.join(", ")}\n`;
}

export const perfdataColumns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "LABEL", cut: "middle" },
	{ title: "VALUE", align: "right" },
	{ title: "WARNING", align: "right", leaves: 3 },
	{ title: "CRITICAL", align: "right", leaves: 4 },
	{ title: "MIN", align: "right", leaves: 2 },
	{ title: "MAX", align: "right", leaves: 1 },
];

/** A range as plugins print it: `@10:20`, `~:5`, `5`. */
function rangeText(range: PerfdataRange | undefined): string {
	if (!range) return "";
	const { lower, upper, alert } = range;
	const from =
		lower === 0 ? "" : `${lower === undefined ? "~" : figureText(lower)}:`;
	const to = upper === undefined ? "" : figureText(upper);
	// without an upper bound, the colon tells the lower one
	const text = to === "" && from === "" ? "0:" : `${from}${to}`;
	return `${alert === "inside" ? "@" : ""}${text}`;
}

/** The performance data of all hosts, one value a row. */
export function perfdataText(
	results: readonly Result[],
	screen: Screen,
): string {
	const number = (value: number | undefined) =>
		value === undefined ? "" : figureText(value);
	return table(
		perfdataColumns,
		results.flatMap(({ host, data }) =>
			(data.perfdata?.values ?? []).map((one): Cell[] => [
				{ text: host, colour: "cyan" },
				one.label,
				one.value === undefined ? "U" : `${figureText(one.value)}${one.unit}`,
				rangeText(one.warning),
				rangeText(one.critical),
				number(one.min),
				number(one.max),
			]),
		),
		screen,
	);
}
