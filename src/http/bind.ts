import { type Document, OpenAPIBackend, type Operation } from "openapi-backend";
import { AgentError } from "../agent-error.ts";
import { fieldName, shown } from "./json.ts";

/** A request to an operation, its body parsed. */
export interface OperationRequest {
	/** Needed only if the contract restricts a parameter of the path. */
	pathParameters?: Record<string, string>;
	query?: Record<string, string>;
	headers?: Record<string, string | string[] | undefined>;
	/** undefined if there is no body. */
	body?: unknown;
}

/** An operation of the contract, with its validation. */
export interface BoundOperation {
	operationId: string;
	method: string;
	/** As in the contract: `/machine-state/{key}`. */
	path: string;
	/** Its definition, with the responses that are allowed. */
	operation: Operation;
	/** The largest allowed body, in bytes; undefined if the operation has no body. */
	maxBodyBytes: number | undefined;
	/**
	 * Validates a request and returns its body, with field names as spelled in the contract.
	 * @throws AgentError `bad-request` or `bad-body` for the first violation
	 */
	accept(request: OperationRequest): unknown;
}

/** The operations of a contract. */
export interface Bound {
	readonly operations: readonly BoundOperation[];
	/** Returns the operations at a path, whatever their method; used if no route matches. */
	at(path: string): BoundOperation[];
}

interface DeclaredBody {
	required?: boolean;
	content: { "application/json": { schema: NamedSchema } };
	"x-max-bytes"?: number;
}

/** Binds a contract through openapi-backend, which validates requests. */
export async function bindContract(definition: object): Promise<Bound> {
	const api = await new OpenAPIBackend({
		// the generated constant lacks descriptions, which the type requires
		definition: definition as Document,
		quick: true,
		ignoreTrailingSlashes: false,
		strict: true,
		ajvOpts: { strict: false, meta: false, validateSchema: false },
	}).init();

	const acceptOf = (operation: Operation): BoundOperation["accept"] => {
		const { operationId = "", parameters = [] } = operation;
		const declared = operation.requestBody as DeclaredBody | undefined;
		const headerNames = parameters.flatMap((parameter) =>
			"in" in parameter && parameter.in === "header"
				? [parameter.name.toLowerCase()]
				: [],
		);
		const bodyOf = (body: unknown) => {
			if (!declared) return undefined;
			if (body === undefined) {
				// documented clients of v1 (Go) drain metrics without a body
				if (!declared.required) return {};
				throw new AgentError("bad-body", "body: required");
			}
			// openapi-backend would parse a string again
			if (typeof body !== "object" || body === null)
				throw new AgentError(
					"bad-body",
					`body: expected an object, got a ${typeof body}`,
				);
			matchLetterCase(body, declared.content["application/json"].schema);
			return body;
		};
		// Fastify has matched the path: any text is a valid parameter of the agent's paths
		const anyPath = Object.fromEntries(
			parameters.flatMap((parameter) =>
				"in" in parameter && parameter.in === "path"
					? [[parameter.name, parameter.name]]
					: [],
			),
		);
		const hasNothing = parameters.length === 0 && !declared;
		return ({
			pathParameters: path = anyPath,
			query = {},
			headers = {},
			body,
		}) => {
			const given = bodyOf(body);
			if (hasNothing) return undefined;
			const header: Record<string, unknown> = {};
			for (const name of headerNames)
				if (headers[name] !== undefined) header[name] = headers[name];
			const request = declared
				? { path, query, header, requestBody: given }
				: { path, query, header };
			// validateRequest would parse the request once more, which costs as much as Fastify
			const validators =
				api.validator.getRequestValidatorsForOperation(operationId) ?? [];
			for (const validate of validators)
				if (!validate(request))
					throw violation(validate.errors as Violation[], request);
			return given;
		};
	};

	const operations = api.getOperations().map((operation): BoundOperation => {
		const { operationId = "", method, path } = operation;
		const declared = operation.requestBody as DeclaredBody | undefined;
		return {
			operationId,
			method: method.toUpperCase(),
			path,
			operation,
			maxBodyBytes:
				declared && (declared["x-max-bytes"] ?? Number.POSITIVE_INFINITY),
			accept: acceptOf(operation),
		};
	});
	return {
		operations,
		at: (given) => {
			// one trailing slash is ignored, as Fastify does
			const path = given.replace(/(.)\/$/, "$1");
			const found = ["GET", "POST"].map(
				(method) =>
					api.matchOperation({ method, path, headers: {} })?.operationId,
			);
			return operations.filter(({ operationId }) =>
				found.includes(operationId),
			);
		},
	};
}

