import { diffArrays } from "diff";

/**
 * Texts with more changed lines are shown as replaced: finding what they share would take too long.
 */
const maxEdits = 1_000;

/** Unchanged lines shown before the first change and after the last. */
const contextLines = 3;

const linesOf = (text: string) => text.split("\n").slice(0, -1);

/**
 * What changed between two texts, line by line, from the first change to the last with a
 * little context: `-` was removed, `+` was added, a blank is unchanged. Empty if nothing
 * changed.
 */
export function lineDiff(before: string, after: string): string[] {
	if (before === after) return [];
	const old = linesOf(before);
	const current = linesOf(after);
	const parts = diffArrays(old, current, { maxEditLength: maxEdits }) ?? [
		{ value: old, removed: true, added: false },
		{ value: current, removed: false, added: true },
	];
	const lines = parts.flatMap(({ value, removed, added }) => {
		const mark = removed ? "-" : added ? "+" : " ";
		return value.map((line) => mark + line);
	});
	const isChange = (line: string) => !line.startsWith(" ");
	const first = lines.findIndex(isChange);
	const last = lines.findLastIndex(isChange);
	return lines.slice(
		Math.max(0, first - contextLines),
		last + 1 + contextLines,
	);
}
