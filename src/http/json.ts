import { isUtf8 } from "node:buffer";
import { Problem } from "../problem.ts";

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

/** The steps to the first string, or field name, with a NUL in it. */
function findNul(root: unknown): string[] | undefined {
	const queue: [unknown, string[]][] = [[root, []]];
	for (const [value, steps] of queue) {
		if (typeof value === "string" && value.includes("\0")) return steps;
		if (typeof value !== "object" || value === null) continue;
		for (const [key, item] of Object.entries(value)) {
			if (key.includes("\0")) return [...steps, key.replaceAll("\0", "\\0")];
			queue.push([item, [...steps, key]]);
		}
	}
	return undefined;
}

/**
 * A request body as JSON: UTF-8, one document, nothing behind it. An empty
 * body and `null` are undefined. Problem 400 for everything else that is no
 * JSON, and for a NUL character in any string: no path, no argument and no
 * metric name can hold one.
 */
export function parseBody(bytes: Buffer): unknown {
	if (bytes.length === 0) return undefined;
	if (!isUtf8(bytes)) throw new Problem(400, "body: not UTF-8");
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
	if (text.includes("\\u0000")) {
		const steps = findNul(value);
		if (steps)
			throw new Problem(400, `${fieldName(steps)}: contains a NUL character`);
	}
	return value ?? undefined;
}
