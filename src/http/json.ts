import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { type DocumentLimits, type LargeList, outlineOf } from "./outline.ts";

/** The default of max-body-bytes. */
const largestBody = 16 * 1024 * 1024;

/**
 * No request has more levels than a few; what walks a body may recurse this deep. A
 * sample of the usual kind has a value for every thirty bytes.
 * @param maxBytes of the body
 */
const limitsOf = (maxBytes: number): DocumentLimits => ({
	levels: 100,
	values: Math.max(1_000, Math.floor(maxBytes / 24)),
	valuesAtOnce: 100_000,
	nameBytes: 4_096,
});

/** Names of fields come from clients. */
const longestStep = 100;

/** `metric_data[3].hostname` from the steps that lead to a field. */
export function fieldName(steps: readonly string[]): string {
	const shortened = steps.map((step) =>
		step.length > longestStep ? `${step.slice(0, longestStep)}...` : step,
	);
	const name = shortened.reduce(
		(path, step) =>
			/^\d+$/.test(step) ? `${path}[${step}]` : path ? `${path}.${step}` : step,
		"",
	);
	return name || "body";
}

/** A value in a message: short, and of things with contents only what they are. */
export function shown(value: unknown): string {
	if (Array.isArray(value)) return "an array";
	if (typeof value === "object" && value !== null) return "an object";
	if (typeof value === "string" && value.length > 60)
		return `${JSON.stringify(value.slice(0, 60))}... (${value.length} characters)`;
	return JSON.stringify(value) ?? "nothing";
}

/** The steps to the first string, or field name, with a NUL in it; one path for the whole walk. */
function findNul(value: unknown, steps: string[] = []): string[] | undefined {
	if (typeof value === "string")
		return value.includes("\0") ? steps : undefined;
	if (typeof value !== "object" || value === null) return undefined;
	const below = (name: string, item: unknown) => {
		steps.push(name.replaceAll("\0", "\\0"));
		const found = name.includes("\0") ? steps : findNul(item, steps);
		if (!found) steps.pop();
		return found;
	};
	if (Array.isArray(value)) {
		for (const [index, item] of value.entries()) {
			// most of a large body are numbers: no step for each of them
			if (typeof item !== "string" && typeof item !== "object") continue;
			const found = below(String(index), item);
			if (found) return found;
		}
		return undefined;
	}
	for (const [name, item] of Object.entries(value)) {
		const found = below(name, item);
		if (found) return found;
	}
	return undefined;
}

/** JSON text that begins at a byte of the body; AgentError `bad-body` where it is none. */
function parseText(text: string, offset = 0): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		// the parser's own words quote the body, where an api key may be
		const position = /position (\d+)/.exec(String(error))?.[1];
		const where = position
			? ` (at character ${Number(position) + offset})`
			: "";
		throw new AgentError("bad-body", `body: not a JSON document${where}`);
	}
}

/**
 * A document with a large list, parsed in slices with a turn for others between
 * them: JSON.parse takes the better part of a second for ten megabytes of names
 * it has never seen. The document is parsed with a mark in the list's place, the
 * slices as lists of their own.
 */
async function parseInSlices(
	bytes: Buffer,
	{ from, to, cuts }: LargeList,
): Promise<unknown> {
	const mark = randomUUID();
	const rest = `${bytes.toString("utf8", 0, from)}"${mark}"${bytes.toString("utf8", to)}`;
	const document = parseText(rest) as Record<string, unknown>;
	const items: unknown[] = [];
	let begin = from;
	for (const end of [...cuts, to]) {
		await nextTurn();
		const text = `[${bytes.toString("utf8", begin, end)}]`;
		const slice = parseText(text, begin - 1) as unknown[];
		// two commas in a row, or one at the end
		if (slice.length === 0)
			throw new AgentError("bad-body", "body: not a JSON document");
		for (const item of slice) items.push(item);
		begin = end + 1;
	}
	for (const list of Object.values(document))
		if (Array.isArray(list) && list[0] === mark) {
			list.pop();
			for (const item of items) list.push(item);
		}
	return document;
}

