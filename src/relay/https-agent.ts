import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Hop } from "../protocol/hop.ts";
import { lookupName } from "./name-lookup.ts";
import type { Trust } from "./trust.ts";

type Created = (error: Error | null, socket: Duplex) => void;

/** The TCP connections below those of TLS. */
const below = new WeakMap<Duplex, Socket>();

/**
 * Ends a connection with a reset, as whoever gives up an answer has to: the other
 * agent goes on for a client that only ends its side.
 */
export function resetConnection(socket: Duplex | undefined): void {
	if (socket) below.get(socket)?.resetAndDestroy();
}

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
		const tcp = connect({ ...hop, lookup: lookupName });
		if (wanted === undefined) {
			const socket = super.createConnection(
				{ ...options, socket: tcp } as RequestOptions,
				created,
			);
			if (socket) below.set(socket, tcp);
			return socket;
		}
		// the pin stands in the place of the chain; no session is resumed, for Node
		// does not give the certificate of one
		const unverified = {
			...options,
			socket: tcp,
			rejectUnauthorized: false,
			_agentKey: undefined,
		};
		const socket = super.createConnection(unverified) as TLSSocket;
		below.set(socket, tcp);
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

/** Connections to one hop at once, if nothing else is asked for; more requests wait for one. */
const defaultConnections = 64;

/** Connections that nobody uses are closed after this time. */
const idleMilliseconds = 60_000;

export function createAgent(
	trust: Trust,
	maxSockets = defaultConnections,
): Agent {
	return new TrustingAgent(trust, {
		...trust.tls,
		minVersion: "TLSv1.2",
		keepAlive: true,
		// the connection used last is the one least likely to have been closed
		scheduling: "lifo",
		maxSockets,
		maxFreeSockets: Math.min(maxSockets, defaultConnections),
		maxCachedSessions: 1000,
		timeout: idleMilliseconds,
	});
}
