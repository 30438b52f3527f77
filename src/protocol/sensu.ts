/** One figure of a plugin's output. */
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
	/** As it was printed, without its line end. */
	text: string;
	reason: string;
}

/** The figures of one time. */
export interface SensuSample {
	/** Seconds since 1970. */
	timestamp: number;
	/** Value by name. Any name is a plain key of its own. */
	metrics: Record<string, number>;
}

/** What a plugin printed. */
export interface SensuOutput {
	/** One for each distinct time, in the order of time. */
	samples: SensuSample[];
	/** Lines of three fields that cannot be used. */
	bad: BadLine[];
	/** Lines that are neither blank, nor comments, nor three fields; only the first is kept. */
	unknown: { count: number; first: BadLine | undefined };
}

/** Characters of a line that is read at all. */
export const longestLine = 65_536;

/** How far ahead of the clock a timestamp may be: time zones that were mixed up pass, milliseconds do not. */
const mostSecondsAhead = 86_400;
/** No clock shows an earlier time, seconds since 1970 (2026-11-01): one that does was never set. */
const earliestClock = 1_793_491_200;
/** 2100-01-01, the bound while the clock cannot be trusted. Times in milliseconds are beyond it all the same. */
const latestEver = 4_102_444_800;

/**
 * The latest timestamp that a line may have, in seconds since 1970: a day ahead of the clock. A clock that shows a time
 * before this version was made was never set (no battery, no NTP yet); then everything up to the year 2100 passes.
 * @param now the clock, milliseconds since 1970
 */
export function latestTimestamp(now: number): number {
	const seconds = Math.floor(now / 1000);
	return seconds < earliestClock ? latestEver : seconds + mostSecondsAhead;
}

/** Seconds after which a collected value is old, or a pass overdue: one pass may fail, and five minutes are no delay. */
export const staleSeconds = (intervalSeconds: number): number =>
	Math.max(300, 2.5 * intervalSeconds);

/**
 * Reads one line, `name value timestamp`, of the format that Sensu and Graphite share.
 *
 * The original took exactly three fields with one tab between each. So does this, the name may hold spaces then; other
 * lines are split at runs of spaces and tabs. Blanks around a field, a carriage return too, do not count (the original
 * died of them). Numbers are the decimal ones that Go takes, but for those that JSON cannot hold.
 * A line that begins with `#` is a comment.
 *
 * @param latest see latestTimestamp
 * @returns undefined for a blank line and a comment; a reason for a line that cannot be used, with `isUnknown` where it
 * has not exactly three fields
 */
export function parseSensuLine(
	line: string,
	latest: number,
): SensuValue | { reason: string; isUnknown?: true } | undefined {
	if (/^\s*(?:#|$)/.test(line)) return undefined;
	if (line.length > longestLine)
		return { reason: `the line is longer than ${longestLine} characters` };
	const [name, number, time] = splitFields(line) ?? [];
	if (name === undefined || number === undefined || time === undefined)
		return { reason: "not three fields", isUnknown: true };
	// no answer could hold it
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
	// bounded: a line of a million tabs makes no million fields
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

/** Figures by their time: of one name at one time the last one stays. */
export function createSensuSamples(): {
	/** False: it takes the place of another value of this name at this time. */
	add(figure: SensuValue): boolean;
	/** One for each distinct time, in the order of time. */
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
					// makes own keys of all names, `__proto__` too
					metrics: Object.fromEntries(metrics),
				})),
	};
}

/**
 * Reads all that a plugin printed. Never throws: a line that cannot be used loses itself only.
 * @param latest see latestTimestamp
 */
export function parseSensuLines(text: string, latest: number): SensuOutput {
	const samples = createSensuSamples();
	const bad: BadLine[] = [];
	const unknown: SensuOutput["unknown"] = { count: 0, first: undefined };
	for (const [index, line] of text.split("\n").entries()) {
		const read = parseSensuLine(line, latest);
		if (!read) continue;
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
	return { samples: samples.list(), bad, unknown };
}

// without loops in loops: those end in a stack overflow on a line of a million digits
const decimalFloat = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** An underscore stands between two digits. */
const badUnderscore = /(?<!\d)_|_(?!\d)/;

/**
 * A decimal number as Go's strconv.ParseFloat takes it, which the original used: with underscores between digits. The
 * nearest double: too small is 0, too large is infinite.
 * @returns NaN for any other text: `NaN`, `Inf` and the hexadecimal numbers of Go included
 */
export function parseGoFloat(text: string): number {
	const plain = text.replaceAll("_", "");
	return decimalFloat.test(plain) && !badUnderscore.test(text)
		? Number(plain)
		: Number.NaN;
}

/** An integer as Go's strconv.ParseInt takes it at base 10: an optional sign and digits. NaN for any other text. */
function parseGoInteger(text: string): number {
	return /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
}
