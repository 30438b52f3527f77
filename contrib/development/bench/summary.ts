/** Several measurements of one thing. */
export interface Summary {
	median: number;
	min: number;
	max: number;
}

export function summary(values: readonly number[]): Summary {
	const sorted = [...values].sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	const upper = sorted[middle] ?? Number.NaN;
	const lower = sorted[middle - 1] ?? upper;
	return {
		median: sorted.length % 2 === 1 ? upper : (lower + upper) / 2,
		min: sorted[0] ?? Number.NaN,
		max: sorted.at(-1) ?? Number.NaN,
	};
}

/** The ratio of two measurements in each round. */
export const ratios = (ours: readonly number[], others: readonly number[]) =>
	summary(ours.map((value, round) => value / (others[round] ?? Number.NaN)));

/** A number with three significant digits. */
export function shown(value: number): string {
	if (!Number.isFinite(value)) return "-";
	if (value === 0) return "0";
	const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
	return value.toLocaleString("en", {
		minimumFractionDigits: Math.min(digits, 3),
		maximumFractionDigits: Math.min(digits, 3),
	});
}

/** `0.61 (0.58 to 0.66)` */
export const shownSummary = ({ median, min, max }: Summary) =>
	`${shown(median)} (${shown(min)} to ${shown(max)})`;
