import type { Server } from "node:https";
import type { Socket } from "node:net";

/** More are closed: a client that gets no answer tries again later. */
const heldAtMost = 1_000;

/** Connections that nobody serves yet. */
export interface HeldConnections {
	/** Hands those that are still there to the server, which gets all others itself from now on. */
	serve(): void;
	destroy(): void;
}

/**
 * Holds what connects to a server, unread, until it is released: the port is
 * taken before what answers is ready. Call it when the server has
 * its listeners; create the server with `pauseOnConnect`.
 */
export function holdConnections(server: Server): HeldConnections {
	const listeners = server.listeners("connection");
	const held = new Set<Socket>();
	server.removeAllListeners("connection");
	server.on("connection", (socket: Socket) => {
		if (held.size >= heldAtMost) return socket.destroy();
		held.add(socket);
		socket.once("error", () => {});
		socket.once("close", () => held.delete(socket));
	});
	return {
		serve: () => {
			server.removeAllListeners("connection");
			for (const listener of listeners)
				server.on("connection", listener as (socket: Socket) => void);
			for (const socket of held) server.emit("connection", socket);
			held.clear();
		},
		destroy: () => {
			for (const socket of held) socket.destroy();
		},
	};
}
