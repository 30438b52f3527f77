import type { Hop } from "../protocol/hop.ts";
import { createHttpsFetch } from "../relay/https-fetch.ts";
import type { Trust } from "./options.ts";
import { trustOf } from "./trust.ts";

/** A check for an agent, sent unchanged. */
export interface Posted {
	to: Hop;
	/** `/proxy` has one for the last hop. */
	path: "/monitor" | "/proxy";
	/** JSON. */
	body: Uint8Array;
	/** Time limit, up to the last byte of the answer. */
	timeoutMilliseconds: number;
	/** Time left, which the agent gets in `Happo-Milliseconds-Left`. */
	toldMilliseconds: number;
	/** Aborting it resets the connection, so the agent stops the check. */
	signal: AbortSignal;
	/** Name of the client: clients share the places. */
	client: string;
	/** Resolves when there is memory for this many more bytes of the answer. */
	reserve: (bytes: number) => Promise<void>;
}

/** Passes on requests of others over persistent connections. */
export interface Exchange {
	/**
	 * Returns the answer with any status. Sends a check again only if a persistent connection was
	 * dead, or ended before the first byte of the answer.
	 * @throws RelayError, and AgentError `relay-busy` if no place becomes free in time
	 */
	post(posted: Posted): Promise<{ status: number; body: Buffer }>;
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
 * @param parts.fingerprint SHA-256 fingerprint of a hop's certificate, upper case with colons; it
 * replaces the verification of chain and name
 * @throws OptionsError
 */
export function createExchange(parts: {
	trust: Trust;
	fingerprint: (hop: Hop) => string | undefined;
	maxAnswerBytes: number;
	/** Maximum number of requests at a time. */
	maxRequests: number;
}): Exchange {
	const trust = trustOf(parts.trust);
	const { fetch, close } = createHttpsFetch({
		trust: {
			...trust,
			fingerprint: (hop) => parts.fingerprint(hop) ?? trust.fingerprint(hop),
		},
		maxBodyBytes: parts.maxAnswerBytes,
		maxBodySetting: "maxAnswerBytes",
		// dead hosts must not keep others waiting
		limits: {
			all: parts.maxRequests,
			each: Math.min(maxOfHop, parts.maxRequests),
			allSlow: Math.ceil(parts.maxRequests / slowPart),
			eachSlow: maxOfSlowHop,
		},
	});
	return {
		async post({ to, toldMilliseconds, ...posted }) {
			const { status, body } = await fetch({
				...posted,
				hop: { host: to.host, port: to.port },
				method: "POST",
				mayRunTwice: true,
				headers: {
					"content-type": "application/json",
					"happo-milliseconds-left": String(Math.ceil(toldMilliseconds)),
				},
				isNested: false,
			});
			return { status, body };
		},
		close,
	};
}
