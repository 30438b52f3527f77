import { normalised } from "./perfdata-unit.ts";

/** When a threshold is reached: at values outside of its bounds, or inside. */
export interface PerfdataRange {
	/** In the unit of the value; undefined without a bound on this side. */
	lower: number | undefined;
	upper: number | undefined;
	alert: "outside" | "inside";
}

/** One value of a plugin: `label=value;warning;critical;min;max`. */
export interface PerfdataValue {
	/** As printed, without its quotes. */
	label: string;
	/** undefined if the plugin prints `U`: it could not determine the value. */
	value: number | undefined;
	/** As printed: "", "s", "MB", "%", "c"; see normalised() for its meaning. */
	unit: string;
	warning?: PerfdataRange;
	critical?: PerfdataRange;
	min?: number;
	max?: number;
}

export interface Perfdata {
	/** In the order of the output; labels may repeat. */
	values: PerfdataValue[];
	/** What does not parse, each with its reason: at most `maxErrors`. */
	errors: string[];
	/** All errors, also those that `errors` has no room for. */
	errorCount: number;
}

/** The three parts of a plugin's output. */
export interface OutputParts {
	/** The first line up to its first `|`, without blanks at its ends. */
	text: string;
	/** Further lines up to the first `|` in them, without blanks at their ends. */
	longText: string;
	/** What follows both of these `|`, in one line, without blanks at its ends. */
	perfdata: string;
}

/** Values of one output that are kept; further ones are an error. */
export const maxValues = 1_000;
/** Errors of one output that are kept with their reasons. */
export const maxErrors = 20;
/** Characters of a label, and of what belongs to one value. */
export const maxTokenCharacters = 1_024;
/** Characters of what an error quotes. */
const maxQuoted = 60;

/**
 * Splits a plugin's standard output as Nagios does: of the further lines, all that follows the first
 * `|` is performance data to the end. Takes time and memory linear in the output.
 */
export function splitOutput(output: string): OutputParts {
	const firstEnd = endOf(output, "\n");
	const first = output.slice(0, firstEnd);
	const further = output.slice(firstEnd + 1);
	const firstBar = endOf(first, "|");
	const furtherBar = endOf(further, "|");
	// no list of lines: an output may consist of millions
	const data = further.slice(furtherBar + 1).replaceAll("\n", " ");
	return {
		text: first.slice(0, firstBar).trim(),
		longText: further.slice(0, furtherBar).trim(),
		perfdata: `${first.slice(firstBar + 1)} ${data}`.trim(),
	};
}

/** What a plugin says, in one line: the first one that is not blank, without performance data. */
export const outputLine = (output: string): string =>
	splitOutput(output.trimStart()).text;

/** Where this text first occurs, or the end. */
function endOf(text: string, what: string) {
	const at = text.indexOf(what);
	return at < 0 ? text.length : at;
}

/**
 * Parses performance data. Never throws: what does not parse is an error, and the values around it
 * are kept. Takes time linear in the text, and memory for at most `maxValues` values.
 *
 * The syntax is that of the Monitoring Plugins' guidelines, with what plugins and Icinga make of
 * it: a label may have blanks without quotes, blanks are spaces, tabs and line ends, and a `|`
 * separates values, too, so that text in front of it is no label.
 */
export function parsePerfdata(perfdata: string): Perfdata {
	const values: PerfdataValue[] = [];
	const errors = new Errors();
	let dropped = 0;
	for (const token of tokensOf(perfdata)) {
		if (token.value === undefined) {
			errors.add("no label=value", token.label);
			continue;
		}
		const value = parseValue(token.label, token.value, errors);
		if (value && values.length < maxValues) values.push(value);
		else if (value) dropped++;
	}
	if (dropped > 0)
		errors.addLast(
			`${dropped} values are left out: more than ${maxValues} in one output`,
			dropped,
		);
	return { values, errors: errors.kept, errorCount: errors.count };
}

class Errors {
	readonly kept: string[] = [];
	count = 0;

	/** @param quoted what the error is about */
	add(reason: string, quoted: string): undefined {
		this.count++;
		if (this.kept.length < maxErrors)
			this.kept.push(`${reason}: ${shortened(quoted)}`);
	}

	/** Keeps it whatever came before. */
	addLast(text: string, count: number): void {
		this.count += count;
		if (this.kept.length === maxErrors) this.kept.pop();
		this.kept.push(text);
	}
}

function shortened(text: string) {
	const plain = text.slice(0, maxQuoted).replace(/\s+/g, " ");
	return copied(text.length > maxQuoted ? `${plain}...` : plain);
}

/**
 * V8's slices keep the whole text that they are taken from in memory; a copy does not. Short ones
 * are copies anyway.
 */
export function copied(text: string) {
	return text.length <= 12
		? text
		: Buffer.from(text, "utf16le").toString("utf16le");
}

/** A label with all that belongs to its value; without a value for text that has none. */
interface Token {
	label: string;
	value: string | undefined;
}

const isBlank = (character: string | undefined) =>
	character === " " ||
	character === "\t" ||
	character === "\n" ||
	character === "\r";