/** The part of a JSON schema that has field names. */
export interface NamedSchema {
	properties?: Record<string, NamedSchema>;
	items?: NamedSchema;
}

/** The field names of an object's schema. */
interface Names {
	/** Names as spelled in the schema. */
	exact: ReadonlySet<string>;
	/** Those names by their lower-case form. */
	spellings: ReadonlyMap<string, string>;
	/** The fields whose values have named fields, too. */
	inner: readonly [string, NamedSchema][];
}

/** Cached, as every request needs them, and an append for each of up to 40,000 samples. */
const known = new WeakMap<NamedSchema, Names>();

function namesOf(
	schema: NamedSchema,
	properties: Record<string, NamedSchema>,
): Names {
	const before = known.get(schema);
	if (before) return before;
	const names = Object.keys(properties);
	const made = {
		exact: new Set(names),
		spellings: new Map(names.map((name) => [name.toLowerCase(), name])),
		inner: Object.entries(properties).filter(
			([, { properties: fields, items }]) => fields ?? items,
		),
	};
	known.set(schema, made);
	return made;
}

/** Renames fields that match the schema only when case is ignored. */
function renameFields(
	fields: Record<string, unknown>,
	{ exact, spellings }: Names,
): void {
	let found: Map<string, unknown> | undefined;
	for (const key of Object.keys(fields)) {
		if (exact.has(key)) continue;
		const name = spellings.get(key.toLowerCase());
		if (name === undefined) continue;
		found ??= new Map();
		found.set(name, fields[key]);
		delete fields[key];
	}
	if (!found) return;
	for (const [name, value] of found)
		if (!Object.hasOwn(fields, name)) fields[name] = value;
}

/**
 * Renames the fields of a parsed document to the schema's spelling, ignoring case, because Go's
 * decoder does so and clients depend on it. The exact spelling wins; among others, the last one.
 * Unknown names stay, and so do the keys of maps, such as metrics. Changes the value in place.
 */
export function matchLetterCase(value: unknown, schema: NamedSchema): void {
	if (typeof value !== "object" || value === null) return;
	if (Array.isArray(value)) {
		if (!schema.items) return;
		for (const item of value) matchLetterCase(item, schema.items);
		return;
	}
	const { properties } = schema;
	if (!properties) return;
	const fields = value as Record<string, unknown>;
	const names = namesOf(schema, properties);
	renameFields(fields, names);
	for (const [name, inner] of names.inner)
		if (Object.hasOwn(fields, name)) matchLetterCase(fields[name], inner);
}

/** One violation, the part of Ajv's ErrorObject that is used. */
interface Violation {
	keyword: string;
	/** JSON pointer, such as `/requestBody/metric_data/3/hostname`. */
	instancePath: string;
	params: Record<string, unknown>;
	message?: string;
}

/** Describes a value that may be a secret by its type. */
function kindOf(value: unknown): string {
	if (typeof value === "object" || value === undefined) return shown(value);
	return `a ${typeof value}`;
}

const article = (type: string) => (/^[aio]/.test(type) ? "an" : "a");

/** Explains a violation in words, with the value if it helps. */
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
 * Turns the first violation into an error that names the field and the value. The log gets only the
 * value's type, as it may be a misplaced password. `request` is the validated request, by the first
 * step of the violation's path: `requestBody`, `query`, `header`.
 */
function violation(
	errors: readonly Violation[] | null | undefined,
	request: Readonly<Record<string, unknown>>,
): AgentError {
	const error = errors?.[0];
	if (!error)
		return new AgentError("bad-request", "the request violates the contract");
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
