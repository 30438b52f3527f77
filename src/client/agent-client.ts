import type { Client } from "openapi-fetch";
import {
	createAgentClient as createCalls,
	type AgentPaths as ServedPaths,
} from "../../generated/client.ts";
import { createAgentFetch } from "./agent-fetch.ts";
import { type Answered, checkedAnswer } from "./answered.ts";
import { type DrainOptions, drainMetrics, type MetricBatch } from "./drain.ts";
import { createManagementFetch } from "./management-client.ts";
import type { AgentOptions } from "./options.ts";

/** The operations of an agent. Instead of `/proxy`, use the option `via`. */
export type AgentPaths = Omit<ServedPaths, "/proxy">;

/** A client for one agent, with the types of the contract. */
export interface AgentClient extends Client<AgentPaths> {
	/**
	 * Takes the metrics, batch by batch, until nothing is left. Asking for the next batch
	 * acknowledges the last one, and the agent deletes it. If the loop ends by `break`, `return` or
	 * an error, the last batch is not acknowledged.
	 */
	drainMetrics(
		options?: DrainOptions,
	): AsyncGenerator<MetricBatch, void, undefined>;
	/** Closes all connections; calls in flight fail. */
	close(): void;
}

/** Paths whose answers are not JSON. */
const texts: ReadonlySet<string> = new Set<keyof AgentPaths>(["/", "/metrics"]);

type Init = Record<string, unknown> & { body?: unknown };

/** Adds the client's defaults to the options of a call. */
function completed(path: string, init: Init, apiKey: string | undefined) {
	const body = init.body ?? {};
	const isKeyless =
		typeof body === "object" && (body as Init).apikey === undefined;
	return {
		...(texts.has(path) && { parseAs: "text" }),
		...init,
		...(apiKey !== undefined &&
			isKeyless && { body: { apikey: apiKey, ...body } }),
	};
}

/**
 * Creates a client for one agent. Calls resolve with `data` or `error`, and `response`. They reject
 * with AgentUnreachable if there is no answer, or with the reason of an aborted signal.
 * @throws OptionsError
 */
export function createAgentClient(options: AgentOptions): AgentClient {
	const { fetch, place, close } = createAgentFetch(options);
	const calls = createCalls({ baseUrl: `https://${place}`, fetch });

	const request = async (
		method: string,
		path: string,
		init: Init = {},
	): Promise<Answered> => {
		const isGet = method.toUpperCase() === "GET";
		const whole: Init = completed(
			path,
			init,
			isGet ? undefined : options.apiKey,
		);
		// callers who read the body in another way get no check
		const isJson = (whole.parseAs ?? "json") === "json";
		return checkedAnswer(
			place,
			isJson && options.checkAnswers
				? `${method.toUpperCase()} ${path}`
				: undefined,
			calls.request(method as never, path as never, whole as never),
		);
	};
	const method = (name: string) => (path: string, init?: Init) =>
		request(name, path, init);
	const client = {
		...calls,
		request,
		GET: method("GET"),
		POST: method("POST"),
		drainMetrics: (drain?: DrainOptions) => drainMetrics(client, place, drain),
		close,
	} as AgentClient;
	return client;
}

/**
 * Creates a client for a server with an agent's operations over plain HTTP, such as a TLS
 * terminator; agents themselves use only HTTPS. It has no proxy, no redirects and no retries. Calls
 * reject with AgentUnreachable if there is no answer.
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
