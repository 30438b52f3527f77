import type { Socket } from "node:net";
import type { Client } from "undici";
import type { Hop } from "../protocol/hop.ts";
import { hideContinue, type Reading } from "./continue.ts";
import { leadsHere, type RefuseOwn, refusal } from "./own-addresses.ts";

/** An open connection, verified if it has to be. */
export interface Opened {
	socket: Socket;
	/** Resets it, to abandon what was sent. */
	reset(): void;
}

/**
 * Opens a connection and calls back once, with an error or the connection. Returns a function that
 * abandons it; it calls back with an error then, or not at all.
 */
export type Open = (
	opened: (error: Error | undefined, connection?: Opened) => void,
) => () => void;

/** A kept connection had died, or died before an answer to a request that may run twice. */
export class DeadConnection extends Error {
	readonly code = "ECONNRESET";
}

/** A connection and undici's client for it. */
export class Connection {
	readonly #opened: Opened;
	readonly client: Client;
	readonly #reading: Reading;
	#bytesBefore = 0;
	/** It has been used before, so it may have died since. */
	isKept = false;
	/** The address of this host that it leads to; undefined if not known yet, "" if it leads elsewhere. */
	#ownAddress: string | undefined;

	constructor(
		opened: Opened,
		UndiciClient: typeof Client,
		idleMilliseconds: number,
	) {
		this.#opened = opened;
		this.#reading = hideContinue(opened.socket);
		let isTaken = false;
		// the URL is for undici only: it gets a connection, and the host in the headers
		this.client = new UndiciClient("http://hop", {
			connect: (_options, callback) => {
				// called again if the connection has died before the request was sent
				const error = isTaken ? new DeadConnection() : null;
				isTaken = true;
				// undici expects this to take time
				queueMicrotask(() =>
					error ? callback(error, null) : callback(null, opened.socket),
				);
			},
			// the whole request has a time limit
			headersTimeout: 0,
			bodyTimeout: 0,
			keepAliveTimeout: idleMilliseconds,
			keepAliveMaxTimeout: idleMilliseconds,
			keepAliveTimeoutThreshold: 0,
		});
	}

	get isDead(): boolean {
		return this.#opened.socket.destroyed;
	}

	/** Part of the last request is still being sent: its answer came early. */
	get isSending(): boolean {
		return this.#opened.socket.writableLength > 0;
	}

