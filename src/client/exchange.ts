import type { Hop } from "../protocol/hop.ts";
import { createHttpsFetch } from "../relay/https-fetch.ts";
import type { Trust } from "./options.ts";
import { trustOf } from "./trust.ts";

/** A POST to an agent, as it is. */
export interface Posted {
	to: Hop;
	path: "/monitor" | "/proxy";
	/** JSON. */
	body: Uint8Array;
	/** Until the answer's last byte. */
	timeoutMilliseconds: number;
	/** What the agent hears of it, in `Happo-Milliseconds-Left`. */
	toldMilliseconds: number;
	/** Aborting it resets the connection: the agent stops what it runs. */
	signal: AbortSignal;
	/** Who wants it: clients share the places. */
	client: string;
	/** Resolves when there is memory for so many bytes more of the answer. */
	reserve: (bytes: number) => Promise<void>;
}

/** Sends requests of others over kept connections. */
export interface Exchange {
	/**
	 * Gives the answer, whatever its status. Retries nothing but what a kept
	 * connection that had died did not send.
	 * @throws RelayError, and AgentError `relay-busy` if no place comes free in time
	 */
	post(posted: Posted): Promise<{ status: number; body: Buffer }>;
	/** Closes the kept connections. */
	close(): void;
}

/** Requests at once to one hop, to one that is slow or dead, and the part of all requests that such hops have together. */
const maxOfHop = 128;
const maxOfSlowHop = 8;
const slowPart = 8;

/**
 * Connections to any number of agents, for a program that passes on what others
 * ask: unlike the clients for one agent it neither opens what a bastion wraps nor
 * repeats a call. Throws OptionsError.
 * @param parts.fingerprint SHA-256 of the certificate that a hop must have, upper
 * case with colons; stands in the place of the chain and the name
 */
export function createExchange(parts: {
	trust: Trust;
	fingerprint: (hop: Hop) => string | undefined;
	maxAnswerBytes: number;
	/** Requests at once. */
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
