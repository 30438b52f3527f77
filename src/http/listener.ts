import type { RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TlsOptions } from "node:tls";
import { type Access, plainAddress } from "../access.ts";
import type { Log } from "../log.ts";
import { type Connections, gateConnections } from "./connections.ts";
import { holdConnections } from "./held-connections.ts";

/** Limits of connections: times in seconds, and how many at once. */
export interface ListenerLimits {
	maxConnections: number;
	connectionWaitSeconds: number;
	handshakeTimeoutSeconds: number;
	headersTimeoutSeconds: number;
	requestTimeoutSeconds: number;
	idleTimeoutSeconds: number;
}

export interface Listener {
	/** `::` is every address, IPv4 and IPv6. */
	readonly address: string;
	readonly port: number;
	readonly connections: Pick<Connections, "open" | "waiting">;
	/** Connections wait, unread, until this is called. */
	serve(): void;
	/** New connections get this certificate, those that are open keep theirs. Throws for one that is unusable. */
	renew(tls: TlsOptions): void;
	/** Stops accepting, ends idle connections at once and the others after a time. */
	close(graceMilliseconds: number): Promise<void>;
}

const milliseconds = (seconds: number) => seconds * 1000;

/** The HTTPS server with its time limits, not listening yet. */
export function createHttpsServer(
	handler: RequestListener,
	tls: TlsOptions,
	limits: ListenerLimits,
): Server {
	const server = createServer(
		{
			...tls,
			// the gate decides when a connection is read
			pauseOnConnect: true,
			handshakeTimeout: milliseconds(limits.handshakeTimeoutSeconds),
			headersTimeout: milliseconds(
				Math.min(limits.headersTimeoutSeconds, limits.requestTimeoutSeconds),
			),
			requestTimeout: milliseconds(limits.requestTimeoutSeconds),
			keepAliveTimeout: milliseconds(limits.idleTimeoutSeconds),
			// refused after the access rule, with a body that says why
			requireHostHeader: false,
			// Node looks at the timeouts only this often, every 30 s by default
			connectionsCheckingInterval: 1000,
		},
		handler,
	);
	// Node would answer these itself, before the access rule
	server.on("checkContinue", handler);
	server.on("checkExpectation", handler);
	return server;
}

/**
 * Takes the port and holds what connects, with the gate behind; without a host on
 * every address. Throws the system's error when the port cannot be had.
 */
export async function listen(
	server: Server,
	parts: {
		access: Access;
		limits: ListenerLimits;
		where: { port: number; host?: string };
		log: Pick<Log, "info" | "warning">;
	},
): Promise<Listener> {
	const { limits, log } = parts;
	const connections = gateConnections(server, {
		access: parts.access,
		maxConnections: limits.maxConnections,
		waitMilliseconds: milliseconds(limits.connectionWaitSeconds),
		handshakeMilliseconds: milliseconds(limits.handshakeTimeoutSeconds),
		log,
	});
	server.on("tlsClientError", (error, socket) =>
		log.info(
			`TLS handshake with ${plainAddress(socket.remoteAddress)}: ${error.message.trim()}`,
		),
	);
	const held = holdConnections(server);
	await new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen(parts.where, resolve);
	});
	const { address, port } = server.address() as AddressInfo;
	return {
		address,
		port,
		connections,
		serve: held.serve,
		renew: (tls) => server.setSecureContext(tls),
		close: async (graceMilliseconds) => {
			const closed = new Promise((resolve) => server.close(resolve));
			held.destroy();
			const cut = setTimeout(() => connections.destroy(), graceMilliseconds);
			await closed;
			clearTimeout(cut);
		},
	};
}
