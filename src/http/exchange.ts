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
	/** Of each response that is not over. */
	callbacks: Map<ServerResponse, (() => void)[]>;
}

export function createExchanges(): Exchanges {
	const connections = new WeakMap<Socket, Connection>();

	const connectionOf = (socket: Socket): Connection => {
		const known = connections.get(socket);
		if (known) return known;
		const connection = {
			exchanges: new Set<Exchange>(),
			callbacks: new Map<ServerResponse, (() => void)[]>(),
		};
		connections.set(socket, connection);
		// one listener for a connection, however many requests are queued on it
		socket.once("close", () => {
			for (const response of connection.callbacks.keys())
				end(connection, response);
		});
		return connection;
	};

	const end = ({ callbacks }: Connection, response: ServerResponse) => {
		const called = callbacks.get(response) ?? [];
		callbacks.delete(response);
		for (const callback of called) callback();
	};

	const whenOver: Exchanges["whenOver"] = ({ socket }, response, callback) => {
		const connection = connectionOf(socket);
		const { callbacks } = connection;
		const others = callbacks.get(response);
		if (others) others.push(callback);
		else {
			callbacks.set(response, [callback]);
			response.once("close", () => end(connection, response));
		}
		if (socket.destroyed) end(connection, response);
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
