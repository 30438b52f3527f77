import { AgentError } from "../agent-error.ts";
import { fieldName, shown } from "./json.ts";

/** What the validator says of one violation; Ajv's ErrorObject has it. */
export interface Violation {
	keyword: string;
	/** JSON pointer, such as `/requestBody/metric_data/3/hostname`. */
	instancePath: string;
	params: Record<string, unknown>;
	message?: string;
}

/** A value that must not be shown. */
function kindOf(value: unknown): string {
	if (typeof value === "object" || value === undefined) return shown(value);
	return `a ${typeof value}`;
}

const article = (type: string) => (/^[aio]/.test(type) ? "an" : "a");

/** What a schema keyword asked for, in words; the value is added where it helps. */
function complaint(
	error: Violation,
	value: unknown,
	show: (value: unknown) => string,
): string {
	switch (error.keyword) {
		case "required":
			return "required";
		case "type": {
			const types = [error.params.type]
				.flat()
				.filter((type) => type !== "null");
			const type = String(types[0]);
			return `expected ${article(type)} ${type}, got ${show(value)}`;
		}
		case "minLength":
		case "minItems":
			return "empty";
		case "maxItems":
			return `at most ${error.params.limit} entries, got ${(value as unknown[]).length}`;
		case "pattern":
			return `not allowed: ${show(value)}`;
		default:
			return `${error.message}, got ${show(value)}`;
	}
}

/**
 * The first violation of the contract as a problem that names the field and
 * the value; the log gets its type only, it may be a password in the wrong place. `request` is what was validated, by the first step of the
 * violation's path: `requestBody`, `path`, `header`.
 */
export function violation(
	errors: readonly Violation[] | null | undefined,
	request: Readonly<Record<string, unknown>>,
): AgentError {
	const error = errors?.[0];
	if (!error)
		return new AgentError("bad-request", "not what the contract says");
	const [part = "", ...steps] = error.instancePath
		.split("/")
		.slice(1)
		.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
	// only the management server's operations have query parameters
	if (part === "query" && error.keyword === "additionalProperties")
		return new AgentError(
			"bad-request",
			`${fieldName([String(error.params.additionalProperty)])}: no such query parameter`,
		);
	const value = [part, ...steps].reduce<unknown>(
		(inner, step) => (inner as Record<string, unknown> | undefined)?.[step],
		request,
	);
	const missing = error.keyword === "required" && part !== "";
	const name = missing
		? fieldName([...steps, String(error.params.missingProperty)])
		: fieldName(steps);
	const says = (show: (value: unknown) => string) =>
		`${name}: ${complaint(error, value, show)}`;
	const isSecret = name.toLowerCase() === "apikey";
	return new AgentError("bad-request", says(isSecret ? kindOf : shown), {
		logged: says(kindOf),
	});
}
