import { type Document, OpenAPIBackend, type Operation } from "openapi-backend";
import { contract as document } from "../../generated/contract.ts";
import type { Call, Handlers } from "../../generated/handlers.ts";
import { Problem } from "../problem.ts";
import { matchLetterCase, type NamedSchema } from "./letter-case.ts";
import { type Answer, createAnswers, type Replied } from "./reply.ts";
import { type Violation, violation } from "./validation.ts";

/** A request, its body parsed; undefined is an absent body. */
export interface ContractRequest {
	/** Parameters of the path, their escapes undone. */
	params: Record<string, string>;
	headers: Record<string, string | string[] | undefined>;
	body: unknown;
}

/** One operation as a router needs it. */
export interface Route {
	method: string;
	/** As the contract writes it: `/machine-state/{key}`. */
	path: string;
	operationId: string;
	/** Whether the operation takes a body. */
	hasBody: boolean;
	/**
	 * Validates the request, has its handler answer and gives the answer as it
	 * goes to the wire. Throws what the handler throws, and Problem 400.
	 */
	answer(request: ContractRequest, call: Call): Promise<Answer>;
}

export interface Contract {
	readonly routes: readonly Route[];
	/** Methods of the operations at a path, HEAD with GET; empty if there are none. */
	methodsAt(path: string): string[];
	/** A path that was asked for as the contract writes it; undefined if it has none such. */
	pathAt(path: string): string | undefined;
}

type Untyped = (params: unknown, body: unknown, call: Call) => unknown;

/** A request as openapi-backend's validators want it. */
interface ValidatedRequest {
	path: Record<string, string>;
	header: Record<string, unknown>;
	requestBody: unknown;
}

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
	matchLetterCase(body, declared.content["application/json"].schema);
	return body;
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
	}).init();
	const operations = api.getOperations();
	const handlers = parts.handlers as unknown as Record<string, Untyped>;

	/** Throws the first violation of what the contract says of a request. */
	const validate = (operationId: string, request: ValidatedRequest) => {
		// they are compiled when they are first asked for: tens of milliseconds
		const checks = api.validator.getRequestValidatorsForOperation(operationId);
		for (const check of checks ?? []) {
			check(request);
			if (check.errors)
				throw violation(check.errors as Violation[], { ...request });
		}
	};

	/**
	 * What openapi-backend's own way of a request does besides (it parses and
	 * routes again, several times) takes as long as all else of a small one.
	 */
	const answerOf = (operation: Operation): Route["answer"] => {
		const { operationId = "", parameters = [] } = operation;
		const handler = handlers[operationId] as Untyped;
		const toAnswer = createAnswers(operation);
		const takesSomething =
			parameters.length > 0 || operation.requestBody !== undefined;
		return async ({ params, headers, body }, call) => {
			const requestBody = bodyFor(operation, body);
			if (takesSomething) {
				// a copy: validation makes numbers of headers that are to be numbers
				const header = { ...headers };
				validate(operationId, { path: params, header, requestBody });
			}
			const reply = (await handler(params, requestBody, call)) as Replied;
			try {
				parts.checkReply?.(operationId, reply);
				return toAnswer(reply);
			} catch (error) {
				reply.delivered?.(false);
				throw error;
			}
		};
	};

	const patterns = operations.map(
		({ path }) => new RegExp(`^${path.replace(/\{\w+\}/g, "[^/]+")}/?$`),
	);
	return {
		routes: operations.map((operation) => ({
			method: operation.method.toUpperCase(),
			path: operation.path,
			operationId: operation.operationId ?? "",
			hasBody: operation.requestBody !== undefined,
			answer: answerOf(operation),
		})),
		methodsAt: (path) =>
			operations
				.filter((_, index) => patterns[index]?.test(path))
				.flatMap(({ method }) =>
					method === "get" ? ["GET", "HEAD"] : [method.toUpperCase()],
				),
		pathAt: (path) =>
			operations.find((_, index) => patterns[index]?.test(path))?.path,
	};
}
