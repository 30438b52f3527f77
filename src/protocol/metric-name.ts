import { copied } from "./perfdata.ts";
/** What a plugin tells about a metric besides its values. */
export interface MetricKind {
	/** It only grows, from some start on. */
	isCounter: boolean;
	/** A plural word such as `bytes`; undefined if it has none, or if the plugin does not say. */
	unit: string | undefined;
}

export const plainKind: MetricKind = { isCounter: false, unit: undefined };

/** How Prometheus names a metric. */
export interface MetricName {
	/** Of its lines: a valid name, with its unit, and `_total` for a counter. */
	name: string;
	isCounter: boolean;
	/** Turns a printed value into one in the unit of the name. */
	scaled: (value: number) => number;
}

const asPrinted = (value: number) => value;

/** Divides, as 5 / 100 is 0.05 and 5 * 0.01 need not be. */
const dividedBy = (divisor: number) => (value: number) => value / divisor;

const times = (factor: number) => (value: number) => value * factor;

/** Units that are not Prometheus' base units. */
const conversions: ReadonlyMap<
	string,
	readonly [unit: string, scaled: MetricName["scaled"]]
> = new Map([
	["nanoseconds", ["seconds", dividedBy(1e9)]],
	["microseconds", ["seconds", dividedBy(1e6)]],
	["milliseconds", ["seconds", dividedBy(1_000)]],
	["centiseconds", ["seconds", dividedBy(100)]],
	["minutes", ["seconds", times(60)]],
	["hours", ["seconds", times(3_600)]],
	["days", ["seconds", times(86_400)]],
	["kilobytes", ["bytes", times(1_000)]],
	["megabytes", ["bytes", times(1e6)]],
	["gigabytes", ["bytes", times(1e9)]],
	["kibibytes", ["bytes", times(1_024)]],
	["mebibytes", ["bytes", times(2 ** 20)]],
	["gibibytes", ["bytes", times(2 ** 30)]],
]);

/**
 * Translates the name of a collected metric, which may be any text, for Prometheus: what is neither
 * letter, digit nor underscore becomes an underscore. Different names may become equal.
 */
export function metricName(
	original: string,
	{ isCounter, unit }: MetricKind,
): MetricName {
	const [base, scaled] = conversions.get(unit ?? "") ?? [unit, asPrinted];
	let name = original.replace(/[^A-Za-z0-9_]/g, "_");
	if (/^[0-9]|^$/.test(name)) name = `_${name}`;
	if (isCounter) name = name.replace(/_total$/, "");
	if (base !== undefined && !name.endsWith(`_${base}`)) name += `_${base}`;
	return { name: isCounter ? `${name}_total` : name, isCounter, scaled };
}

/**
 * Whether a name is one of ours, also of later versions, or one that Prometheus itself gives to each
 * target.
 */
export const isReservedName = (name: string): boolean =>
	/^(?:happo_|state_check|scrape_)|^up$/.test(name);

/** What may be a unit in a name. */
const unitPattern = /^[a-z]+(?:_[a-z]+)*$/;

/**
 * Reads a comment about a metric, as OpenMetrics has them: `# TYPE name counter` or `# UNIT name
 * bytes`. undefined for any other comment, and for other types, which are values as others.
 */
export function parseKind(
	line: string,
): { name: string; kind: Partial<MetricKind> } | undefined {
	const [, keyword, name = "", word = ""] =
		/^# (TYPE|UNIT) (\S.*) (\S+)\s*$/.exec(line) ?? [];
	if (keyword === "TYPE" && word === "counter")
		return { name, kind: { isCounter: true } };
	if (keyword === "UNIT" && unitPattern.test(word) && word.length <= 40)
		return { name, kind: { unit: copied(word) } };
	return undefined;
}
