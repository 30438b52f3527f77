import type { AgentPaths } from "../../generated/client.ts";
import type { Hop } from "../protocol/hop.ts";
import type { Pin } from "../protocol/pin.ts";
import { mayRunTwice } from "../protocol/repeatable.ts";
import type { KeptLimits } from "../relay/connections.ts";
import {
	createHttpsFetch,
	type Fetched,
	type Outgoing,
} from "../relay/https-fetch.ts";
import type { Trust } from "./options.ts";
import { trustOf } from "./trust.ts";

/** A request with POST for an agent, sent unchanged. */
export interface Posted {
	to: Hop;
	/** `/proxy` has one for the last hop. */
	path: keyof AgentPaths;
	/**
	 * The operation that `/proxy` brings to the last hop; by default a check. It decides whether the
	 * request is sent again if a kept connection ended before the first byte of the answer.
	 */
	inner?: keyof AgentPaths;
	/** JSON. */
	body: Uint8Array;
	/** Time limit, up to the last byte of the answer. */
	timeoutMilliseconds: number;
	/** Time left, which the agent gets in `Happo-Milliseconds-Left`. */
	toldMilliseconds: number;
	/** Aborting it resets the connection, so the agent stops the check. */
	signal: Outgoing["signal"];
	/** Name of the client: clients share the places. */
	client: string;
	/** Resolves when there is memory for this many more bytes of the answer. */
	reserve: (bytes: number) => Promise<void> | undefined;
}

/** Passes on requests of others over persistent connections. */
export interface Exchange {
	/**
	 * Returns the answer with any status. Sends a request again only if a persistent connection was
	 * dead, or ended before the first byte of the answer to an operation that may run twice.
	 * @throws RelayError, and AgentError `relay-busy` if no place becomes free in time
	 */
	post(posted: Posted): Promise<Fetched>;
	/** Closes the connections to a hop, because it has to be verified in another way now. */
	forget(hop: Hop): void;
	/** Closes all connections. */
	close(): void;
}

/**
 * Maximum number of requests at a time to one hop, and to one slow or dead hop. All such hops
 * together may have one eighth of all requests (`slowPart`).
 */
const maxOfHop = 128;
const maxOfSlowHop = 8;
const slowPart = 8;

/**
 * Creates connections to any number of agents, for a program that passes on requests of others.
 * Unlike a client for one agent, it does not interpret the answers of bastions and does not retry
 * calls.
 * @param parts.pin replaces the verification of a hop's chain and name; undefined for other hops
 * @throws OptionsError
 */
export function createExchange(parts: {
	trust: Trust;
	pin: (hop: Hop) => Pin | undefined;
	maxAnswerBytes: number;
	/** Maximum number of requests at a time; undefined: the program itself limits them. */
	maxRequests: number | undefined;
	/** Maximum number of connections to one hop; undefined: that of the requests to one. */
	maxConnections?: number;
	/** Limits of the connections that are kept. */
	kept?: KeptLimits;
}): Exchange {
	const { maxRequests, maxConnections, kept } = parts;
	const trust = trustOf(parts.trust);
	const { fetch, forget, close } = createHttpsFetch({
		trust: {
			...trust,
			pin: (hop) => parts.pin(hop) ?? trust.pin(hop),
		},
		maxBodyBytes: parts.maxAnswerBytes,
		maxBodySetting: "maxAnswerBytes",
		// dead hosts must not keep others waiting
		limits:
			maxRequests === undefined
				? undefined
				: {
						all: maxRequests,
						each: Math.min(maxOfHop, maxRequests),
						allSlow: Math.ceil(maxRequests / slowPart),
						eachSlow: maxOfSlowHop,
					},
		maxConnections,
		kept,
	});
	return {
		post: ({ to, toldMilliseconds, inner = "/monitor", ...posted }) =>
			fetch({
				...posted,
				hop: { host: to.host, port: to.port },
				method: "POST",
				mayRunTwice: mayRunTwice(
					"POST",
					posted.path === "/proxy" ? inner : posted.path,
				),
				headers: {
					"content-type": "application/json",
					"happo-milliseconds-left": String(Math.ceil(toldMilliseconds)),
				},
				isNested: false,
			}),
		forget,
		close,
	};
}
