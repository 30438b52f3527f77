/** More comparisons than these take longer than anybody wants to wait. */
const mostComparisons = 4_000_000;

/** Length of the longest common part of every pair of tails. */
function commonTails(before: readonly string[], after: readonly string[]) {
	const width = after.length + 1;
	const lengths = new Uint32Array((before.length + 1) * width);
	for (let i = before.length - 1; i >= 0; i--)
		for (let j = after.length - 1; j >= 0; j--)
			lengths[i * width + j] =
				before[i] === after[j]
					? (lengths[(i + 1) * width + j + 1] ?? 0) + 1
					: Math.max(
							lengths[(i + 1) * width + j] ?? 0,
							lengths[i * width + j + 1] ?? 0,
						);
	return (i: number, j: number) => lengths[i * width + j] ?? 0;
}

/**
 * What changed between two texts, line by line: `-` went, `+` came, a blank
 * stayed. Empty if nothing changed.
 */
export function lineDiff(before: string, after: string): string[] {
	if (before === after) return [];
	const one = before.split("\n").slice(0, -1);
	const other = after.split("\n").slice(0, -1);
	let start = 0;
	while (
		start < one.length &&
		start < other.length &&
		one[start] === other[start]
	)
		start++;
	let end = 0;
	while (
		end < one.length - start &&
		end < other.length - start &&
		one.at(-1 - end) === other.at(-1 - end)
	)
		end++;
	const gone = one.slice(start, one.length - end);
	const come = other.slice(start, other.length - end);
	const lines: string[] = [];
	if (gone.length * come.length > mostComparisons) {
		lines.push(...gone.map((l) => `-${l}`), ...come.map((l) => `+${l}`));
	} else {
		const common = commonTails(gone, come);
		let i = 0;
		let j = 0;
		while (i < gone.length || j < come.length) {
			if (i < gone.length && gone[i] === come[j]) {
				lines.push(` ${gone[i]}`);
				i++;
				j++;
			} else if (
				j === come.length ||
				(i < gone.length && common(i + 1, j) >= common(i, j + 1))
			)
				lines.push(`-${gone[i++]}`);
			else lines.push(`+${come[j++]}`);
		}
	}
	// a little of what stands around it
	const kept = (from: readonly string[]) => from.map((line) => ` ${line}`);
	return [
		...kept(one.slice(Math.max(0, start - 3), start)),
		...lines,
		...kept(one.slice(one.length - end).slice(0, 3)),
	];
}
