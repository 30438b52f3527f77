import type { Server } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { createFairLimit, type FairLimit, type Taken } from "../fair-limit.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { type Access, plainAddress } from "../protocol/access.ts";
import { refusePlainHttp } from "./refusal.ts";
import type { IncomingRequest } from "./request.ts";

/** Denied peers may read why they are refused, a few at a time and not for long. */
const maxDenied = 16;
const deniedMilliseconds = 5_000;

/** Connections that wait, before the agent serves any or when it serves as many as it may. */
const maxWaiting = 1_000;

/** Handshakes at once. Each keeps the event loop busy for a millisecond or more. */
const maxHandshakes = 32;

/** Requests that a client may send ahead of their answers. */
const maxPipelined = 100;

/** A connection whose last answer was sent stays so long at most, for what the client does next. */
const lingerMilliseconds = 60_000;

/** How often readers that do not read are looked for. */
const sweepMilliseconds = 1_000;

/** What decides whether a reader has its answer. */
export interface DeliveryTimes {
	/** A reader that resets the connection does so within this time, in milliseconds. */
	quiet: number;
	/** A reader may take so long, in milliseconds, and longer for a large answer. */
	slow: number;
}

export const deliveryTimes: DeliveryTimes = { quiet: 3_000, slow: 60_000 };

/** Beyond the first `slow` milliseconds, a reader takes an answer at least at this rate. */
const minBytesPerMillisecond = 256;

/**
 * A connection from its accept to its end. Its peer is allowed or denied once; its
 * requests are answered one after the other, however many of them came at once.
 */
export class Connection {
	/** Address of the client, IPv4 also where it arrived mapped into IPv6. */
	readonly client: string;
	readonly clientPort: number | undefined;
	/** The peer is not in allowed-hosts. */
	readonly isDenied: boolean;
	/** Its place among the handshakes, until its own is done. */
	shaking: Taken | undefined;
	readonly #times: DeliveryTimes;
	#socket: TLSSocket | undefined;
	/** Requests without a whole answer, in their order; the first one runs. */
	readonly #requests: IncomingRequest[] = [];
	/** Settles whether the last answer was delivered, while that is open. */
	#delivery: ((isDelivered: boolean) => void) | undefined;

	constructor(
		raw: Pick<Socket, "remoteAddress" | "remotePort">,
		isDenied: boolean,
		times: DeliveryTimes,
	) {
		this.client = plainAddress(raw.remoteAddress);
		this.clientPort = raw.remotePort;
		this.isDenied = isDenied;
		this.#times = times;
	}

