import type { CheckOptions } from "./arguments.ts";
import type { Result } from "./result.ts";

/** A line with at least one figure: `label=value`, with quotes around a label with blanks. */
const hasFigure = /(?:^|\s)(?:'[^']*'|[^\s'=|]+)=[-+]?[.\dU]/;

/** How the agent begins what a plugin wrote to standard error, behind its standard output. */
const standardError = ", stderr=";

/**
 * Cuts a line at its `|`. Among performance data it is none if it is inside a label in quotes.
 * @returns the text and the performance data; that is undefined without a `|`
 */
function cutLine(line: string, isData: boolean) {
	const [text = "", ...others] = line.split("|");
	const isQuoted = isData && text.split("'").length % 2 === 0;
	return others.length === 0 || isQuoted
		? ([line, undefined] as const)
		: ([text.trimEnd(), others.join("|").trim()] as const);
}

/**
 * Moves the performance data of further lines to the first line. Plugins put it behind a `|` on the
 * first line and behind another one further down, from where on all lines are performance data.
 * Nagios reads it so. Icinga reads each line for itself: it keeps the blank behind a further `|` in
 * the label, and takes a line without one for text. A plugin written for Icinga has a `|` in several
 * lines. Both read the first line alike.
 * @param output of a plugin; what has no such performance data stays the same
 */
export function perfdataFirst(output: string): string {
	const end = output.indexOf(standardError);
	const [plain, error] =
		end < 0 ? [output, ""] : [output.slice(0, end), output.slice(end)];
	const [first = "", ...further] = plain.split("\n");
	const figures: string[] = [];
	const texts: string[] = [];
	let isData = false;
	for (const line of further) {
		const [text, data] = cutLine(line, isData);
		if (data !== undefined && !hasFigure.test(data)) {
			texts.push(line);
			continue;
		}
		if (isData && hasFigure.test(text)) figures.push(text.trim());
		else if (data === undefined || text !== "") texts.push(text);
		if (data === undefined) continue;
		isData = true;
		figures.push(data);
	}
	if (figures.length === 0) return output;
	if (texts.length === 0 && error !== "") texts.push("");
	const joint = first.includes("|") ? " " : " | ";
	const moved = `${first.trimEnd()}${joint}${figures.join(" ")}`;
	return [moved, ...texts].join("\n") + error;
}

/** A result as the options of its check want it printed. */
export const printed = (
	{ output, status }: Result,
	{ isPerfdataFirst }: Pick<CheckOptions, "isPerfdataFirst">,
): Result => ({
	output: isPerfdataFirst ? perfdataFirst(output) : output,
	status,
});
