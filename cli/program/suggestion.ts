/**
 * Number of edits between two words: insert, delete or replace a character, or swap two neighbours.
 */
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

/** The known word that was probably meant; undefined if none is similar. */
export function nearest(
	word: string,
	known: readonly string[],
): string | undefined {
	// a long word is no typing error, and comparing it would take long
	if (word.length > 64) return undefined;
	const lower = word.toLowerCase();
	const ranked = known
		.map((candidate) => ({
			candidate,
			distance: editDistance(lower, candidate.toLowerCase()),
		}))
		.sort((a, b) => a.distance - b.distance);
	const [best] = ranked;
	const maxDistance = word.length <= 3 ? 1 : word.length <= 6 ? 2 : 3;
	if (best && best.distance <= maxDistance) return best.candidate;
	// otherwise accept the beginning of a known word
	return word.length >= 3
		? known.find((candidate) => candidate.startsWith(lower))
		: undefined;
}

/** `, did you mean 'status'?`, or nothing. */
export function didYouMean(word: string, known: readonly string[]): string {
	const meant = nearest(word, known);
	return meant === undefined ? "" : `, did you mean '${meant}'?`;
}