	/** The handshake is done. */
	secured(socket: TLSSocket): void {
		this.#socket = socket;
		this.shaking?.release();
		// it may end its side after its request; before, its end is that of the handshake
		socket.allowHalfOpen = true;
		// an orderly end says that the reader has what was sent before
		socket.once("end", () => this.#delivery?.(true));
		socket.once("error", () => this.#delivery?.(false));
		socket.once("close", () => {
			this.#delivery?.(false);
			for (const request of this.#requests.splice(0)) {
				request.deliver?.(false);
				request.over();
			}
		});
	}

	/** The request that is being read or answered. */
	get current(): IncomingRequest | undefined {
		return this.#requests[0];
	}

	/** A request has arrived; it begins when those before it are over. */
	arrive(request: IncomingRequest): void {
		// whoever sends another one has read the answer before
		this.#delivery?.(true);
		this.#requests.push(request);
		request.response.once("close", () => this.#leave(request));
		if (this.#requests.length === 1) request.begin();
		else if (this.#requests.length > maxPipelined) this.#socket?.destroy();
	}

	#leave(request: IncomingRequest) {
		const index = this.#requests.indexOf(request);
		if (index === -1) return;
		this.#requests.splice(index, 1);
		this.#watchDelivery(request);
		request.over();
		if (index === 0 && !this.#socket?.destroyed) this.current?.begin();
	}

	/**
	 * The connection outlives the answer to come, if that is its last one. Node would
	 * close the socket at once: it would not hear of a reset, and a client that still
	 * sends a body would lose the answer to one. This ends our side only, for a time.
	 * It is the one place that changes what Node does.
	 */
	linger(): void {
		const socket = this.#socket;
		if (!socket) return;
		socket.destroySoon = () => {
			socket.end();
			const end = setTimeout(() => socket.destroy(), lingerMilliseconds);
			socket.once("close", () => clearTimeout(end));
		};
	}

	/** The reader has it when it sends its next request, ends the connection in order, or has not reset it for a time. */
	#watchDelivery({ deliver, response }: IncomingRequest) {
		const socket = this.#socket;
		if (!deliver || !socket) return;
		const settle = (isDelivered: boolean) => {
			clearTimeout(timer);
			this.#delivery = undefined;
			deliver(isDelivered);
			// the prototype's again
			Reflect.deleteProperty(socket, "destroySoon");
			if (socket.writableEnded) socket.destroy();
		};
		const timer = setTimeout(() => settle(true), this.#times.quiet);
		this.#delivery = settle;
		// Node's `finish` says that the kernel has the answer; without it nobody has. A
		// client that ended its side before that may have vanished: better twice than lost
		const isSent = response.writableFinished && !socket.destroyed;
		if (!isSent || socket.readableEnded) settle(false);
	}

	/** Ends the connection if the reader of a complete answer takes it too slowly. */
	sweep(now: number): void {
		const unread = this.current?.unread;
		if (!unread) return;
		const milliseconds =
			this.#times.slow + unread.bytes / minBytesPerMillisecond;
		if (now - unread.since > milliseconds) this.#socket?.destroy();
	}
}

/** The connections of a server. */
export interface Connections {
	/** A connection was accepted; it is unread. */
	accept(socket: Socket): void;
	/** The connection that a request came on. */
	of(socket: Socket): Connection | undefined;
	/** Those accepted so far have waited unread for this; later ones are served at once. */
	serve(): void;
	/** Connections served now. */
	readonly open: number;
	/** Connections that wait for their turn. */
	readonly waiting: number;
	/** Ends those that wait. */
	destroyWaiting(): void;
	/** Ends every connection, served or not. */
	destroy(): void;
}

/** What identifies a TCP connection: TLS wraps the accepted socket in one that has the same. */
const identityOf = (socket: Socket) =>
	[
		socket.remoteAddress,
		socket.remotePort,
		socket.localAddress,
		socket.localPort,
	].join(" ");

/**
 * Decides when an accepted connection is served. Over the limit connections wait,
 * unread, where Node would reset them; v1 let them wait, too. Clients share the
 * places. Peers that are not allowed get a few places of their own, only as long as
 * it takes to read why.
 * @param parts.server gets the connections that are served; it does not listen itself
 */
export function createConnections(parts: {
	server: Server;
	access: Access;
	maxConnections: number;
	/** How long a connection waits for its turn, in milliseconds. */
	waitMilliseconds: number;
	/** Until the first bytes. */
	handshakeMilliseconds: number;
	/** A reader that takes longer, though its answer is small, is ended. */
	idleMilliseconds: number;
	times: DeliveryTimes;
	log: Pick<Log, "info" | "warning" | "error">;
}): Connections {
	const { server, access, maxConnections, log } = parts;
	const places = createFairLimit({ limit: maxConnections, maxWaiting });
	const handshakes = createFairLimit({
		limit: maxHandshakes,
		maxWaiting: maxConnections,
	});
	const trouble = createLogRepeats({ log, everyMilliseconds: 60_000 });
	const held = new Set<Socket>();
	const waiting = new Set<Socket>();
	const served = new Map<Socket, Connection>();
	const denied = new Set<Socket>();
	const byIdentity = new Map<string, Connection>();
	const secured = new WeakMap<Socket, Connection>();
	const times = {
		...parts.times,
		slow: Math.min(parts.times.slow, parts.idleMilliseconds),
	};
	let isServing = false;

	/** A connection waits, unread, for its share of a limit; undefined if it does not get it. */
	const waitFor = async (
		limit: FairLimit,
		timeoutMilliseconds: number,
		socket: Socket,
		{ client }: Connection,
	): Promise<Taken | undefined> => {
		const gone = new AbortController();
		const leave = () => gone.abort();
		socket.on("error", ignore).once("close", leave);
		try {
			const { signal } = gone;
			return await limit.acquire({ client, timeoutMilliseconds, signal });
		} catch {
			socket.destroy();
			return undefined;
		} finally {
			socket.off("error", ignore).off("close", leave);
		}
	};

	const shakeHands = (socket: Socket, connection: Connection, place: Taken) => {
		connection.shaking = place;
		socket.once("close", place.release);
		server.emit("connection", socket);
	};

	const admit = (socket: Socket, connection: Connection) => {
		const identity = identityOf(socket);
		byIdentity.set(identity, connection);
		socket.once("close", () => byIdentity.delete(identity));
		refusePlainHttp(socket, {
			waitMilliseconds: parts.handshakeMilliseconds,
			serve: async () => {
				const wait = parts.handshakeMilliseconds;
				const place =
					handshakes.tryAcquire(connection) ??
					(await waitFor(handshakes, wait, socket, connection));
				if (place) shakeHands(socket, connection, place);
			},
			onRefused: (reason) =>
				log.info(`TLS handshake with ${connection.client}: ${reason}`),
		});
	};
	server.prependListener("secureConnection", (socket) => {
		const connection = byIdentity.get(identityOf(socket));
		// it was reset meanwhile, and has no address any more
		if (!connection) return socket.destroy();
		connection.secured(socket);
		secured.set(socket, connection);
	});

	const serveOne = (socket: Socket, connection: Connection, place: Taken) => {
		served.set(socket, connection);
		socket.once("close", () => {
			served.delete(socket);
			place.release();
		});
		admit(socket, connection);
	};

	/** Ends the oldest idle connection of the client that has most, if that is more than this one has. */
	const makeRoom = (client: string) => {
		const counts = new Map<string, number>();
		for (const one of served.values())
			counts.set(one.client, (counts.get(one.client) ?? 0) + 1);
		let most = (counts.get(client) ?? 0) + 1;
		let victim: Socket | undefined;
		for (const [socket, one] of served) {
			const count = counts.get(one.client) ?? 0;
			if (one.current || count <= most) continue;
			most = count;
			victim = socket;
		}
		victim?.destroy();
	};

	const wait = async (socket: Socket, connection: Connection) => {
		trouble.wrong("max-connections", {
			kind: "waiting",
			level: "warning",
			lines: [
				`${places.taken} connections are open (max-connections is ${maxConnections}): more are waiting`,
			],
		});
		waiting.add(socket);
		makeRoom(connection.client);
		const { waitMilliseconds } = parts;
		const place = await waitFor(places, waitMilliseconds, socket, connection);
		waiting.delete(socket);
		if (place) serveOne(socket, connection, place);
	};

	const deny = (socket: Socket, connection: Connection) => {
		const { client } = connection;
		// a connection that was reset has no address any more
		if (socket.remoteAddress !== undefined)
			trouble.wrong(client, {
				kind: "denied",
				level: "error",
				lines: [`Access Denied RemoteAddr=${client}`],
			});
		if (denied.size >= maxDenied) {
			trouble.wrong("denied peers", {
				kind: "crowd",
				level: "warning",
				lines: [
					`${maxDenied} connections of denied peers are open: more are closed without an answer`,
				],
			});
			return socket.destroy();
		}
		denied.add(socket);
		const end = setTimeout(() => socket.destroy(), deniedMilliseconds);
		socket.once("close", () => {
			denied.delete(socket);
			clearTimeout(end);
		});
		admit(socket, connection);
	};

	const decide = (socket: Socket) => {
		const isDenied = !access.allows(socket.remoteAddress);
		const connection = new Connection(socket, isDenied, times);
		if (isDenied) return deny(socket, connection);
		const place = places.tryAcquire(connection);
		if (place) serveOne(socket, connection, place);
		else void wait(socket, connection);
	};

	const hold = (socket: Socket) => {
		if (held.size >= maxWaiting) return socket.destroy();
		held.add(socket);
		socket.once("error", ignore).once("close", () => held.delete(socket));
	};

	// one timer for all of them: one for each request would cost a small one a tenth
	const sweeping = setInterval(() => {
		const now = performance.now();
		for (const connection of served.values()) connection.sweep(now);
	}, sweepMilliseconds).unref();
	server.once("close", () => clearInterval(sweeping));

	return {
		accept: (socket) => (isServing ? decide(socket) : hold(socket)),
		of: (socket) => secured.get(socket),
		serve: () => {
			isServing = true;
			for (const socket of held) if (!socket.destroyed) decide(socket);
			held.clear();
		},
		get open() {
			return served.size;
		},
		get waiting() {
			return waiting.size;
		},
		destroyWaiting: () => {
			for (const socket of [...held, ...waiting]) socket.destroy();
		},
		destroy: () => {
			for (const socket of [...held, ...waiting, ...served.keys(), ...denied])
				socket.destroy();
		},
	};
}

/** "close" follows */
const ignore = () => {};
