import {
	connect as connectTcp,
	isIP,
	type LookupFunction,
	type Socket,
} from "node:net";
import {
	type ConnectionOptions,
	connect as connectTls,
	createSecureContext,
} from "node:tls";
import { type Hop, hopText } from "../protocol/hop.ts";
import { type Pin, whyRefused } from "../protocol/pin.ts";
import { systemReason } from "../system-error.ts";
import type { Open } from "./connections.ts";
import { lookupName } from "./name-lookup.ts";
import { isOwn, leadsHere, type RefuseOwn, refusal } from "./own-addresses.ts";
import type { Trust } from "./trust.ts";

/** A pinned hop has another certificate, or another key. */
export class FingerprintError extends Error {
	readonly code = "FINGERPRINT";
}

/** Probes begin after this time without data, so that the system notices a dead peer. */
const probeAfterMilliseconds = 1_000;

/**
 * Resets a TCP connection: the other agent would go on for a client that only closes its side. A
 * connection that is still being made only ends.
 */
function reset(tcp: Socket): void {
	if (tcp.connecting) tcp.destroy();
	else tcp.resetAndDestroy();
}

/** An "error" event without a listener would end the process; a "close" event follows. */
const ignore = () => {};

/** Looks a name up, and fails if one of its addresses belongs to this host and is refused. */
const guardedLookup =
	(hop: Hop, refuseOwn: RefuseOwn): LookupFunction =>
	(name, options, callback) =>
		lookupName(name, { ...options, all: true }, (error, found) => {
			if (error || !Array.isArray(found)) return callback(error, found);
			const own = found.map(({ address }) => address).filter((a) => isOwn(a));
			const refused = refusal(hop, own, refuseOwn);
			if (refused) return callback(refused, []);
			const [first] = found;
			if (options.all || !first) return callback(null, found);
			callback(null, first.address, first.family);
		});

/**
 * Opens a TCP connection.
 * @param refuseOwn which addresses of this host to refuse; checked for every address of a name, and
 * again for the one that was connected to. Without it, none is refused.
 */
export const openTcp =
	(hop: Hop, refuseOwn?: RefuseOwn): Open =>
	(opened) => {
		if (refuseOwn && isIP(hop.host) !== 0 && isOwn(hop.host)) {
			const refused = refusal(hop, [hop.host], refuseOwn);
			if (refused) {
				const telling = setImmediate(opened, refused);
				return () => clearImmediate(telling);
			}
		}
		const socket = connectTcp({
			...hop,
			lookup: refuseOwn ? guardedLookup(hop, refuseOwn) : lookupName,
			noDelay: true,
			keepAlive: true,
			keepAliveInitialDelay: probeAfterMilliseconds,
		});
		socket.once("error", opened);
		socket.once("connect", () => {
			socket.off("error", opened).on("error", ignore);
			const refused = refuseOwn && refusalOf(hop, socket, refuseOwn);
			if (refused) {
				reset(socket);
				return opened(refused);
			}
			opened(undefined, { socket, reset: () => reset(socket) });
		});
		return () => reset(socket);
	};

/** Opens a connection to a Unix socket, which the system guards. */
export const openSocketFile =
	(path: string): Open =>
	(opened) => {
		const socket = connectTcp({ path });
		const fail = (cause: Error) =>
			opened(new Error(`${path}: ${systemReason(cause)}`, { cause }));
		socket.once("error", fail);
		socket.once("connect", () => {
			socket.off("error", fail).on("error", ignore);
			opened(undefined, { socket, reset: () => socket.destroy() });
		});
		return () => socket.destroy();
	};

/** The error if an open connection leads to this host and that is refused. */
function refusalOf(hop: Hop, socket: Socket, refuseOwn: RefuseOwn) {
	const { remoteAddress = "" } = socket;
	return leadsHere(socket)
		? refusal(hop, [remoteAddress], refuseOwn)
		: undefined;
}

/** The TLS sessions used last, to resume them: one for each hop. */
export class Sessions {
	readonly #kept = new Map<string, Buffer>();

	get(key: string): Buffer | undefined {
		return this.#kept.get(key);
	}

	set(key: string, session: Buffer): void {
		this.#kept.delete(key);
		this.#kept.set(key, session);
		const [oldest] = this.#kept.keys();
		if (this.#kept.size > maxSessions && oldest !== undefined)
			this.#kept.delete(oldest);
	}

	delete(key: string): void {
		this.#kept.delete(key);
	}
}

const maxSessions = 1_000;

/**
 * Opens a TLS connection over another one. It is verified before it is handed over, so no byte of a
 * request leaves before.
 * @param parts.pin replaces the verification of chain and name
 */
export const openTls =
	(
		below: Open,
		parts: {
			hop: Hop;
			tls: ConnectionOptions;
			pin?: Pin | undefined;
			sessions: Sessions;
		},
	): Open =>
	(opened) =>
		below((error, connection) => {
			if (!connection) return opened(error);
			const { hop, pin, sessions } = parts;
			const key = hopText(hop);
			const isName = /[A-Za-z]/.test(hop.host) && !hop.host.includes(":");
			// Node does not expose the certificate of a resumed session, so pinned hops have none
			const session = pin ? undefined : sessions.get(key);
			const socket = connectTls({
				...parts.tls,
				socket: connection.socket,
				// verified even if it is an address, which is no server name
				host: hop.host,
				servername: isName ? hop.host : "",
				ALPNProtocols: ["http/1.1"],
				...(session && { session }),
				...(pin && { rejectUnauthorized: false }),
			});
			const fail = (error: Error) => {
				sessions.delete(key);
				opened(error);
			};
			socket.once("error", fail);
			if (!pin) socket.on("session", (next) => sessions.set(key, next));
			socket.once("secureConnect", () => {
				const wrong = pin && whyRefused(socket.getPeerX509Certificate(), pin);
				if (wrong !== undefined)
					return socket.destroy(new FingerprintError(wrong));
				socket.off("error", fail).on("error", ignore);
				opened(undefined, { socket, reset: () => connection.reset() });
			});
		});

/** Creates a function that opens verified TLS connections to hops and reuses their sessions. */
export function createConnector(
	trust: Trust,
): (hop: Hop, refuseOwn?: RefuseOwn) => Open {
	const sessions = new Sessions();
	const tls = {
		...trust.tls,
		// otherwise Node makes one for each connection, which takes memory and CPU
		secureContext: createSecureContext({
			...trust.tls,
			minVersion: "TLSv1.2",
		}),
	};
	return (hop, refuseOwn) =>
		openTls(openTcp(hop, refuseOwn), {
			hop,
			tls,
			pin: trust.pin(hop),
			sessions,
		});
}
