import { isUtf8 } from "node:buffer";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Problem } from "../problem.ts";
import { isDeeperThan } from "./depth.ts";

/** No request has more levels than a few; what walks a body may recurse this deep. */
const deepest = 100;

/** A body over this is worked on in several turns of the event loop. */
const largeBytes = 256 * 1024;

/** `metric_data[3].hostname` from the steps that lead to a field. */
export function fieldName(steps: readonly string[]): string {
	const name = steps.reduce(
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
 * A request body as JSON: UTF-8, one document, nothing behind it. An empty
 * body and `null` are undefined. Problem 400 for everything else that is no
 * JSON, for more than a hundred levels, and for a NUL character in any string:
 * no path, no argument and no metric name can hold one. Other requests have their
 * turn between the steps of a large one.
 */
export async function parseBody(bytes: Buffer): Promise<unknown> {
	if (bytes.length === 0) return undefined;
	if (!isUtf8(bytes)) throw new Problem(400, "body: not UTF-8");
	const isLarge = bytes.length > largeBytes;
	if (await isDeeperThan(deepest, bytes))
		throw new Problem(400, `body: more than ${deepest} levels deep`);
	if (isLarge) await nextTurn();
	const text = bytes.toString("utf8");
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch (error) {
		// the parser's own words quote the body, where an api key may be
		const position = /position (\d+)/.exec(String(error))?.[1];
		const where = position ? ` (at character ${position})` : "";
		throw new Problem(400, `body: not a JSON document${where}`);
	}
	if (isLarge) await nextTurn();
	if (text.includes("\\u0000")) {
		const steps = findNul(value);
		if (steps)
			throw new Problem(400, `${fieldName(steps)}: contains a NUL character`);
	}
	if (isLarge) await nextTurn();
	return value ?? undefined;
}
