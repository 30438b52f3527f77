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
	/** Every response that is not over. */
	open(): Iterable<ServerResponse>;
}

/** A response that is not over. */
interface Open {
	/** Its request, once a handler has it. */
	exchange: Exchange | undefined;
	callbacks: (() => void)[];
}

/** The responses of a connection that are not over, in the order of their requests. */
type Connection = Map<ServerResponse, Open>;

export function createExchanges(): Exchanges {
	const connections = new Map<Socket, Connection>();

	const connectionOf = (socket: Socket): Connection => {
		const known = connections.get(socket);
		if (known) return known;
		const connection: Connection = new Map();
		// nobody would hear of its end a second time
		if (socket.closed) return connection;
		connections.set(socket, connection);
		// one listener for a connection, however many requests are queued on it
		socket.once("close", () => {
			connections.delete(socket);
			for (const response of connection.keys()) end(connection, response);
		});
		return connection;
	};

	const openIn = (connection: Connection, response: ServerResponse): Open => {
		const known = connection.get(response);
		if (known) return known;
		const open: Open = { exchange: undefined, callbacks: [] };
		connection.set(response, open);
		response.on("close", () => end(connection, response));
		return open;
	};

	const end = (connection: Connection, response: ServerResponse) => {
		const open = connection.get(response);
		connection.delete(response);
		for (const called of open?.callbacks ?? []) called();
	};

	return {
		begin: (request, response, path) => {
			const exchange = { request, path, reading: false };
			openIn(connectionOf(request.socket), response).exchange = exchange;
			return exchange;
		},
		whenOver: ({ socket }, response, callback) => {
			const connection = connectionOf(socket);
			openIn(connection, response).callbacks.push(callback);
			if (socket.destroyed) end(connection, response);
		},
		first: (socket) => {
			for (const { exchange } of connections.get(socket)?.values() ?? [])
				if (exchange) return exchange;
			return undefined;
		},
		open: function* () {
			for (const connection of connections.values()) yield* connection.keys();
		},
	};
}
