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

/** The operations of an agent. `/proxy` is what the option `via` is for. */
export type AgentPaths = Omit<ServedPaths, "/proxy">;

/** The operations of one agent, with the types of its contract. */
export interface AgentClient extends Client<AgentPaths> {
	/**
	 * Takes the metrics, batch after batch until nothing is left. A batch is
	 * acknowledged, and gone at the agent, when the next one is asked for; not when
	 * the loop is left by `break`, `return` or an error.
	 */
	drainMetrics(
		options?: DrainOptions,
	): AsyncGenerator<MetricBatch, void, undefined>;
	/** Closes the kept connections; what is under way fails. */
	close(): void;
}

/** Paths whose answers are no JSON. */
const texts: ReadonlySet<string> = new Set<keyof AgentPaths>(["/", "/metrics"]);

type Init = Record<string, unknown> & { body?: unknown };

/** What every call has beside what its caller gave. */
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
 * A client for one agent. Its calls answer with `data` or `error` and the
 * `response`; they reject with AgentUnreachable when there is no answer, or with
 * the reason of an aborted signal. Throws OptionsError.
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
		// another way of reading the body is the caller's own
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
