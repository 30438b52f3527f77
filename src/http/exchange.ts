import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** A request that is being answered. */
export interface Exchange {
	readonly request: IncomingMessage;
	/** Path of its route, for the shape of a refusal. */
	path: string;
	/** Its body is still coming in. */
	reading: boolean;
}

/** The requests of each connection, and their ends. */
export interface Exchanges {
	begin(
		request: IncomingMessage,
		response: ServerResponse,
		path: string,
	): Exchange;
	/**
	 * Calls back once when the response is over, however that came about. Node
	 * emits no `close` for a response that is queued behind another when the
	 * connection breaks off, so the connection is listened to as well.
	 */
	whenOver(
		request: IncomingMessage,
		response: ServerResponse,
		callback: () => void,
	): void;
	/** The first unfinished request of a connection. */
	first(socket: Socket): Exchange | undefined;
}

interface Connection {
	exchanges: Set<Exchange>;
	callbacks: Set<() => void>;
}

export function createExchanges(): Exchanges {
	const connections = new WeakMap<Socket, Connection>();

	const connectionOf = (socket: Socket): Connection => {
		const known = connections.get(socket);
		if (known) return known;
		const connection = {
			exchanges: new Set<Exchange>(),
			callbacks: new Set<() => void>(),
		};
		connections.set(socket, connection);
		// one listener for a connection, however many requests are queued on it
		socket.once("close", () => {
			for (const callback of connection.callbacks) callback();
		});
		return connection;
	};

	const whenOver: Exchanges["whenOver"] = ({ socket }, response, callback) => {
		const { callbacks } = connectionOf(socket);
		const once = () => {
			if (callbacks.delete(once)) callback();
		};
		callbacks.add(once);
		response.once("close", once);
		if (socket.destroyed) once();
	};

	return {
		begin: (request, response, path) => {
			const exchange = { request, path, reading: false };
			const { exchanges } = connectionOf(request.socket);
			exchanges.add(exchange);
			whenOver(request, response, () => exchanges.delete(exchange));
			return exchange;
		},
		whenOver,
		first: (socket) => connections.get(socket)?.exchanges.values().next().value,
	};
}
