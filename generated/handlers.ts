// Written by `npm run generate` from openapi.yaml. Do not edit.
import type { operations } from "./schema.ts";

type Content<T> = T extends { content: infer C } ? C : never;

/** Path parameters of an operation. */
export type Params<Op extends keyof operations> =
	operations[Op]["parameters"]["path"] extends infer P
		? [Exclude<P, undefined>] extends [never]
			? Record<never, never>
			: Exclude<P, undefined>
		: never;

/** Request body of an operation; undefined where it takes none. */
export type Body<Op extends keyof operations> =
	Exclude<operations[Op]["requestBody"], undefined> extends infer B
		? [B] extends [never]
			? undefined
			: Content<B>[keyof Content<B>]
		: never;

/** What a handler tells of its work, for the log and the figures; no client sees it. */
export interface Facts {
	/** The plugin, as it was asked for. */
	plugin?: string;
	/** There is such a plugin: no client can make up names of them. */
	pluginFound?: boolean;
	/** Program of an inventory's command line, where it begins with a plain name. */
	command?: string;
	/** Options of either; may be a secret. */
	option?: string;
	/** What the plugin or command answered. */
	exitStatus?: number;
	/** It was stopped at the time limit. */
	timedOut?: boolean;
	/** Its run, in milliseconds. */
	ranMilliseconds?: number;
	/** Where the request was relayed to. */
	hop?: string;
	/** The answer is that agent's, whatever it says. */
	hopAnswered?: boolean;
	/** Why the answer is not what was asked for. */
	reason?: string;
}

/** What a handler may know of a request besides its contents. */
export interface Call {
	/** Address of the client. */
	client: string;
	/**
	 * Waits until there is memory for so many bytes more of an answer, which count
	 * until the client has it. Throws AgentError `busy` when there is none in time.
	 */
	reserve(bytes: number): Promise<void>;
	/** Aborted when the client has gone: nobody will read the answer. */
	signal: AbortSignal;
	/** What the caller will still wait, in milliseconds; undefined if it did not say. */
	millisecondsLeft: number | undefined;
	/** Agents that relayed the request before it came here. */
	hopsPassed: number;
	/** Media types of the Accept header, best first; empty if there is none. */
	accept: readonly string[];
}

type Headers<T> = T extends { headers: infer H }
	? { [K in keyof H as string extends K ? never : K]: H[K] }
	: Record<never, never>;

type WithHeaders<T> = keyof Headers<T> extends never
	? { headers?: Record<string, string> }
	: { headers: Headers<T> & Record<string, string> };

/** One media type: naming it is optional; several: it must be named. */
type WithBody<C> = [C] extends [never]
	? { body?: never; type?: never }
	: {
			[M in keyof C]: [keyof C] extends [M]
				? { body: C[M]; type?: M }
				: { body: C[M]; type: M };
		}[keyof C];

type Status<S> = S extends number ? S : number;

// any media type in the contract means that the handler names it
type Media<C> = C extends { "*/*": infer B }
	? { [type: string]: B }
	: C;

/** One declared answer of an operation. */
export type Reply<Op extends keyof operations> = {
	[S in keyof operations[Op]["responses"]]: {
		status: Status<S>;
		/** Told once whether the answer was delivered to the client. */
		delivered?: (ok: boolean) => void;
		/** For the log and the figures; no client sees them. */
		facts?: Facts;
	} & WithHeaders<operations[Op]["responses"][S]> &
		WithBody<Media<Content<operations[Op]["responses"][S]>>>;
}[keyof operations[Op]["responses"]];

/** Does the work of one operation. What it throws is answered as a problem. */
export type Handler<Op extends keyof operations> = (
	params: Params<Op>,
	body: Body<Op>,
	call: Call,
) => Reply<Op> | Promise<Reply<Op>>;

/** Every operation an agent serves, none missing and none besides. */
export interface Handlers {
	/** Say that the agent is there: `GET /`. */
	checkAvailability: Handler<"checkAvailability">;
	/** Relay a request to the next hop: `POST /proxy`. */
	relayRequest: Handler<"relayRequest">;
	/** Run a Nagios plugin: `POST /monitor`. */
	runCheck: Handler<"runCheck">;
	/** Run a command and answer its output: `POST /inventory`. */
	runInventoryCommand: Handler<"runInventoryCommand">;
	/** Take the oldest metrics: `POST /metric`. */
	drainMetrics: Handler<"drainMetrics">;
	/** Store metrics: `POST /metric/append`. */
	appendMetrics: Handler<"appendMetrics">;
	/** Lend the oldest metrics for a time: `POST /metric/lease`. */
	leaseMetrics: Handler<"leaseMetrics">;
	/** Say that a leased batch is safe: `POST /metric/ack`. */
	acknowledgeMetrics: Handler<"acknowledgeMetrics">;
	/** List the leases: `GET /metric/leases`. */
	listLeases: Handler<"listLeases">;
	/** End a lease: `POST /metric/release`. */
	releaseLease: Handler<"releaseLease">;
	/** Look at the oldest metrics: `POST /metric/peek`. */
	peekMetrics: Handler<"peekMetrics">;
	/** Show the collection's configuration in force: `GET /metric/config`. */
	getMetricConfig: Handler<"getMetricConfig">;
	/** Replace the collection's configuration: `POST /metric/config/update`. */
	updateMetricConfig: Handler<"updateMetricConfig">;
	/** Redirect to /status: `GET /metric/status`. */
	getMetricStatus: Handler<"getMetricStatus">;
	/** Report the agent's state: `GET /status`. */
	getStatus: Handler<"getStatus">;
	/** Report memory use: `GET /status/memory`. */
	getMemoryStatus: Handler<"getMemoryStatus">;
	/** Report how many requests were answered: `GET /status/request`. */
	getRequestStatus: Handler<"getRequestStatus">;
	/** List the snapshots of the machine: `GET /machine-state`. */
	listMachineStates: Handler<"listMachineStates">;
	/** Show one snapshot of the machine: `GET /machine-state/{key}`. */
	getMachineState: Handler<"getMachineState">;
	/** Expose metrics to Prometheus: `GET /metrics`. */
	exposeMetrics: Handler<"exposeMetrics">;
}
