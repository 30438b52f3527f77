import { Problem } from "../problem.ts";
import { fieldName, shown } from "./json.ts";

/** What the validator says of one violation; Ajv's ErrorObject has it. */
export interface Violation {
	keyword: string;
	/** JSON pointer, such as `/requestBody/metric_data/3/hostname`. */
	instancePath: string;
	params: Record<string, unknown>;
	message?: string;
}

const article = (type: string) => (/^[aio]/.test(type) ? "an" : "a");

/** What a schema keyword asked for, in words; the value is added where it helps. */
function complaint(error: Violation, value: unknown): string {
	switch (error.keyword) {
		case "required":
			return "required";
		case "type": {
			const types = [error.params.type]
				.flat()
				.filter((type) => type !== "null");
			const type = String(types[0]);
			return `expected ${article(type)} ${type}, got ${shown(value)}`;
		}
		case "minLength":
		case "minItems":
			return "empty";
		case "maxItems":
			return `at most ${error.params.limit} entries, got ${(value as unknown[]).length}`;
		case "pattern":
			return `not allowed: ${shown(value)}`;
		default:
			return `${error.message}, got ${shown(value)}`;
	}
}

/**
 * The first violation of the contract as a problem that names the field and
 * the value. `request` is what was validated, by the first step of the
 * violation's path: `requestBody`, `path`, `header`.
 */
export function violation(
	errors: readonly Violation[] | null | undefined,
	request: Readonly<Record<string, unknown>>,
): Problem {
	const error = errors?.[0];
	if (!error) return new Problem(400, "not what the contract says");
	const [part = "", ...steps] = error.instancePath
		.split("/")
		.slice(1)
		.map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
	const value = [part, ...steps].reduce<unknown>(
		(inner, step) => (inner as Record<string, unknown> | undefined)?.[step],
		request,
	);
	const missing = error.keyword === "required" && part !== "";
	const name = missing
		? fieldName([...steps, String(error.params.missingProperty)])
		: fieldName(steps);
	const secret = name.toLowerCase() === "apikey";
	const detail = complaint(error, secret ? typeof value : value);
	return new Problem(400, `${name}: ${detail}`);
}
