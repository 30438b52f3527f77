import {
	type Document,
	OpenAPIBackend,
	type Operation,
	type Request,
} from "openapi-backend";
import { AgentError } from "../agent-error.ts";
import { matchLetterCase, type NamedSchema } from "./letter-case.ts";
import { type Violation, violation } from "./validation.ts";

/** A request to an operation, its body parsed. */
export interface OperationRequest {
	query?: Record<string, string>;
	headers?: Record<string, string | string[] | undefined>;
	/** undefined is an absent body. */
	body?: unknown;
}

/** An operation of the contract, as a server needs it. */
export interface BoundOperation {
	operationId: string;
	method: string;
	/** As the contract writes it: `/machine-state/{key}`. */
	path: string;
	/** Its responses, to which replies are held. */
	operation: Operation;
	/** The largest body that it takes, in bytes; undefined if it takes none. */
	maxBodyBytes: number | undefined;
	/**
	 * Holds a request to the contract and gives its body in the contract's spelling.
	 * @throws AgentError `bad-request` or `bad-body` for the first thing that is wrong
	 */
	accept(request: OperationRequest): unknown;
}

/** A contract bound to what answers it. */
export interface Bound {
	readonly operations: readonly BoundOperation[];
	/** Operations at a path, whatever the method; for what no route takes. */
	at(path: string): BoundOperation[];
}

interface DeclaredBody {
	required?: boolean;
	content: { "application/json": { schema: NamedSchema } };
	"x-max-bytes"?: number;
}

/** The one place that knows openapi-backend: it holds requests to a contract. */
export async function bindContract(definition: object): Promise<Bound> {
	const api = await new OpenAPIBackend({
		// a generated constant has no descriptions, which the type asks for
		definition: definition as Document,
		quick: true,
		ignoreTrailingSlashes: false,
		strict: true,
		ajvOpts: { strict: false, meta: false, validateSchema: false },
	}).init();

	const acceptOf = (operation: Operation): BoundOperation["accept"] => {
		const { parameters = [], path, method } = operation;
		const declared = operation.requestBody as DeclaredBody | undefined;
		const headerNames = parameters.flatMap((parameter) =>
			"in" in parameter && parameter.in === "header"
				? [parameter.name.toLowerCase()]
				: [],
		);
		const bodyOf = (body: unknown) => {
			if (!declared) return undefined;
			if (body === undefined) {
				// documented clients of v1 drain metrics with no body at all
				if (!declared.required) return {};
				throw new AgentError("bad-body", "body: required");
			}
			// openapi-backend would parse a string once more
			if (typeof body !== "object" || body === null)
				throw new AgentError(
					"bad-body",
					`body: expected an object, got a ${typeof body}`,
				);
			matchLetterCase(body, declared.content["application/json"].schema);
			return body;
		};
		const hasNothing = parameters.length === 0 && !declared;
		return ({ query = {}, headers = {}, body }) => {
			const given = bodyOf(body);
			if (hasNothing) return undefined;
			const request: Request = {
				method,
				path,
				query,
				headers: Object.fromEntries(
					headerNames.flatMap((name) => {
						const value = headers[name];
						return value === undefined ? [] : [[name, value]];
					}),
				),
				...(declared && { body: given }),
			};
			const { errors } = api.validateRequest(request, operation);
			if (errors && errors.length > 0)
				throw violation(errors as Violation[], {
					requestBody: given,
					header: request.headers,
					query,
				});
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
