const prefixes: readonly [number, string][] = [
	[1e12, "T"],
	[1e9, "G"],
	[1e6, "M"],
	[1e3, "k"],
];

const prefixFor = (value: number) =>
	prefixes.find(([size]) => Math.abs(value) >= size) ?? ([1, ""] as const);

/** A number in little space: `1.5M`. */
export function shortNumber(value: number): string {
	const [size, prefix] = prefixFor(value);
	return `${Number((value / size).toPrecision(4))}${prefix}`;
}

/** The numbers of an axis, with as many digits as tell them apart: `2.2831G`, `2.2832G`. */
export function tickTexts(ticks: readonly number[]): string[] {
	const step = Math.abs((ticks[1] ?? 1) - (ticks[0] ?? 0));
	const [size, prefix] = prefixFor(
		Math.max(...ticks.map((tick) => Math.abs(tick))),
	);
	const digits = Math.ceil(-Math.log10(step / size) - 1e-9);
	const decimals = Math.min(12, Math.max(0, digits));
	return ticks.map((tick) =>
		tick === 0 ? "0" : `${(tick / size).toFixed(decimals)}${prefix}`,
	);
}