/**
 * A request body as JSON: one document, nothing behind it. Bytes that are not UTF-8
 * are read as U+FFFD, and `onReplaced` hears of it. An empty body and `null` are
 * undefined. Other requests have their turn between the steps of a large one.
 * @param options.maxBytes the largest body of its kind, which decides how much it may hold
 * @throws AgentError `bad-body` for everything else that is no JSON, for more than a
 * hundred levels, for too many values or names that are too long; `bad-request` for a NUL character in any
 * string: no path, no argument and no metric name can hold one
 */
export async function parseBody(
	given: Buffer,
	{
		maxBytes = largestBody,
		onReplaced = () => {},
	}: { maxBytes?: number; onReplaced?: () => void } = {},
): Promise<unknown> {
	if (given.length === 0) return undefined;
	const isText = isUtf8(given);
	const bytes = isText ? given : await withReplacements(given);
	if (!isText) onReplaced();
	const { excess, list } = await outlineOf(bytes, limitsOf(maxBytes));
	if (excess !== undefined) throw new AgentError("bad-body", `body: ${excess}`);
	const value = list
		? await parseInSlices(bytes, list)
		: parseText(bytes.toString("utf8"));
	if (bytes.includes("\\u0000")) {
		const steps = findNul(value);
		if (steps)
			throw new AgentError(
				"bad-request",
				`${fieldName(steps)}: contains a NUL character`,
			);
	}
	if (list) await nextTurn();
	return value ?? undefined;
}

/** Bytes looked at before other work has its turn. */
const turnBytes = 1024 * 1024;

const replacement = Buffer.from("\u{fffd}");

/** Length of the UTF-8 sequence at a place; 0 where there is none. */
function sequenceAt(bytes: Buffer, at: number): number {
	const first = bytes[at] ?? 0;
	if (first < 0x80) return 1;
	const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (length === 0 || first > 0xf4) return 0;
	for (let more = 1; more < length; more++)
		if (((bytes[at + more] ?? 0) & 0xc0) !== 0x80) return 0;
	const second = bytes[at + 1] ?? 0;
	// longer than needed, half of a surrogate pair, beyond the last character
	const isBad =
		(first === 0xe0 && second < 0xa0) ||
		(first === 0xed && second > 0x9f) ||
		(first === 0xf0 && second < 0x90) ||
		(first === 0xf4 && second > 0x8f);
	return isBad ? 0 : length;
}

/** The bytes with U+FFFD in the place of every byte that is not UTF-8, as Go's decoder reads them. */
export async function withReplacements(bytes: Buffer): Promise<Buffer> {
	const parts: Buffer[] = [];
	let from = 0;
	let pause = turnBytes;
	for (let at = 0; at < bytes.length; ) {
		if (at >= pause) {
			pause += turnBytes;
			await nextTurn();
		}
		const length = sequenceAt(bytes, at);
		if (length === 0) {
			if (at > from) parts.push(bytes.subarray(from, at));
			parts.push(replacement);
			from = at + 1;
		}
		at += length || 1;
	}
	parts.push(bytes.subarray(from));
	return Buffer.concat(parts);
}

/** Clients and their operations that are told apart. */
const most = 1_000;

/**
 * Logs that a client sends bodies that are not UTF-8: once an hour for each of its
 * operations, with the number of times.
 * @param parts.now a clock in milliseconds
 */
export function createUtf8Warnings(parts: {
	log: Pick<Log, "warning" | "error">;
	now: () => number;
}): (client: string, operation: string) => void {
	const repeats = createLogRepeats({
		log: parts.log,
		elapsed: parts.now,
		most,
	});
	return (client, operation) => {
		const subject = `${operation} from ${client}`;
		repeats.wrong(subject, {
			kind: "not UTF-8",
			level: "warning",
			lines: [
				`${subject}: the body is not UTF-8, its other bytes were replaced by U+FFFD`,
			],
		});
	};
}
