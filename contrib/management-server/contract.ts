import {
	type Context,
	type Document,
	OpenAPIBackend,
	type Request,
} from "openapi-backend";
import {
	type ManagementHandlers,
	managementContract,
} from "../../generated/management.ts";
import { type Violation, violation } from "../../src/http/validation.ts";
import { Problem } from "../../src/problem.ts";

/** A request as the contract takes it. */
export type ContractRequest = Request;

/** A handler's reply as the server sees it; its types hold for each operation. */
export interface Reply {
	status: number;
	body?: unknown;
}

const refuse = (status: number, detail: string) => (): never => {
	throw new Problem(status, detail);
};

/** Matches and validates requests by the contract, and has the handlers answer them. */
export async function createContract(handlers: ManagementHandlers) {
	const api = await new OpenAPIBackend({
		// the constant has no descriptions, which the type asks for
		definition: managementContract as unknown as Document,
		quick: true,
		strict: true,
		ajvOpts: { strict: false, meta: false, validateSchema: false },
		handlers: {
			notFound: refuse(404, "no such operation"),
			methodNotAllowed: refuse(405, "the operation has another method"),
			validationFail: ({ validation, request }: Context) => {
				const { requestBody, query } = request;
				const errors = validation.errors as Violation[] | null | undefined;
				const stranger = errors?.[0]?.params.additionalProperty;
				if (stranger !== undefined)
					throw new Problem(400, `${stranger}: no such query parameter`);
				throw violation(errors, { requestBody, query });
			},
		},
	}).init();
	for (const [operationId, handler] of Object.entries(handlers))
		api.register(operationId, ({ request }: Context) =>
			(handler as (body: unknown, query: unknown) => unknown)(
				request.requestBody,
				request.query,
			),
		);
	return (request: ContractRequest): Promise<Reply> =>
		api.handleRequest(request);
}
