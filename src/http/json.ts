import { isUtf8 } from "node:buffer";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Problem } from "../problem.ts";
import { parseInSlices, parseText } from "./document.ts";
import { outlineOf } from "./outline.ts";
import { withReplacements } from "./utf8.ts";

/** No request has more levels than a few; what walks a body may recurse this deep. */
const deepest = 100;

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

/**
 * A request body as JSON: one document, nothing behind it. Bytes that are not UTF-8
 * are read as U+FFFD, and `onReplaced` hears of it. An empty
 * body and `null` are undefined. Problem 400 for everything else that is no
 * JSON, for more than a hundred levels, and for a NUL character in any string:
 * no path, no argument and no metric name can hold one. Other requests have their
 * turn between the steps of a large one.
 */
export async function parseBody(
	given: Buffer,
	onReplaced: () => void = () => {},
): Promise<unknown> {
	if (given.length === 0) return undefined;
	const isText = isUtf8(given);
	const bytes = isText ? given : await withReplacements(given);
	if (!isText) onReplaced();
	const { depth, list } = await outlineOf(bytes, deepest);
	if (depth > deepest)
		throw new Problem(400, `body: more than ${deepest} levels deep`);
	const value = list
		? await parseInSlices(bytes, list)
		: parseText(bytes.toString("utf8"));
	if (bytes.includes("\\u0000")) {
		const steps = findNul(value);
		if (steps)
			throw new Problem(400, `${fieldName(steps)}: contains a NUL character`);
	}
	if (list) await nextTurn();
	return value ?? undefined;
}
