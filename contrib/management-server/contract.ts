import {
	type ManagementHandlers,
	managementContract,
} from "../../generated/management.ts";
import { AgentError } from "../../src/agent-error.ts";
import { bindContract, type OperationRequest } from "../../src/http/bind.ts";

/** A request in the form that the contract validates. */
export interface ManagementRequest extends OperationRequest {
	method: string;
	path: string;
}

/** A handler's reply without the types of its operation. */
export interface Reply {
	status: number;
	body?: unknown;
}

type Untyped = (body: unknown, query: unknown) => Reply | Promise<Reply>;

/** Returns a function that matches and validates a request by the contract and calls its handler. Throws AgentError. */
export async function createContract(given: ManagementHandlers) {
	const handlers = given as unknown as Record<string, Untyped>;
	const bound = await bindContract(managementContract);
	return async (request: ManagementRequest): Promise<Reply> => {
		const here = bound.at(request.path);
		const operation = here.find(({ method }) => method === request.method);
		if (!operation)
			throw here.length > 0
				? new AgentError("no-such-method", "the operation has another method")
				: new AgentError("no-such-path", "no such operation");
		const body = operation.accept(request);
		return (handlers[operation.operationId] as Untyped)(body, request.query);
	};
}
