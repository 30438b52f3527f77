import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { type DocumentLimits, type LargeList, outlineOf } from "./outline.ts";

/** The default of max-body-bytes. */
const defaultMaxBytes = 16 * 1024 * 1024;

/**
 * The limits of a body. Real requests have only a few levels; recursive code can handle this many.
 * A usual sample has one value for every thirty bytes.
 * @param maxBytes of the body
 */
const limitsOf = (maxBytes: number): DocumentLimits => ({
	levels: 100,
	values: Math.max(1_000, Math.floor(maxBytes / 24)),
	valuesAtOnce: 100_000,
	nameBytes: 4_096,
});

/** Limit of a field's name in a message, as names come from clients. */
const maxStepLength = 100;

/** Joins the steps to a field: `metric_data[3].hostname`. */
export function fieldName(steps: readonly string[]): string {
	const shortened = steps.map((step) =>
		step.length > maxStepLength ? `${step.slice(0, maxStepLength)}...` : step,
	);
	const name = shortened.reduce(
		(path, step) =>
			/^\d+$/.test(step) ? `${path}[${step}]` : path ? `${path}.${step}` : step,
		"",
	);
	return name || "body";
}

/** Formats a value for a message: shortened, and only the kind of an array or object. */
export function shown(value: unknown): string {
	if (Array.isArray(value)) return "an array";
	if (typeof value === "object" && value !== null) return "an object";
	if (typeof value === "string" && value.length > 60)
		return `${JSON.stringify(value.slice(0, 60))}... (${value.length} characters)`;
	return JSON.stringify(value) ?? "nothing";
}

/**
 * Returns the steps to the first string or field name that contains NUL. All calls share one array
 * of steps.
 */
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
			// skip numbers, which are most of a large body
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

/** Parses JSON text that begins at `offset` in the body. Throws AgentError `bad-body` if it is invalid. */
function parseText(text: string, offset = 0): unknown {
	try {
		return JSON.parse(text);
	} catch (error) {
		// the parser's message quotes the body, which may hold an API key
		const position = /position (\d+)/.exec(String(error))?.[1];
		const where = position
			? ` (at character ${Number(position) + offset})`
			: "";
		throw new AgentError("bad-body", `body: not a JSON document${where}`);
	}
}

/**
 * Parses a document with a large list in slices, yielding to the event loop between them:
 * JSON.parse takes most of a second for ten megabytes of new names. The document is parsed with a
 * marker in place of the list, and each slice as a list.
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
		// empty because of two commas in a row, or one at the end
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
 * Parses a request body, which must be exactly one JSON document. Bytes that are not UTF-8 are read
 * as U+FFFD, and `onReplaced` is called. An empty body and `null` give undefined. Yields to the
 * event loop between the steps of a large body.
 * @param options.maxBytes the largest body of this operation, from which the other limits derive
 * @throws AgentError `bad-body` if it is not JSON, has more than a hundred levels, too many values
 * or too long names; `bad-request` for NUL in a string, as no path, argument or metric name can
 * contain it
 */
export async function parseBody(
	given: Buffer,
	{
		maxBytes = defaultMaxBytes,
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

/** Bytes scanned before yielding to the event loop. */
const turnBytes = 1024 * 1024;

const replacement = Buffer.from("\u{fffd}");

/** Returns the length of the UTF-8 sequence at this position; 0 if it is invalid. */
function sequenceAt(bytes: Buffer, at: number): number {
	const first = bytes[at] ?? 0;
	if (first < 0x80) return 1;
	const length = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (length === 0 || first > 0xf4) return 0;
	for (let more = 1; more < length; more++)
		if (((bytes[at + more] ?? 0) & 0xc0) !== 0x80) return 0;
	const second = bytes[at + 1] ?? 0;
	// overlong, a surrogate, or beyond U+10FFFF
	const isBad =
		(first === 0xe0 && second < 0xa0) ||
		(first === 0xed && second > 0x9f) ||
		(first === 0xf0 && second < 0x90) ||
		(first === 0xf4 && second > 0x8f);
	return isBad ? 0 : length;
}

/** Replaces every byte that is not UTF-8 by U+FFFD, as Go's decoder does. */
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

/** Limit of remembered pairs of client and operation. */
const maxSubjects = 1_000;

/**
 * Logs clients whose bodies are not UTF-8: once an hour for each client and operation, with the
 * number of times.
 * @param parts.now a monotonic clock, in milliseconds
 */
export function createUtf8Warnings(parts: {
	log: Pick<Log, "warning" | "error">;
	now: () => number;
}): (client: string, operation: string) => void {
	const repeats = createLogRepeats({
		log: parts.log,
		elapsed: parts.now,
		maxKinds: maxSubjects,
	});
	return (client, operation) => {
		const subject = `${operation} from ${client}`;
		repeats.wrong(subject, {
			kind: "not UTF-8",
			level: "warning",
			lines: [
				`${subject}: the body is not UTF-8, invalid bytes were replaced by U+FFFD`,
			],
		});
	};
}
