import { createAgentClient as createCalls } from "../../generated/client.ts";
import type { AgentClient } from "./agent-client.ts";
import { createManagementFetch } from "./management-fetch.ts";

/**
 * A client for what speaks an agent's protocol over plain HTTP, such as a terminator of TLS or a receiver of one's own:
 * agents themselves speak HTTPS only. No proxy, no redirects, no retries. Its calls reject with AgentUnreachable.
 * @param options.endpoint `http://HOST:PORT`
 * @throws OptionsError
 */
export function createPlainClient(options: {
	endpoint: string;
	timeoutMilliseconds: number;
}): Pick<AgentClient, "POST" | "close"> {
	const { baseUrl, fetch, close } = createManagementFetch(options);
	const { POST } = createCalls({ baseUrl, fetch });
	return { POST, close };
}
