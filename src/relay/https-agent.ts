import { Agent, type AgentOptions, type RequestOptions } from "node:https";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Hop } from "../protocol/hop.ts";
import { lookupName } from "./name-lookup.ts";
import type { Trust } from "./trust.ts";

type Created = (error: Error | null, socket: Duplex) => void;

/** The TCP connection of each TLS connection. */
const below = new WeakMap<Duplex, Socket>();

/**
 * Resets a connection, to abandon an answer: the other agent would go on for a client that only
 * closes its side.
 */
export function resetConnection(socket: Duplex | undefined): void {
	if (socket) below.get(socket)?.resetAndDestroy();
}

/** A pinned hop has another certificate. */
export class FingerprintError extends Error {
	readonly code = "FINGERPRINT";
}

/**
 * A pool of kept-alive connections that reuses TLS sessions. Connections to pinned hops hold writes
 * back until the certificate is verified: no byte of a request leaves before.
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
		// the pin replaces chain verification; no session is resumed, as Node does not expose a resumed
		// session's certificate
		const unverified = {
			...options,
			socket: tcp,
			rejectUnauthorized: false,
			_agentKey: undefined,
		};
		const socket = super.createConnection(unverified) as TLSSocket;
		below.set(socket, tcp);
		// returned to the pool at once, so that it counts and ends with its request; corked to hold
		// writes back
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

/** Default limit of connections to one hop; further requests wait for one. */
const defaultConnections = 64;

/** Idle connections are closed after this time. */
const idleMilliseconds = 60_000;

/**
 * Creates the connection pool.
 * @param maxSockets connections to one hop; further requests wait for one
 */
export function createAgent(
	trust: Trust,
	maxSockets = defaultConnections,
): Agent {
	return new TrustingAgent(trust, {
		...trust.tls,
		minVersion: "TLSv1.2",
		keepAlive: true,
		// the last used connection is least likely to have been closed
		scheduling: "lifo",
		maxSockets,
		maxFreeSockets: Math.min(maxSockets, defaultConnections),
		maxCachedSessions: 1000,
		timeout: idleMilliseconds,
	});
}
