/** How many characters have to be put in, taken out, changed or swapped with their neighbour. */
export function editDistance(one: string, other: string): number {
	let before: number[] = [];
	let last = Array.from({ length: other.length + 1 }, (_, at) => at);
	for (let i = 1; i <= one.length; i++) {
		const row = [i];
		for (let j = 1; j <= other.length; j++) {
			const same = one[i - 1] === other[j - 1];
			let best = Math.min(
				(last[j] ?? 0) + 1,
				(row[j - 1] ?? 0) + 1,
				(last[j - 1] ?? 0) + (same ? 0 : 1),
			);
			const swapped =
				i > 1 &&
				j > 1 &&
				one[i - 1] === other[j - 2] &&
				one[i - 2] === other[j - 1];
			if (swapped) best = Math.min(best, (before[j - 2] ?? 0) + 1);
			row.push(best);
		}
		before = last;
		last = row;
	}
	return last[other.length] ?? 0;
}

/** What somebody has probably meant; undefined if nothing is near. */
export function nearest(
	word: string,
	known: readonly string[],
): string | undefined {
	// nobody means anything by a word of a thousand letters
	if (word.length > 64) return undefined;
	const lower = word.toLowerCase();
	const ranked = known
		.map((candidate) => ({
			candidate,
			distance: editDistance(lower, candidate.toLowerCase()),
		}))
		.sort((a, b) => a.distance - b.distance);
	const [best] = ranked;
	const most = word.length <= 3 ? 1 : word.length <= 6 ? 2 : 3;
	if (best && best.distance <= most) return best.candidate;
	// half of a long word is a word, too
	return word.length >= 3
		? known.find((candidate) => candidate.startsWith(lower))
		: undefined;
}

/** `, did you mean 'status'?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
	const meant = nearest(word, known);
	return meant === undefined ? "" : `, did you mean '${meant}'?`;
}
