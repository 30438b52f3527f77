const bars = [..."▁▂▃▄▅▆▇█"];

/**
 * The course of a figure in one line, oldest first, lowest to highest of its own.
 * More values than columns are taken together by their mean; fewer than two tell nothing.
 */
export function sparkline(values: readonly number[], columns: number): string {
	if (values.length < 2) return "";
	const width = Math.min(columns, values.length);
	const means = Array.from({ length: width }, (_, at) => {
		const from = Math.floor((at * values.length) / width);
		const to = Math.floor(((at + 1) * values.length) / width);
		const part = values.slice(from, to);
		return part.reduce((sum, value) => sum + value / part.length, 0);
	});
	const lowest = means.reduce((a, b) => Math.min(a, b));
	const highest = means.reduce((a, b) => Math.max(a, b));
	// halves first: the whole span of doubles is no double
	const span = highest / 2 - lowest / 2;
	return means
		.map((mean) => {
			if (span === 0) return bars[0];
			const part = (mean / 2 - lowest / 2) / span;
			return bars[Math.min(bars.length - 1, Math.floor(part * bars.length))];
		})
		.join("");
}
