import type { CheckOptions } from "./arguments.ts";
import type { Result } from "./result.ts";

/** Matches `label=value`; a label with blanks has quotes around it. */
const hasValue = /(?:^|\s)(?:'[^']*'|[^\s'=|]+)=[-+]?[.\dU]/;

/** What the agent puts between a plugin's standard output and standard error. */
const standardError = ", stderr=";

/**
 * Cuts a line at its first `|`. In performance data, a `|` inside a quoted label does not count.
 * @returns the text, and the performance data or undefined if there is no `|`
 */
function cutLine(line: string, isData: boolean) {
	const [text = "", ...others] = line.split("|");
	const isQuoted = isData && text.split("'").length % 2 === 0;
	return others.length === 0 || isQuoted
		? ([line, undefined] as const)
		: ([text.trimEnd(), others.join("|").trim()] as const);
}

/**
 * Moves the performance data of further lines to the first line, which Nagios and Icinga read alike.
 * Of the further lines, Nagios takes all that follows the first `|` for performance data. Icinga
 * reads each line separately: it takes a line without a `|` for text, and keeps a blank after the `|`
 * in the label. Plugins written for Icinga have a `|` in several lines.
 * @param output of a plugin; it stays the same without such performance data
 */
export function perfdataFirst(output: string): string {
	const end = output.indexOf(standardError);
	const [plain, error] =
		end < 0 ? [output, ""] : [output.slice(0, end), output.slice(end)];
	const [first = "", ...further] = plain.split("\n");
	const values: string[] = [];
	const texts: string[] = [];
	let isData = false;
	for (const line of further) {
		const [text, data] = cutLine(line, isData);
		if (data !== undefined && !hasValue.test(data)) {
			texts.push(line);
			continue;
		}
		if (isData && hasValue.test(text)) values.push(text.trim());
		else if (data === undefined || text !== "") texts.push(text);
		if (data === undefined) continue;
		isData = true;
		values.push(data);
	}
	if (values.length === 0) return output;
	if (texts.length === 0 && error !== "") texts.push("");
	const joint = first.includes("|") ? " " : " | ";
	const moved = `${first.trimEnd()}${joint}${values.join(" ")}`;
	return [moved, ...texts].join("\n") + error;
}

/** The result in the form that the options of the check ask for. */
export const printed = (
	{ output, status }: Result,
	{ isPerfdataFirst }: Pick<CheckOptions, "isPerfdataFirst">,
): Result => ({
	output: isPerfdataFirst ? perfdataFirst(output) : output,
	status,
});
