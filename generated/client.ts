// Written by `npm run generate` from openapi.yaml. Do not edit.
import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema.ts";

type AgentPath =
	| "/"
	| "/proxy"
	| "/monitor"
	| "/inventory"
	| "/metric"
	| "/metric/append"
	| "/metric/lease"
	| "/metric/ack"
	| "/metric/leases"
	| "/metric/release"
	| "/metric/peek"
	| "/metric/config"
	| "/metric/config/update"
	| "/metric/status"
	| "/status"
	| "/status/memory"
	| "/status/request"
	| "/machine-state"
	| "/machine-state/{key}"
	| "/metrics"
	| "/commands"
	| "/results"
	| "/refusals";

type ManagementPath =
	| "/manage/add"
	| "/manage/is_added"
	| "/manage/remove"
	| "/manage/hosts";

/** The operations of an agent. */
export type AgentPaths = Pick<paths, AgentPath>;

/** The operations of a management server. */
export type ManagementPaths = Pick<paths, ManagementPath>;

/** Calls an agent's operations. An HTTP status never throws; a network failure does. */
export type AgentClient = Client<AgentPaths>;

/** Calls a management server's operations. */
export type ManagementClient = Client<ManagementPaths>;

/** A server's address, and the fetch that reaches it. */
export interface Connection {
	/** Scheme, host and port, such as `https://127.0.0.1:6777`. */
	baseUrl: string;
	/** Implements certificate checks, timeouts and connection pooling. */
	fetch: (request: Request) => Promise<Response>;
}

/** A client for one agent. */
export function createAgentClient(connection: Connection): AgentClient {
	return createClient<AgentPaths>(connection);
}

/** A client for a management server. */
export function createManagementClient(
	connection: Connection,
): ManagementClient {
	return createClient<ManagementPaths>(connection);
}
