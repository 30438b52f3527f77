import {
	type Context,
	type Document,
	OpenAPIBackend,
	type Operation,
} from "openapi-backend";
import { contract as document } from "../../generated/contract.ts";
import type { Call, Handlers } from "../../generated/handlers.ts";
import { Problem } from "../problem.ts";
import { matchLetterCase, type NamedSchema } from "./letter-case.ts";
import { type Answer, type Replied, toAnswer } from "./reply.ts";
import { type Violation, violation } from "./validation.ts";

/** One operation as a router needs it. */
export interface Route {
	method: string;
	/** As the contract writes it: `/machine-state/{key}`. */
	path: string;
	operationId: string;
	/** Whether the operation takes a body. */
	hasBody: boolean;
}

/** A request, its body parsed; undefined is an absent body. */
export interface ContractRequest {
	method: string;
	/** Without the query, which no operation has. */
	path: string;
	headers: Record<string, string | string[] | undefined>;
	body: unknown;
}

export interface Contract {
	readonly routes: readonly Route[];
	/** Methods of the operations at a path, HEAD with GET; empty if there are none. */
	methodsAt(path: string): string[];
	/** A path that was asked for as the contract writes it; undefined if it has none such. */
	pathAt(path: string): string | undefined;
	/**
	 * Validates the request, has its handler answer and gives the answer as it
	 * goes to the wire. Throws what the handler throws, and Problem 400.
	 */
	answer(request: ContractRequest, call: Call): Promise<Answer>;
}

type Untyped = (params: unknown, body: unknown, call: Call) => unknown;

interface BodySchema {
	required?: boolean;
	content: { "application/json": { schema: NamedSchema } };
}

/** The request's body as the operation may take it. */
function bodyFor(operation: Operation, body: unknown): unknown {
	const declared = operation.requestBody as BodySchema | undefined;
	if (!declared) return undefined;
	if (body === undefined) {
		// the original's documented clients drain metrics with no body at all
		if (!declared.required) return {};
		throw new Problem(400, "body: required");
	}
	// anything else openapi-backend would parse once more
	if (typeof body !== "object")
		throw new Problem(400, `body: expected an object, got a ${typeof body}`);
	if (!("x-any-letter-case" in operation)) return body;
	return matchLetterCase(body, declared.content["application/json"].schema);
}

/**
 * Binds handlers to the contract. `checkReply` sees every reply before it goes
 * out and throws if it does not like it: tests hold replies to the contract.
 */
export async function createContract(parts: {
	handlers: Handlers;
	checkReply?: (operationId: string, reply: Replied) => void;
}): Promise<Contract> {
	const api = await new OpenAPIBackend({
		// the constant has no descriptions, which the type asks for
		definition: document as unknown as Document,
		quick: true,
		strict: true,
		ajvOpts: { strict: false, meta: false, validateSchema: false },
		handlers: {
			notFound: refuse(404, "no such operation"),
			methodNotAllowed: refuse(405, "no such operation"),
			notImplemented: refuse(501, "not in this version of the agent"),
			unauthorizedHandler: refuse(403, "not allowed"),
			validationFail: (context: Context) => {
				const { requestBody, params, headers } = context.request;
				throw violation(
					context.validation.errors as Violation[] | null | undefined,
					{ requestBody, path: params, header: headers },
				);
			},
		},
	}).init();
	for (const [operationId, handler] of Object.entries(parts.handlers))
		api.register(operationId, (context: Context, call: Call) =>
			(handler as Untyped)(
				context.request.params,
				context.request.requestBody,
				call,
			),
		);
	const operations = api.getOperations();
	// it makes the whole list anew for each request: half of the time of a small one
	api.router.getOperations = () => operations;
	const patterns = operations.map(
		({ path }) => new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}/?$`),
	);
	return {
		routes: operations.map(({ method, path, operationId, requestBody }) => ({
			method: method.toUpperCase(),
			path,
			operationId: operationId ?? "",
			hasBody: requestBody !== undefined,
		})),
		methodsAt: (path) =>
			operations
				.filter((_, index) => patterns[index]?.test(path))
				.flatMap(({ method }) =>
					method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()],
				),
		pathAt: (path) =>
			operations.find((_, index) => patterns[index]?.test(path))?.path,
		answer: async ({ method, path, headers, body }, call) => {
			const operation = api.matchOperation({ method, path, headers: {} });
			if (!operation) throw new Problem(404, `no such operation: ${path}`);
			const declaredBody = bodyFor(operation, body);
			const reply: Replied = await api.handleRequest(
				{
					method,
					path,
					headers: { ...headers, "content-type": "application/json" } as Record<
						string,
						string | string[]
					>,
					query: {},
					body: declaredBody,
				},
				call,
			);
			try {
				parts.checkReply?.(operation.operationId ?? "", reply);
				return toAnswer(operation, reply);
			} catch (error) {
				reply.delivered?.(false);
				throw error;
			}
		},
	};
}

const refuse = (status: number, detail: string) => (): never => {
	throw new Problem(status, detail);
};
