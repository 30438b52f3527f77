/** What a unit of performance data stands for. */
export interface Unit {
	/** The base unit, such as `bytes`; one that is not in the table stays as printed. */
	unit: string;
	/** What a printed number is multiplied by to be in the base unit. */
	factor: number;
	/** Whether the plugin says that the value only grows, from some start on. */
	isCounter: boolean;
}

const minute = 60;
const hour = 3_600;
const day = 86_400;

/** Metric prefixes of electrical units. As in Icinga, M is mega and m milli; others in either case. */
const prefixes: readonly (readonly [string, number])[] = [
	...(["n", "N"] as const).map((prefix) => [prefix, 1e-9] as const),
	// µ as the micro sign and as the Greek letter
	...["u", "U", "\u00b5", "\u03bc"].map((prefix) => [prefix, 1e-6] as const),
	["m", 1e-3],
	["", 1],
	["M", 1e6],
	...[..."kKgGtTpPeEzZyY"].map(
		(prefix) => [prefix, 1_000 ** powerOf(prefix)] as const,
	),
];

function powerOf(prefix: string) {
	return "kmgtpezy".indexOf(prefix.toLowerCase()) + 1;
}

/** Bits and bytes: all prefixes in either case, with 1000, or with `i` and 1024. */
function* dataUnits(): Generator<readonly [string, number, string]> {
	for (const [base, unit] of [
		["b", "bits"],
		["B", "bytes"],
	] as const) {
		yield [base, 1, unit];
		for (const prefix of "kKmMgGtTpPeEzZyY")
			for (const [binary, step] of [
				["", 1_000],
				["i", 1_024],
				["I", 1_024],
			] as const)
				yield [
					`${prefix}${binary}${base}`,
					step ** powerOf(prefix),
					unit,
				] as const;
	}
}

const bothCases = (letter: string) => [
	letter.toLowerCase(),
	letter.toUpperCase(),
];

/** Amperes, ohms, volts, watts, and the first and last of them times seconds, minutes or hours. */
function* electricalUnits(): Generator<readonly [string, number, string]> {
	for (const [prefix, factor] of prefixes) {
		for (const [letter, unit] of [
			["a", "amperes"],
			["o", "ohms"],
			["v", "volts"],
			["w", "watts"],
		] as const)
			for (const base of bothCases(letter))
				yield [`${prefix}${base}`, factor, unit];
		for (const [letter, unit, baseSeconds] of [
			["a", "ampere-seconds", 1],
			["w", "watt-hours", hour],
		] as const)
			for (const [suffix, seconds] of [
				["s", 1],
				["m", minute],
				["h", hour],
			] as const)
				for (const base of bothCases(letter))
					for (const end of bothCases(suffix))
						yield [
							`${prefix}${base}${end}`,
							(factor * seconds) / baseSeconds,
							unit,
						];
	}
}

/**
 * The table of Icinga 2, in the letters that plugins print. Where its reading would change a figure
 * by guessing, a unit is missing here, and so stays as printed: a lone `k`, `m`, `M`, `G` or `T` is
 * more often a prefix without a unit than kelvins, minutes or grams, and `Pa` and `pA` are pascals
 * and picoamperes, not 10^15 amperes.
 */
const exact = new Map<string, readonly [factor: number, unit: string]>(
	[
		...dataUnits(),
		...electricalUnits(),
		["", 1, ""] as const,
		["%", 1, "percent"] as const,
		["C", 1, "degrees-celsius"] as const,
	].map(([printed, factor, unit]) => [printed, [factor, unit]]),
);

/** Those that Icinga reads in upper and lower case. */
const anyCase = new Map<string, readonly [factor: number, unit: string]>([
	["ns", [1e-9, "seconds"]],
	["us", [1e-6, "seconds"]],
	["\u00b5s", [1e-6, "seconds"]],
	["\u03bcs", [1e-6, "seconds"]],
	["ms", [1e-3, "seconds"]],
	["s", [1, "seconds"]],
	["h", [hour, "seconds"]],
	["d", [day, "seconds"]],
	["ng", [1e-9, "grams"]],
	["ug", [1e-6, "grams"]],
	["\u00b5g", [1e-6, "grams"]],
	["\u03bcg", [1e-6, "grams"]],
	["mg", [1e-3, "grams"]],
	["g", [1, "grams"]],
	["kg", [1e3, "grams"]],
	["t", [1e6, "grams"]],
	["ml", [1e-3, "liters"]],
	["l", [1, "liters"]],
	["hl", [100, "liters"]],
	["f", [1, "degrees-fahrenheit"]],
	["k", [1, "degrees-kelvin"]],
	["lm", [1, "lumens"]],
	["dbm", [1, "decibel-milliwatts"]],
	["packets", [1, "packets"]],
]);

const asPrinted = new Set(["k", "m", "M", "G", "T", "Pa", "pA"]);

/** The unit of performance data in the base units of Icinga 2. */
export function normalised({ unit }: { unit: string }): Unit {
	if (unit === "c") return { unit: "", factor: 1, isCounter: true };
	const found = asPrinted.has(unit)
		? undefined
		: (exact.get(unit) ?? anyCase.get(unit.toLowerCase()));
	const [factor, base] = found ?? [1, unit];
	return { unit: base, factor, isCounter: false };
}
