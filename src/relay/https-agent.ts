import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Hop } from "./hop.ts";
import { lookupName } from "./name-lookup.ts";
import type { Trust } from "./trust.ts";

type Created = (error: Error | null, socket: Duplex) => void;

/** The certificate of a pinned hop is another one. */
export class FingerprintError extends Error {
	readonly code = "FINGERPRINT";
}

/**
 * A pool of connections, kept alive, with TLS sessions reused. Connections of
 * pinned hops hold back what is written until the certificate is known to be the
 * right one: no byte of a request leaves before.
 */
class TrustingAgent extends Agent {
	readonly #trust: Trust;

	constructor(trust: Trust, options: AgentOptions) {
		super(options);
		this.#trust = trust;
	}

	override createConnection(
		options: RequestOptions,
		created?: Created,
	): Duplex | null | undefined {
		const hop: Hop = { host: String(options.host), port: Number(options.port) };
		const wanted = this.#trust.fingerprint(hop);
		if (wanted === undefined) return super.createConnection(options, created);
		// the pin stands in the place of the chain; no session is resumed, for Node
		// does not give the certificate of one
		const unverified = {
			...options,
			rejectUnauthorized: false,
			_agentKey: undefined,
		};
		const socket = super.createConnection(unverified) as TLSSocket;
		// given to the pool at once, so that it counts and ends with its request,
		// and holding back what is written to it
		socket.cork();
		socket.prependOnceListener("secureConnect", () => {
			const found = socket.getPeerX509Certificate()?.fingerprint256;
			if (found === wanted) return socket.uncork();
			socket.destroy(
				new FingerprintError(
					`certificate fingerprint is ${found}, not ${wanted}`,
				),
			);
		});
		return socket;
	}
}

/** Connections to one hop at once; more requests wait for one. */
export const connectionsEach = 64;

/** Connections that nobody uses are closed after this time. */
const idleMilliseconds = 60_000;

export function createAgent(trust: Trust): Agent {
	return new TrustingAgent(trust, {
		...trust.tls,
		lookup: lookupName,
		minVersion: "TLSv1.2",
		keepAlive: true,
		// the connection used last is the one least likely to have been closed
		scheduling: "lifo",
		maxSockets: connectionsEach,
		maxFreeSockets: connectionsEach,
		maxCachedSessions: 1000,
		timeout: idleMilliseconds,
	});
}
