/** A value `y` at `x`. */
export interface Point {
	x: number;
	y: number;
}

/** How fast `y` grows with `x`, and the standard error of that. */
export interface Slope {
	slope: number;
	standardError: number;
}

const sum = (numbers: readonly number[]) =>
	numbers.reduce((total, number) => total + number, 0);

/**
 * Fits a line by least squares. The standard error is that of independent points times
 * sqrt((1 + r) / (1 - r)), where r is the correlation of neighbouring residuals:
 * consecutive samples of resident memory depend on each other, and without this factor a
 * random walk would look significant. The error is infinite for fewer than three points,
 * or if all have the same `x`.
 */
export function slopeOf(points: readonly Point[]): Slope {
	const count = points.length;
	const meanX = sum(points.map(({ x }) => x)) / count;
	const meanY = sum(points.map(({ y }) => y)) / count;
	const spread = sum(points.map(({ x }) => (x - meanX) ** 2));
	if (count < 3 || spread === 0)
		return { slope: 0, standardError: Number.POSITIVE_INFINITY };
	const slope =
		sum(points.map(({ x, y }) => (x - meanX) * (y - meanY))) / spread;
	const distances = points.map(({ x, y }) => y - meanY - slope * (x - meanX));
	const squares = sum(distances.map((distance) => distance ** 2));
	const neighbours = sum(
		distances.slice(1).map((distance, index) => {
			return distance * (distances[index] ?? 0);
		}),
	);
	const alike =
		squares === 0 ? 0 : Math.min(0.99, Math.max(0, neighbours / squares));
	const independent = Math.sqrt(squares / (count - 2) / spread);
	return {
		slope,
		standardError: independent * Math.sqrt((1 + alike) / (1 - alike)),
	};
}

/** The minimum slope that counts as growth: statistically significant, and at least `matters`. */
export const minGrowth = ({ standardError }: Slope, matters: number) =>
	Math.max(matters, 2 * standardError);

/** The percentile of the numbers, for a share from 0 to 1. */
export function percentile(numbers: readonly number[], part: number): number {
	const sorted = [...numbers].sort((a, b) => a - b);
	const index = Math.ceil(part * sorted.length) - 1;
	return sorted[Math.max(0, index)] ?? Number.NaN;
}
