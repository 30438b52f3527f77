import { isUtf8 } from "node:buffer";
import { randomUUID } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { AgentError } from "../agent-error.ts";
import { type DocumentLimits, type LargeList, outlineOf } from "./outline.ts";
import { withReplacements } from "./utf8.ts";

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
