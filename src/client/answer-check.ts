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

/** What does not fit, and where it is below the value. */
interface Offence {
	/** `.reason`, `[3].metrics`; empty for the value itself. */
	place: string;
	/** `a number, not a string`. */
	found: string;
}

/** Puts the place of a value in front. */
const below = (place: string, offence: Offence): Offence => ({
	place: place + offence.place,
	found: offence.found,
});

/**
 * How a value does not fit its shape. Texts are made only if it does not: a collector checks
 * hundreds of values of each agent.
 */
function offence(shape: Shape, value: unknown): Offence | undefined {
	const { is, orNull, each, fields } = shape;
	if (orNull && value === null) return undefined;
	if (is === "number" && typeof value === "number") return undefined;
	const kind = kindOf(value);
	if (!isKind(kind, is)) {
		const found =
			kind === "null" || kind === "undefined"
				? "missing"
				: `${article(kind)} ${kind}, not ${article(is)} ${is}`;
		return { place: "", found };
	}
	if (fields)
		for (const key of Object.keys(fields)) {
			const isOptional = key.endsWith("?");
			const name = isOptional ? key.slice(0, -1) : key;
			const given = (value as Record<string, unknown>)[name];
			if (given === undefined && isOptional) continue;
			const found = offence(fields[key] as Shape, given);
			if (found) return below(`.${name}`, found);
		}
	if (!each) return undefined;
	if (Array.isArray(value)) {
		for (const [index, entry] of value.entries()) {
			const found = offence(each, entry);
			if (found) return below(`[${index}]`, found);
		}
		return undefined;
	}
	for (const key in value as object) {
		if (fields && (key in fields || `${key}?` in fields)) continue;
		const found = offence(each, (value as Record<string, unknown>)[key]);
		if (found) return below(`.${key}`, found);
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
	const found = shape && offence(shape, body);
	if (!found) return undefined;
	const place = found.place.replace(/^\./, "") || "the body";
	return `${place}: ${found.found}`;
}
