import { type MetricKind, parseKind, plainKind } from "./metric-name.ts";

/** One value printed by a plugin. */
export interface SensuValue {
	name: string;
	value: number;
	/** Seconds since 1970. */
	timestamp: number;
}

/** A line that cannot be used. */
export interface BadLine {
	/** Counted from 1. */
	line: number;
	/** As printed, without the line end. */
	text: string;
	reason: string;
}

/** The values of one timestamp. */
export interface SensuSample {
	/** Seconds since 1970. */
	timestamp: number;
	/** Values by name. Names are own keys, even `__proto__`. */
	metrics: Record<string, number>;
}

/** The parsed output of a plugin. */
export interface SensuOutput {
	/** One for each distinct timestamp, oldest first. */
	samples: SensuSample[];
	/** Lines with three fields that cannot be used. */
	bad: BadLine[];
	/** Lines that are not blank, not comments and not three fields; only the first one is kept. */
	unknown: { count: number; first: BadLine | undefined };
	/** What comments say about metrics, by name. */
	kinds: ReadonlyMap<string, MetricKind>;
}

/** Maximum characters of a line. */
export const maxLineCharacters = 65_536;

/**
 * How far a timestamp may be ahead of the clock: enough for mixed-up time zones, too little for
 * milliseconds.
 */
const maxSecondsAhead = 86_400;
/** 2026-11-01, in seconds since 1970. A clock before this version's release was never set. */
const earliestClock = 1_793_491_200;
/**
 * 2100-01-01, the limit while the clock cannot be trusted. Current timestamps in milliseconds are
 * still beyond it.
 */
const latestEver = 4_102_444_800;

/**
 * The latest timestamp allowed, in seconds since 1970: a day ahead of the clock. If the clock was
 * never set (no battery, no NTP yet), anything up to the year 2100 is allowed.
 * @param now the clock, milliseconds since 1970
 */
export function latestTimestamp(now: number): number {
	const seconds = Math.floor(now / 1000);
	return seconds < earliestClock ? latestEver : seconds + maxSecondsAhead;
}

/**
 * Seconds after which a collected value is stale or a pass overdue. One pass may fail, and less
 * than five minutes is never late.
 */
export const staleSeconds = (intervalSeconds: number): number =>
	Math.max(300, 2.5 * intervalSeconds);

/**
 * Parses a line `name value timestamp`, the format that Sensu and Graphite share.
 *
 * v1 required exactly three fields, separated by single tabs. Such lines are parsed the same way,
 * so names may contain spaces; other lines are split at runs of spaces and tabs. Blanks around a
 * field are ignored, including a carriage return, which crashed v1. Numbers are in Go's decimal
 * syntax, except those that JSON cannot express. A line that begins with `#` is a comment.
 *
 * @param latest see latestTimestamp
 * @returns undefined for a blank line or a comment; a reason for an unusable line, with `isUnknown`
 * if it does not have exactly three fields
 */
