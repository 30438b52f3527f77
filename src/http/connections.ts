import type { Server } from "node:https";
import type { Socket } from "node:net";
import { type Access, plainAddress } from "../access.ts";
import type { Log } from "../log.ts";
import { refusePlainHttp } from "./plain-http.ts";

/** Figures of the connections of a server. */
export interface Connections {
	/** Connections served now. */
	readonly open: number;
	/** Connections that wait for their turn. */
	readonly waiting: number;
	/** Ends every connection, served or not. */
	destroy(): void;
}

// enough for a few misconfigured hosts to see why they are refused
const deniedAtOnce = 16;
const deniedMilliseconds = 5_000;
const waitingAtMost = 1_000;

/**
 * Decides when an accepted connection is served. Node would reset those over
 * the limit; the original let them wait, so they wait here too: unread, in
 * order, up to a limit of time and number. Peers that are not allowed get a
 * few places of their own, so that they cannot take those of others, and only
 * as long as it takes to read why.
 *
 * It stands between the listening socket and TLS, in the place of the server's
 * own `connection` listener; create the server with `pauseOnConnect`.
 */
export function gateConnections(
	server: Server,
	parts: {
		access: Access;
		maxConnections: number;
		waitMilliseconds: number;
		/** Until the first bytes. */
		handshakeMilliseconds: number;
		log: Pick<Log, "info" | "warning">;
	},
): Connections {
	const { access, maxConnections, waitMilliseconds, log } = parts;
	const [serve] = server.listeners("connection");
	server.removeAllListeners("connection");
	const served = new Set<Socket>();
	const denied = new Set<Socket>();
	const waiting = new Map<Socket, NodeJS.Timeout>();
	let crowded = false;

	const admit = (socket: Socket, into: Set<Socket>) => {
		into.add(socket);
		socket.once("close", () => {
			into.delete(socket);
			if (into === served) next();
		});
		// a socket that is closed has no address any more
		const address = plainAddress(socket.remoteAddress);
		refusePlainHttp(socket, {
			waitMilliseconds: parts.handshakeMilliseconds,
			serve: () => serve?.call(server, socket),
			onRefused: (reason) =>
				log.info(`TLS handshake with ${address}: ${reason}`),
		});
	};
	const leave = (socket: Socket) => {
		clearTimeout(waiting.get(socket));
		waiting.delete(socket);
	};
	const next = () => {
		for (const [socket] of waiting) {
			if (served.size >= maxConnections) return;
			leave(socket);
			if (!socket.destroyed) admit(socket, served);
		}
	};
	const wait = (socket: Socket) => {
		if (waiting.size >= waitingAtMost) return socket.destroy();
		if (waiting.size === 0)
			log.warning(
				`${maxConnections} connections are open (max-connections): more are waiting`,
			);
		const giveUp = setTimeout(() => {
			leave(socket);
			socket.destroy();
		}, waitMilliseconds);
		waiting.set(socket, giveUp);
		socket.once("error", () => {});
		socket.once("close", () => leave(socket));
	};
	const deny = (socket: Socket) => {
		if (denied.size >= deniedAtOnce) {
			if (!crowded)
				log.warning(
					`${deniedAtOnce} connections of denied peers are open: more are closed without an answer`,
				);
			crowded = true;
			return socket.destroy();
		}
		crowded = false;
		admit(socket, denied);
		const end = setTimeout(() => socket.destroy(), deniedMilliseconds);
		socket.once("close", () => clearTimeout(end));
	};
	server.on("connection", (socket: Socket) => {
		if (!access.allows(socket.remoteAddress)) deny(socket);
		else if (served.size < maxConnections) admit(socket, served);
		else wait(socket);
	});
	return {
		get open() {
			return served.size;
		},
		get waiting() {
			return waiting.size;
		},
		destroy: () => {
			for (const socket of [...waiting.keys(), ...served, ...denied])
				socket.destroy();
		},
	};
}
