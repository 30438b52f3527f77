import type { components } from "../../generated/schema.ts";
import { answerShapes, type Shape } from "../../generated/shapes.ts";

/** The type of a problem that an agent answered. */
export type ProblemType = components["schemas"]["ProblemType"];

/**
 * The type of a problem; undefined for all other bodies, and for refusals by v1 and other agents
 * that are too old to have types.
 */
export function problemType(body: unknown): ProblemType | undefined {
	const { type } = (body ?? {}) as { type?: unknown };
	return typeof type === "string" && type.startsWith("urn:happo:problem:")
		? (type as ProblemType)
		: undefined;
}

/** The JSON type of a value, named as in schemas. */
function kindOf(value: unknown): string {
	if (value === null) return "null";
	if (Array.isArray(value)) return "array";
	return Number.isInteger(value) ? "integer" : typeof value;
}

const isKind = (kind: string, is: string) =>
	kind === is || (kind === "integer" && is === "number");

const article = (word: string) => (/^[aio]/.test(word) ? "an" : "a");

/** Where and how a value does not fit its shape: `store.reason: a number, not a string`. */
function offence(
	shape: Shape,
	value: unknown,
	place: string,
): string | undefined {
	const { is, orNull, each, fields } = shape;
	if (orNull && value === null) return undefined;
	const kind = kindOf(value);
	if (!isKind(kind, is)) {
		const found =
			kind === "null" || kind === "undefined"
				? "missing"
				: `${article(kind)} ${kind}, not ${article(is)} ${is}`;
		return `${place || "the body"}: ${found}`;
	}
	const inside = (name: string) => (place ? `${place}.${name}` : name);
	for (const [key, field] of Object.entries(fields ?? {})) {
		const name = key.replace(/\?$/, "");
		const given = (value as Record<string, unknown>)[name];
		if (given === undefined && name !== key) continue;
		const found = offence(field, given, inside(name));
		if (found) return found;
	}
	if (!each) return undefined;
	for (const [key, entry] of Object.entries(value as object)) {
		if (fields && (key in fields || `${key}?` in fields)) continue;
		const found = offence(
			each,
			entry,
			is === "array" ? `${place}[${key}]` : inside(key),
		);
		if (found) return found;
	}
	return undefined;
}

/**
 * Where and how the body of a successful answer does not fit the contract; undefined if it fits.
 * Unknown fields and values outside the contract's limits are allowed: agents may be newer than
 * this client.
 * @param operation method and path as in the contract, `GET /status`
 */
export function answerOffence(
	operation: string,
	body: unknown,
): string | undefined {
	const shape = answerShapes[operation];
	return shape && offence(shape, body, "");
}