export function parseSensuLine(
	line: string,
	latest: number,
): SensuValue | { reason: string; isUnknown?: true } | undefined {
	if (/^\s*(?:#|$)/.test(line)) return undefined;
	if (line.length > maxLineCharacters)
		return {
			reason: `the line is longer than ${maxLineCharacters} characters`,
		};
	const [name, number, time] = splitFields(line) ?? [];
	if (name === undefined || number === undefined || time === undefined)
		return { reason: "not three fields", isUnknown: true };
	// clients could not handle it in an answer
	if (line.includes("\0")) return { reason: "the line has a NUL character" };
	if (name === "") return { reason: "the name is empty" };
	const value = parseGoFloat(number);
	if (!Number.isFinite(value)) return { reason: whyNoValue(number, value) };
	const timestamp = parseGoInteger(time);
	if (Number.isNaN(timestamp))
		return { reason: "the timestamp is not a whole number of seconds" };
	if (!Number.isSafeInteger(timestamp))
		return { reason: "the timestamp is out of range" };
	if (timestamp > latest) return { reason: whyTooLate(timestamp, latest) };
	// JSON has no negative zero
	return { name, value: value || 0, timestamp: timestamp || 0 };
}

function whyTooLate(timestamp: number, latest: number) {
	const isMilliseconds = timestamp >= 1e11 && timestamp / 1000 <= latest;
	return isMilliseconds
		? "the timestamp is in milliseconds, not in seconds"
		: "the timestamp is more than a day in the future";
}

function splitFields(line: string) {
	// limited, so that a line of a million tabs does not become a million fields
	const byTab = line.split("\t", 4);
	if (byTab.length === 3) return byTab.map((field) => field.trim());
	const byBlanks = line.trim().split(/[ \t]+/, 4);
	return byBlanks.length === 3 ? byBlanks : undefined;
}

function whyNoValue(text: string, value: number) {
	if (!Number.isNaN(value)) return "the value is out of range";
	if (/^nan$/i.test(text)) return "the value is NaN";
	if (/^[+-]?inf(?:inity)?$/i.test(text)) return "the value is infinite";
	return "the value is not a number";
}

/**
 * Groups values by timestamp. Of several values with the same name and timestamp the last one wins.
 */
export function createSensuSamples(): {
	/** Returns false if it replaced a value with the same name and timestamp. */
	add(figure: SensuValue): boolean;
	/** One sample for each distinct timestamp, oldest first. */
	list(): SensuSample[];
} {
	const byTime = new Map<number, Map<string, number>>();
	return {
		add({ name, value, timestamp }) {
			const metrics = byTime.get(timestamp) ?? new Map<string, number>();
			const isNew = !metrics.has(name);
			byTime.set(timestamp, metrics.set(name, value));
			return isNew;
		},
		list: () =>
			[...byTime]
				.sort(([one], [other]) => one - other)
				.map(([timestamp, metrics]) => ({
					timestamp,
					// makes every name an own key, even `__proto__`
					metrics: Object.fromEntries(metrics),
				})),
	};
}

/**
 * Parses the whole output of a plugin. Never throws: an unusable line does not affect the others.
 * @param latest see latestTimestamp
 */
export function parseSensuLines(text: string, latest: number): SensuOutput {
	const samples = createSensuSamples();
	const bad: BadLine[] = [];
	const unknown: SensuOutput["unknown"] = { count: 0, first: undefined };
	const kinds = new Map<string, MetricKind>();
	for (const [index, line] of text.split("\n").entries()) {
		const read = parseSensuLine(line, latest);
		if (!read) {
			const told = line.startsWith("# ") ? parseKind(line) : undefined;
			if (told)
				kinds.set(told.name, {
					...(kinds.get(told.name) ?? plainKind),
					...told.kind,
				});
			continue;
		}
		if (!("reason" in read)) {
			samples.add(read);
			continue;
		}
		const { reason, isUnknown } = read;
		const named = { line: index + 1, text: line.replace(/\r$/, ""), reason };
		if (isUnknown) {
			unknown.count++;
			unknown.first ??= named;
		} else bad.push(named);
	}
	return { samples: samples.list(), bad, unknown, kinds };
}

// no nested repetition, which would overflow the stack on a line of a million digits
const decimalFloat = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** Underscores are only allowed between digits. */
const badUnderscore = /(?<!\d)_|_(?!\d)/;

/**
 * Parses a decimal number like Go's strconv.ParseFloat, which v1 used, with underscores between
 * digits. The result is the nearest double: numbers too small become 0, numbers too large infinite.
 * @returns NaN for any other text, including `NaN`, `Inf` and Go's hexadecimal numbers
 */
export function parseGoFloat(text: string): number {
	const plain = text.replaceAll("_", "");
	return decimalFloat.test(plain) && !badUnderscore.test(text)
		? Number(plain)
		: Number.NaN;
}

/** Parses an integer like Go's strconv.ParseInt with base 10. NaN for any other text. */
function parseGoInteger(text: string): number {
	return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
}