	/** The error if it leads to an address of this host that is refused. */
	refusal(hop: Hop, refuseOwn: RefuseOwn): Error | undefined {
		const { socket } = this.#opened;
		this.#ownAddress ??= leadsHere(socket) ? (socket.remoteAddress ?? "") : "";
		return this.#ownAddress === ""
			? undefined
			: refusal(hop, [this.#ownAddress], refuseOwn);
	}

	/** Call it before each request. */
	begin(): void {
		this.#reading.begin();
		this.#bytesBefore = this.#opened.socket.bytesRead;
	}

	/** A byte has come since the request began. */
	get isAnswering(): boolean {
		return this.#opened.socket.bytesRead > this.#bytesBefore;
	}

	reset(): void {
		this.#reading.stop();
		this.#opened.reset();
	}

	close(): void {
		this.#opened.socket.destroy();
	}

	onClose(listener: () => void): void {
		this.#opened.socket.once("close", listener);
	}
}

/** Limit of idle connections to one hop. */
const maxIdle = 64;

/** Limits of kept connections. */
export interface KeptLimits {
	/** Idle connections are closed after this time; 60,000 by default. */
	idleMilliseconds?: number;
	/** Limit of idle connections to all hops together; none by default. */
	maxIdleOfAll?: number;
}

/** A request that needs a connection. */
export interface Taker {
	/** A connection is being opened for it. */
	opening(): void;
	/** It has a connection, which it gives back if it leaves that usable. */
	connected(connection: Connection): void;
	/** A connection could not be opened, or a kept one had died. */
	failed(error: Error): void;
}

/** The connection that a request waits for. */
interface Wish {
	open: Open;
	/** A kept one would not do. */
	isNew: boolean;
}

/** The connections to one hop. */
interface Place {
	idle: Connection[];
	all: Set<Connection>;
	/** Connections being opened, by request. */
	opening: Map<Taker, () => void>;
	/** Requests waiting for a connection, in order. */
	waiting: Map<Taker, Wish>;
}

/** Kept connections to any number of hops. */
export interface Connections {
	/**
	 * Finds a connection for a request: the one used last, which is least likely to have been closed;
	 * a new one; or, over the limit, the first one that is given back.
	 * @param options.isNew whether it must be a new one
	 */
	take(
		key: string,
		open: Open,
		taker: Taker,
		options?: { isNew: boolean },
	): void;
	/** Forgets a request that has no connection yet, and abandons the one that is being opened. */
	leave(key: string, taker: Taker): void;
	/** Gives back a connection after a whole answer. */
	give(key: string, connection: Connection): void;
	/** Closes all connections to a hop: it has to be verified in another way now. */
	forget(key: string): void;
	/** Closes all connections. */
	close(): void;
}

/**
 * Creates the pool.
 * @param maxConnections to one hop; further requests wait for one
 */
export function createConnections(
	maxConnections: number,
	{
		idleMilliseconds = 60_000,
		maxIdleOfAll = Number.POSITIVE_INFINITY,
	}: KeptLimits = {},
): Connections {
	let idleOfAll = 0;
	const places = new Map<string, Place>();
	let client: Promise<typeof Client> | undefined;
	/** undici is loaded with the first connection: most agents are no bastions. */
	const loadClient = () => {
		client ??= import("undici").then((undici) => undici.default.Client);
		return client;
	};

	const placeOf = (key: string): Place => {
		let place = places.get(key);
		if (!place) {
			place = {
				idle: [],
				all: new Set(),
				opening: new Map(),
				waiting: new Map(),
			};
			places.set(key, place);
		}
		return place;
	};

	const hasRoom = ({ all, opening }: Place) =>
		all.size + opening.size < maxConnections;

	/** A connection has ended or was not opened. */
	const gone = (key: string, place: Place) => {
		const [next] = place.waiting;
		if (next && hasRoom(place)) {
			const [taker, { open }] = next;
			place.waiting.delete(taker);
			openFor(key, place, open, taker);
		}
		if (place.all.size + place.opening.size === 0) places.delete(key);
	};

	/** Keeps a connection until it closes. */
	const keep = (key: string, place: Place, connection: Connection) => {
		place.all.add(connection);
		connection.onClose(() => {
			place.all.delete(connection);
			const at = place.idle.indexOf(connection);
			if (at !== -1) {
				place.idle.splice(at, 1);
				idleOfAll--;
			}
			gone(key, place);
		});
	};

	const openFor = (key: string, place: Place, open: Open, taker: Taker) => {
		taker.opening();
		const loaded = loadClient();
		// listeners of the connection keep what these functions use, as long as it is open: not the
		// request, which has its answer
		const opening: { for: Taker | undefined } = { for: taker };
		/** The request, once; undefined if it has left. */
		const opened = () => {
			const { for: taker } = opening;
			opening.for = undefined;
			return taker && place.opening.delete(taker) ? taker : undefined;
		};
		const failed = (error: Error) => {
			const taker = opened();
			if (!taker) return;
			gone(key, place);
			taker.failed(error);
		};
		const abandon = open((error, made) => {
			if (!made) return failed(error ?? new Error("not opened"));
			if (!opening.for || !place.opening.has(opening.for)) return made.reset();
			loaded.then(
				(UndiciClient) => {
					const taker = opened();
					if (!taker) return made.reset();
					const connection = new Connection(
						made,
						UndiciClient,
						idleMilliseconds,
					);
					if (connection.isDead) {
						gone(key, place);
						return taker.failed(new DeadConnection());
					}
					keep(key, place, connection);
					taker.connected(connection);
				},
				(error) => {
					made.reset();
					failed(error);
				},
			);
		});
		place.opening.set(taker, abandon);
	};

	return {
		take(key, open, taker, { isNew } = { isNew: false }) {
			const place = placeOf(key);
			const kept = isNew ? undefined : place.idle.pop();
			if (kept) {
				idleOfAll--;
				return taker.connected(kept);
			}
			if (hasRoom(place)) return openFor(key, place, open, taker);
			place.waiting.set(taker, { open, isNew });
		},
		leave(key, taker) {
			const place = places.get(key);
			if (!place || place.waiting.delete(taker)) return;
			const abandon = place.opening.get(taker);
			if (!abandon) return;
			place.opening.delete(taker);
			abandon();
			gone(key, place);
		},
		give(key, connection) {
			const place = places.get(key);
			if (!place?.all.has(connection)) return;
			connection.isKept = true;
			const [next] = place.waiting;
			// its end makes room for a new one
			if (next?.[1].isNew) connection.close();
			else if (next) {
				place.waiting.delete(next[0]);
				next[0].connected(connection);
			} else if (place.idle.length < maxIdle && idleOfAll < maxIdleOfAll) {
				// over the limit the newcomer is closed, and not the one used longest ago: if a program asks
				// more hops in a circle than it may keep, that one would be needed next, every time
				place.idle.push(connection);
				idleOfAll++;
			} else connection.close();
		},
		forget(key) {
			const place = places.get(key);
			if (!place) return;
			for (const connection of place.all) connection.close();
			for (const [taker, abandon] of [...place.opening]) {
				place.opening.delete(taker);
				abandon();
				gone(key, place);
				// the sender tries again
				taker.failed(new DeadConnection());
			}
		},
		close() {
			for (const { all, opening, waiting } of places.values()) {
				waiting.clear();
				for (const abandon of opening.values()) abandon();
				for (const connection of all) connection.close();
			}
		},
	};
}
