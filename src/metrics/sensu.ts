import { parseGoFloat, parseGoInteger } from "./go-number.ts";

/** One figure of a plugin's output. */
export interface SensuValue {
	name: string;
	value: number;
	/** Seconds since 1970. */
	timestamp: number;
}

/** A line that was meant as a figure and cannot be used. */
export interface BadLine {
	/** Counted from 1. */
	line: number;
	/** As it was printed, without its line end. */
	text: string;
	reason: string;
}

/** What a plugin printed. */
export interface SensuOutput {
	/** Value by name; of a name that comes twice the last one. Any name is a plain key of its own. */
	metrics: Record<string, number>;
	/** Seconds since 1970: the latest of all good lines, never below 0. */
	timestamp: number;
	bad: BadLine[];
}

/**
 * Reads one line, `name value timestamp`, of the format that Sensu and Graphite share.
 *
 * The original took exactly three fields with one tab between each. So does this, the name may hold spaces then; other
 * lines are split at runs of spaces and tabs. Blanks around a field, a carriage return too, do not count (the original
 * died of them). Numbers are what Go takes, but for those that JSON cannot hold.
 *
 * @returns undefined for a line without exactly three fields, which is free text; a reason for one that is bad
 */
export function parseSensuLine(
	line: string,
): SensuValue | { reason: string } | undefined {
	const [name, number, time] = splitFields(line) ?? [];
	if (name === undefined || number === undefined || time === undefined)
		return undefined;
	if (name === "") return { reason: "the name is empty" };
	const value = parseGoFloat(number);
	if (!Number.isFinite(value)) return { reason: whyNoValue(number, value) };
	const timestamp = parseGoInteger(time);
	if (Number.isNaN(timestamp))
		return { reason: "the timestamp is not a whole number of seconds" };
	if (!Number.isSafeInteger(timestamp))
		return { reason: "the timestamp is out of range" };
	// JSON has no negative zero
	return { name, value: value || 0, timestamp: timestamp || 0 };
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

/** Reads all that a plugin printed. Never throws: a bad line loses itself only. */
export function parseSensuLines(text: string): SensuOutput {
	const metrics = new Map<string, number>();
	const bad: BadLine[] = [];
	let timestamp = 0;
	for (const [index, line] of text.split("\n").entries()) {
		const read = parseSensuLine(line);
		if (!read) continue;
		if ("reason" in read) {
			const { reason } = read;
			bad.push({ line: index + 1, text: line.replace(/\r$/, ""), reason });
			continue;
		}
		metrics.set(read.name, read.value);
		timestamp = Math.max(timestamp, read.timestamp);
	}
	// makes own keys of all names, `__proto__` too
	return { metrics: Object.fromEntries(metrics), timestamp, bad };
}
