import {
	type ManagementClient as Calls,
	createManagementClient as createCalls,
} from "../../generated/client.ts";
import { createManagementFetch } from "./management-fetch.ts";
import type { ManagementOptions } from "./options.ts";

/** The operations of a management server, with the types of the contract. */
export interface ManagementClient extends Calls {
	/** Closes the kept connections. */
	close(): void;
}

/**
 * A client for a management server. Statuses are answers (302 is "found") and
 * redirects are not followed; without an answer a call rejects with
 * AgentUnreachable. Throws OptionsError.
 */
export function createManagementClient(
	options: ManagementOptions,
): ManagementClient {
	const { baseUrl, fetch, close } = createManagementFetch(options);
	return { ...createCalls({ baseUrl, fetch }), close };
}