function* tokensOf(perfdata: string): Generator<Token> {
	let at = 0;
	for (;;) {
		while (isBlank(perfdata[at]) || perfdata[at] === "|") at++;
		if (at >= perfdata.length) return;
		const quoted = quotedLabel(perfdata, at);
		const labelEnd = quoted?.end ?? unquotedLabelEnd(perfdata, at);
		if (perfdata[labelEnd] !== "=") {
			const label = perfdata.slice(at, labelEnd);
			// text in front of a bar, as in "more text | label=1"
			if (labelEnd === perfdata.length) yield { label, value: undefined };
			at = labelEnd;
			continue;
		}
		const start = labelEnd + 1;
		const end = valueEnd(perfdata, start);
		const text = perfdata.slice(start, end);
		// a label without quotes extends to the last "=", for Icinga, too
		const equals = quoted ? -1 : text.lastIndexOf("=");
		yield {
			label:
				quoted?.label ??
				perfdata.slice(at, equals < 0 ? labelEnd : start + equals).trimEnd(),
			value: text.slice(equals + 1),
		};
		at = end;
	}
}

/** A label in quotes that begins here, and where its `=` is; undefined if there is none. */
function quotedLabel(text: string, start: number) {
	if (text[start] !== "'") return undefined;
	let close = text.indexOf("'", start + 1);
	while (close >= 0 && text[close + 1] === "'")
		close = text.indexOf("'", close + 2);
	if (close < 0) return undefined;
	let end = close + 1;
	while (isBlank(text[end])) end++;
	return text[end] === "="
		? { end, label: text.slice(start + 1, close).replaceAll("''", "'") }
		: undefined;
}

function unquotedLabelEnd(text: string, start: number) {
	let end = start;
	while (end < text.length && text[end] !== "=" && text[end] !== "|") end++;
	return end;
}

function valueEnd(text: string, start: number) {
	let end = start;
	while (end < text.length && !isBlank(text[end]) && text[end] !== "|") end++;
	return end;
}

function parseValue(
	label: string,
	text: string,
	errors: Errors,
): PerfdataValue | undefined {
	const quote = `${label}=${text}`;
	if (label === "") return errors.add("no label", quote);
	if (label.length > maxTokenCharacters || text.length > maxTokenCharacters)
		return errors.add(`longer than ${maxTokenCharacters} characters`, quote);
	const [first = "", warning, critical, min, max, ...others] = text.split(";");
	const figure =
		first === "U" ? { value: undefined, unit: "" } : numberOf(first);
	if (typeof figure === "string") return errors.add(figure, quote);
	const result: PerfdataValue = { label: copied(label), ...figure };
	const take = <Key extends "warning" | "critical" | "min" | "max">(
		key: Key,
		field: string | undefined,
		parse: (field: string, unit: string) => PerfdataValue[Key] | string,
	) => {
		if (field === undefined || field === "" || field === "U") return;
		const parsed = parse(field, figure.unit);
		if (typeof parsed === "string") errors.add(`${key}: ${parsed}`, quote);
		else result[key] = parsed;
	};
	take("warning", warning, parseRange);
	take("critical", critical, parseRange);
	take("min", min, parseBound);
	take("max", max, parseBound);
	if (others.some((other) => other !== ""))
		errors.add("more than five fields", quote);
	return result;
}

// no nested repetition; always matches at most a prefix, so there is nothing to go back for
const number = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/;

/** A number with its unit, or what is wrong. */
function numberOf(text: string): { value: number; unit: string } | string {
	if (text === "") return "no value";
	const digits = number.exec(text)?.[0];
	if (digits === undefined)
		return /^[+-]?,\d/.test(text) ? "decimal comma" : "not a number";
	const unit = text.slice(digits.length);
	if (/^,\d/.test(unit)) return "decimal comma";
	if (/[\d'",=+~@:-]/.test(unit)) return "not a number with a unit";
	const value = Number(digits);
	if (!isInRange(value, unit)) return "out of range";
	// JSON has no negative zero
	return { value: value || 0, unit: copied(unit) };
}

/** Whether a printed number is one in its base unit, too. */
const isInRange = (value: number, unit: string) =>
	Number.isFinite(value * normalised({ unit }).factor);

/** A number in the unit of its value, or what is wrong. */
function parseBound(text: string, unit: string): number | string {
	const read = numberOf(text);
	if (typeof read === "string") return read;
	if (read.unit === "" || read.unit === unit)
		return isInRange(read.value, unit) ? read.value : "out of range";
	const [from, to] = [normalised(read), normalised({ unit })];
	if (from.unit !== to.unit || from.isCounter || to.isCounter)
		return `the unit differs from that of the value (${read.unit})`;
	const bound = (read.value * from.factor) / to.factor;
	return Number.isFinite(bound) ? bound : "out of range";
}

/** The guidelines' ranges: `10`, `10:`, `~:10`, `10:20`, `@10:20`; or what is wrong. */
function parseRange(text: string, unit: string): PerfdataRange | string {
	const alert = text.startsWith("@") ? "inside" : "outside";
	const plain = alert === "inside" ? text.slice(1) : text;
	const colon = plain.indexOf(":");
	const [from, to] =
		colon < 0 ? ["", plain] : [plain.slice(0, colon), plain.slice(colon + 1)];
	const upper = colon >= 0 && to === "" ? undefined : parseBound(to, unit);
	if (typeof upper === "string") return upper;
	const lower = lowerBound(from, unit, upper);
	if (typeof lower === "string") return lower;
	if (lower !== undefined && upper !== undefined && lower > upper)
		return "the range ends before it begins";
	return { lower, upper, alert };
}

/** A missing lower bound is 0, unless the upper one is less: a plain number is no range to anyone. */
function lowerBound(text: string, unit: string, upper: number | undefined) {
	if (text === "~") return undefined;
	if (text !== "") return parseBound(text, unit);
	return upper !== undefined && upper < 0 ? undefined : 0;
}
