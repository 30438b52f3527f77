import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { contract } from "../../generated/contract.ts";
import type { Replied } from "../../src/http/reply.ts";
import { EncodedJson } from "../../src/operation.ts";

type Node = Record<string, unknown>;

/** Resolves a `$ref`. */
export function resolved(value: unknown): Node {
	const { $ref } = value as { $ref?: string };
	if ($ref === undefined) return value as Node;
	const steps = $ref.split("/").slice(1);
	return resolved(
		steps.reduce<unknown>((node, step) => (node as Node)[step], contract),
	);
}

/** A schema without references that allows no undeclared fields. */
function closed(value: unknown): unknown {
	if (Array.isArray(value)) return value.map(closed);
	if (typeof value !== "object" || value === null) return value;
	const node = resolved(value);
	const inner = Object.fromEntries(
		Object.entries(node).map(([key, item]) => [key, closed(item)]),
	);
	const open = "properties" in node && !("additionalProperties" in node);
	return open ? { ...inner, additionalProperties: false } : inner;
}

/** An operation of the contract with its method and path. */
export interface Declared {
	operationId: string;
	method: string;
	path: string;
	/** Replies by status, references resolved. */
	replies: Map<string, { content: Record<string, Node>; headers: Node }>;
	/** Schema of the JSON body, and whether it is required. */
	body:
		| { schema: Node; required: boolean; maxBytes: number | undefined }
		| undefined;
}

/** Every operation of an agent. */
export const declaredOperations: Declared[] = Object.entries(
	contract.paths as Record<string, Node>,
).flatMap(([path, item]) =>
	Object.entries(item).map(([method, operation]) => {
		const { operationId, responses, requestBody } = operation as {
			operationId: string;
			responses: Node;
			requestBody?: {
				required: boolean;
				"x-max-bytes"?: number;
				content: Record<string, Node>;
			};
		};
		return {
			operationId,
			method: method.toUpperCase(),
			path,
			replies: new Map(
				Object.entries(responses).map(([status, reply]) => {
					const { content = {}, headers = {} } = resolved(reply) as {
						content?: Record<string, Node>;
						headers?: Node;
					};
					return [status, { content, headers }];
				}),
			),
			body: requestBody && {
				schema: resolved(requestBody.content["application/json"]?.schema),
				required: requestBody.required,
				maxBytes: requestBody["x-max-bytes"],
			},
		};
	}),
);

const ajv = new Ajv2020({ strict: false });
const validators = new Map<string, ValidateFunction>();

/**
 * Throws if a reply violates the contract: its status, its media type, its body, text and problems
 * included, down to undeclared fields. Relayed answers are not checked.
 */
export function checkReply(operationId: string, reply: Replied): void {
	const operation = declaredOperations.find(
		(declared) => declared.operationId === operationId,
	);
	const passesThrough = operation?.replies.get("default")?.content["*/*"];
	// the agent's own replies are not bytes yet
	if (passesThrough && reply.body instanceof Uint8Array) return;
	const fail: (what: string) => never = (what) => {
		throw new Error(`${operationId} ${reply.status}: ${what}`);
	};
	if (!operation) fail("not an operation of the contract");
	const declared =
		operation.replies.get(String(reply.status)) ??
		operation.replies.get("default");
	if (!declared) fail("the status is not declared");
	const types = Object.keys(declared.content);
	if (types.includes("*/*")) return;
	for (const [name, header] of Object.entries(declared.headers)) {
		const given = Object.entries(reply.headers ?? {}).find(
			([key]) => key.toLowerCase() === name.toLowerCase(),
		);
		if (resolved(header).required && !given) fail(`${name} is missing`);
	}
	const type = reply.type ?? types[0];
	if (type === undefined) {
		if (reply.body !== undefined) fail("no body is declared");
		return;
	}
	const media = declared.content[type] ?? fail(`${type} is not declared`);
	const key = `${operationId} ${reply.status} ${type}`;
	let validate = validators.get(key);
	if (!validate) {
		validate = ajv.compile(closed(media.schema) as object);
		validators.set(key, validate);
	}
	const body =
		reply.body instanceof EncodedJson
			? JSON.parse(Buffer.from(reply.body.bytes).toString("utf8"))
			: reply.body;
	if (!validate(body)) fail(JSON.stringify(validate.errors?.slice(0, 3)));
}
