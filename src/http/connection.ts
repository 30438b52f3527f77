import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { type Server, TLSSocket } from "node:tls";
import { createFairLimit, type FairLimit, type Taken } from "../fair-limit.ts";
import type { Screen } from "../first-bytes.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { CertificateNames } from "../policy/call.ts";
import { type Access, plainAddress } from "../protocol/access.ts";
import { createLoopTurns } from "../turn.ts";
import { refusePlainHttp } from "./refusal.ts";

/** Denied peers may read the reason: at most this many at a time, and only briefly. */
const maxDenied = 16;
const deniedMilliseconds = 5_000;

/**
 * Limit of waiting connections: of all before the agent serves, of each client when all places are
 * taken.
 */
const maxWaiting = 1_000;

/** Limit of concurrent handshakes. */
const maxHandshakes = 32;

/** Of these, how many begin in one turn of the event loop: each takes it a millisecond or more. */
const maxHandshakesPerTurn = 4;

/** Limit of requests that a client sends ahead of their answers (pipelining). */
const maxPipelined = 100;

/** How long a connection stays open after its last answer, to learn whether that was delivered. */
const lingerMilliseconds = 60_000;

/** How often to check for clients that do not read their answers, or have vanished. */
const sweepMilliseconds = 1_000;

/**
 * How often the system asks a client that has closed its side whether it is still there: a process
 * that has ended looks the same, for the first minute.
 */
const keepAliveMilliseconds = 10_000;

/** While the server closes: how often to look for idle connections. */
const closingMilliseconds = 50;

/** While the server closes, a client may take this long to begin its handshake or its request. */
const silentMilliseconds = 2_000;

/** Times that decide whether an answer counts as delivered. */
export interface DeliveryTimes {
	/** Without a reset for this long after the answer was sent, it counts as delivered; in milliseconds. */
	quiet: number;
	/** A client has this long to read an answer, in milliseconds; longer for a large one. */
	slow: number;
}

/** Who is at the other end of the admin socket. */
export type LocalPeer = "admin" | "own-user";

/** The times outside tests. */
export const deliveryTimes: DeliveryTimes = { quiet: 3_000, slow: 60_000 };

/** The minimum rate at which a client must read an answer, after the first `slow` milliseconds. */
const minBytesPerMillisecond = 256;

/** Decides whether the certificates of clients count. */
export interface PeerCertificates {
	/**
	 * Takes the certificate of a connection, after its handshake; undefined if the client has none that
	 * verifies.
	 * @param client address of the client, for the log
	 * @returns what to ask at each request: the certificate's names, undefined while it does not count
	 */
	present(
		socket: TLSSocket,
		client: string,
	): (() => CertificateNames | undefined) | undefined;
}

/** A request of a connection, whatever its protocol. */
export interface ConnectionRequest {
	/** Its answer as it goes out; `close` says that this is over. */
	readonly response: Pick<Writable, "writableEnded" | "writableFinished"> & {
		once(event: "close", listener: () => void): unknown;
	};
	/** Called once with whether the answer was delivered; set by answers that need to know. */
	readonly deliver: ((isDelivered: boolean) => void) | undefined;
	/** An answer that the client has not read yet: since when, and its size. */
	readonly unread: { since: number; bytes: number } | undefined;
	/** Runs it: the earlier requests of its connection are over. */
	begin(): void;
	/** Called when the answer has been sent or never will be. */
	over(): void;
}

/**
 * A connection from its accept to its end. Its peer is allowed or denied once. Its requests run one
 * after the other, even if several arrive at once.
 */
export class Connection {
	/** Address of the client, IPv4 even if it arrived mapped into IPv6; who it is on the admin socket. */
	readonly client: string;
	readonly clientPort: number | undefined;
	/** The same, for decisions: undefined if the system does not know it (any more). */
	readonly address: string | undefined;
	/** The peer is not in allowed-hosts. */
	readonly isDenied: boolean;
	/** It came over the admin socket, which the operating system guards, from an administrator. */
	readonly isAdmin: boolean;
	/** It came over the admin socket, perhaps from the agent's own user. */
	readonly isLocal: boolean;
	/** Its handshake place, until the handshake is done. */
	shaking: Taken | undefined;
	readonly #times: DeliveryTimes;
	/** Asked at each request; undefined if the client has no certificate that verifies. */
	#certificate: (() => CertificateNames | undefined) | undefined;
	#socket: Socket | undefined;
	/** Requests that are not fully answered, in order; the first one runs. */
	readonly #requests: ConnectionRequest[] = [];
	/**
	 * The client closed its side when the system had the whole answer, but Node had not reported that
	 * yet: it does so a turn of the event loop later.
	 */
	#endedAfterAnswer = false;
	/** Settles whether the last answer was delivered; undefined if that is settled. */
	#delivery: ((isDelivered: boolean) => void) | undefined;
	#hasAsked = false;
	/** Since when it is the client's turn. */
	#readySince = performance.now();

	constructor(
		raw: Pick<Socket, "remoteAddress" | "remotePort">,
		isDenied: boolean,
		times: DeliveryTimes,
		local?: LocalPeer,
	) {
		this.isLocal = local !== undefined;
		this.isAdmin = local === "admin";
		this.client = local ?? plainAddress(raw.remoteAddress);
		this.address = raw.remoteAddress === undefined ? undefined : this.client;
		this.clientPort = raw.remotePort;
		this.isDenied = isDenied;
		this.#times = times;
	}

	/** Called when the handshake is done, or when there is none. */
	secured(socket: Socket, certificates?: PeerCertificates): void {
		this.#socket = socket;
		if (!this.isDenied && socket instanceof TLSSocket)
			this.#certificate = certificates?.present(socket, this.client);
		this.shaking?.release();
		// only now may the client close its side; during the handshake that ends the connection. On the
		// admin socket, a client that has gone only seems to close its side
		socket.allowHalfOpen = !this.isLocal;
		// an orderly end means that the client has received everything sent before
		socket.once("end", () => {
			if (this.current) socket.setKeepAlive(true, keepAliveMilliseconds);
			this.#endedAfterAnswer =
				this.current?.response.writableEnded === true &&
				socket.writableLength === 0;
			this.#delivery?.(true);
		});
		socket.once("error", () => this.#delivery?.(false));
		socket.once("close", () => {
			this.#delivery?.(false);
			for (const request of this.#requests.splice(0)) {
				request.deliver?.(false);
				request.over();
			}
		});
	}

	/** The client's certificate, if it counts at this moment. */
	get certificate(): CertificateNames | undefined {
		return this.#certificate?.();
	}

	/** The request that is being read or answered. */
	get current(): ConnectionRequest | undefined {
		return this.#requests[0];
	}

	/** It has been answered, and has nothing to be answered now. */
	get isIdle(): boolean {
		return this.#hasAsked && this.#requests.length === 0;
	}

	/** It is idle, and it is settled whether its last answer was delivered. */
	get isSettled(): boolean {
		return this.isIdle && this.#delivery === undefined;
	}

	/**
	 * For how long the client has not begun what is its turn, in milliseconds: the handshake after it
	 * has connected, a request after the handshake; 0 if it has.
	 */
	silence(now: number, { bytesRead }: Pick<Socket, "bytesRead">): number {
		const hasBegun = this.#socket ? this.#socket.bytesRead > 0 : bytesRead > 0;
		return this.#hasAsked || hasBegun ? 0 : now - this.#readySince;
	}

	/** Queues a request; it begins when the earlier ones are over. */
	arrive(request: ConnectionRequest): void {
		// a client that sends another request has read the previous answer
		this.#delivery?.(true);
		this.#hasAsked = true;
		this.#requests.push(request);
		request.response.once("close", () => this.#leave(request));
		if (this.#requests.length === 1) request.begin();
		else if (this.#requests.length > maxPipelined) this.#socket?.destroy();
	}

	#leave(request: ConnectionRequest) {
		const index = this.#requests.indexOf(request);
		if (index === -1) return;
		this.#requests.splice(index, 1);
		this.#watchDelivery(request);
		request.over();
		if (index === 0 && !this.#socket?.destroyed) this.current?.begin();
	}

	/**
	 * Keeps the connection open for a time after the coming answer, if that is its last one. Node
	 * would close the socket at once: it would not notice a reset, and a client that is still sending
	 * a body would lose the answer to one. This ends only our side. It is the one place that
	 * overrides Node's behaviour.
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

	/**
	 * The answer is delivered when the client sends its next request, ends the connection in order,
	 * or does not reset it for a time.
	 */
	#watchDelivery({ deliver, response }: ConnectionRequest) {
		const socket = this.#socket;
		if (!deliver || !socket) return;
		const settle = (isDelivered: boolean) => {
			clearTimeout(timer);
			this.#delivery = undefined;
			deliver(isDelivered);
			// restore the prototype's method
			Reflect.deleteProperty(socket, "destroySoon");
			if (socket.writableEnded) socket.destroy();
		};
		const timer = setTimeout(() => settle(true), this.#times.quiet);
		this.#delivery = settle;
		// `finish` means that the kernel has the answer. A client that closed its side earlier may have
		// vanished: better to deliver twice than to lose data
		const isSent = response.writableFinished && !socket.destroyed;
		if (!isSent) settle(false);
		else if (socket.readableEnded) settle(this.#endedAfterAnswer);
	}

	/**
	 * Closes the connection if the client reads an answer too slowly, or has closed its side and then
	 * vanished.
	 */
	sweep(now: number): void {
		const socket = this.#socket;
		if (this.current && socket?.readableEnded && isReset(socket))
			return void socket.destroy();
		const unread = this.current?.unread;
		if (!unread) return;
		const milliseconds =
			this.#times.slow + unread.bytes / minBytesPerMillisecond;
		if (now - unread.since > milliseconds) this.#socket?.destroy();
	}
}

/**
 * Whether a connection has been reset. Node does not notice it once the other side has ended; the
 * system no longer knows the other side's address, and Node has no public way to ask again.
 */
const isReset = (socket: Socket): boolean => {
	const { _handle: handle } = socket as {
		_handle?: { getpeername?(address: object): number } | null;
	};
	const error = handle?.getpeername?.({});
	return error !== undefined && error !== 0;
};

/** A port, whose connections share places and limits with those of the other ports. */
export interface Port {
	/** Gets the connections to serve, as "secureConnection"; it does not listen itself. */
	readonly server: Server;
	readonly screen: Screen;
}

/** The connections of all ports. */
export interface Connections {
	/** Takes an accepted connection of the first port, from which nothing has been read. */
	accept(socket: Socket): void;
	/** The same for one of the admin socket: plain HTTP, and allowed whoever its peer is. */
	acceptLocal(socket: Socket, peer: LocalPeer): void;
	/** Adds a port. Returns what takes its connections. */
	addPort(port: Port): (socket: Socket) => void;
	/** Returns the connection of a socket that is served. */
	of(socket: Socket): Connection | undefined;
	/** Starts serving: the connections held so far, and later ones at once. */
	serve(): void;
	/** Connections being served. */
	readonly open: number;
	/** Connections waiting for a place. */
	readonly waiting: number;
	/**
	 * Closes idle connections, now and as they become idle, and those whose clients are silent for two
	 * seconds. Those that wait for a place get it meanwhile; those that were never served are closed
	 * at once.
	 */
	close(): void;
	/** Closes all connections. */
	destroy(): void;
}

/** Where a connection has arrived, and who it is on the admin socket. */
interface Arrival {
	port: Port;
	local?: LocalPeer | undefined;
}

/** Whether two sockets are one TCP connection: the TLS socket shares the accepted one's addresses. */
const isSame = (one: Socket, other: Socket) =>
	one.remoteAddress === other.remoteAddress &&
	one.remotePort === other.remotePort &&
	one.localAddress === other.localAddress &&
	one.localPort === other.localPort;

/** Connections in their TLS handshake. */
class Handshakes {
	/** By the client's port, as reading all addresses of each connection costs more. */
	readonly #byPort = new Map<number | undefined, Map<Connection, Socket>>();

	add(connection: Connection, socket: Socket): void {
		const { clientPort } = connection;
		const here = this.#byPort.get(clientPort) ?? new Map();
		this.#byPort.set(clientPort, here.set(connection, socket));
	}

	delete(connection: Connection): void {
		const { clientPort } = connection;
		const here = this.#byPort.get(clientPort);
		here?.delete(connection);
		if (here?.size === 0) this.#byPort.delete(clientPort);
	}

	/**
	 * Takes out the connection of a TLS socket; undefined after a reset, which leaves a socket without
	 * addresses.
	 */
	take(secure: Socket): Connection | undefined {
		const here = this.#byPort.get(secure.remotePort);
		if (!here || secure.remoteAddress === undefined) return undefined;
		for (const [connection, socket] of here) {
			const isIt =
				here.size === 1
					? socket.remoteAddress === secure.remoteAddress
					: isSame(socket, secure);
			if (!isIt) continue;
			this.delete(connection);
			return connection;
		}
		return undefined;
	}
}

/**
 * Decides when an accepted connection is served. Above the limit, connections wait unread, as with
 * v1 (Go); Node would reset them. Clients share the places of all ports. Denied peers have a few
 * places of their own, only for as long as it takes to read the reason.
 * @param parts.server gets the connections of the first port; it does not listen itself
 */
export function createConnections(parts: {
	server: Server;
	access: Access;
	maxConnections: number;
	/** The longest wait for a place, in milliseconds. */
	waitMilliseconds: number;
	/** The longest wait for the first bytes, in milliseconds. */
	handshakeMilliseconds: number;
	/** The longest time a client may take to read a small answer, in milliseconds. */
	idleMilliseconds: number;
	times: DeliveryTimes;
	/** undefined if clients are not asked for certificates. */
	certificates?: PeerCertificates | undefined;
	log: Pick<Log, "info" | "warning" | "error">;
}): Connections {
	const { server, access, maxConnections, log } = parts;
	const places = createFairLimit({ limit: maxConnections, maxWaiting });
	const handshakes = createFairLimit({
		limit: maxHandshakes,
		maxWaiting: maxConnections,
	});
	const turns = createLoopTurns(maxHandshakesPerTurn);
	const trouble = createLogRepeats({ log, everyMilliseconds: 60_000 });
	const first: Port = { server, screen: refusePlainHttp };
	/** Connections before the agent serves. */
	const held = new Map<Socket, Arrival>();
	const waiting = new Set<Socket>();
	const served = new Map<Socket, Connection>();
	const denied = new Set<Socket>();
	const shaking = new Handshakes();
	const secured = new WeakMap<Socket, Connection>();
	const times = {
		...parts.times,
		slow: Math.min(parts.times.slow, parts.idleMilliseconds),
	};
	let isServing = false;

	/** Waits for a place, without reading from the connection; undefined if none becomes free in time. */
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

	/** Begins the handshake in this turn of the event loop, or in a later one. */
	const shakeHands = (
		socket: Socket,
		connection: Connection,
		{ server }: Port,
		place: Taken,
	) => {
		connection.shaking = place;
		socket.on("error", ignore).once("close", () => place.release());
		turns(() => {
			socket.off("error", ignore);
			if (!socket.destroyed) server.emit("connection", socket);
		}, connection.client);
	};

	const admit = (socket: Socket, connection: Connection, port: Port) => {
		shaking.add(connection, socket);
		socket.once("close", () => shaking.delete(connection));
		port.screen(socket, {
			waitMilliseconds: parts.handshakeMilliseconds,
			serve: async () => {
				const wait = parts.handshakeMilliseconds;
				const place =
					handshakes.tryAcquire(connection) ??
					(await waitFor(handshakes, wait, socket, connection));
				if (place) shakeHands(socket, connection, port, place);
			},
			servePlain: () => {
				shaking.delete(connection);
				admitPlain(socket, connection, port);
			},
			onRefused: (reason) =>
				log.info(`TLS handshake with ${connection.client}: ${reason}`),
		});
	};
	const secure = (socket: Socket) => {
		const connection = secured.get(socket) ?? shaking.take(socket);
		// after a reset, a socket no longer has an address
		if (!connection) return socket.destroy();
		connection.secured(socket, parts.certificates);
		secured.set(socket, connection);
	};

	/** Serves a connection without a handshake, such as one of the admin socket. */
	const admitPlain = (
		socket: Socket,
		connection: Connection,
		{ server }: Port,
	) => {
		secured.set(socket, connection);
		// Node's HTTP server takes any stream here
		server.emit("secureConnection", socket);
		// it was accepted paused
		socket.resume();
	};

	const serveOne = (
		socket: Socket,
		connection: Connection,
		{ port }: Arrival,
		place: Taken,
	) => {
		served.set(socket, connection);
		socket.once("close", () => {
			served.delete(socket);
			place.release();
		});
		if (connection.isLocal) admitPlain(socket, connection, port);
		else admit(socket, connection, port);
	};

	/** Closes the oldest idle connection of the client that has most, if it has more than this one. */
	const makeRoom = (client: string) => {
		const counts = new Map<string, number>();
		for (const one of served.values())
			counts.set(one.client, (counts.get(one.client) ?? 0) + 1);
		let largest = (counts.get(client) ?? 0) + 1;
		let victim: Socket | undefined;
		for (const [socket, one] of served) {
			const count = counts.get(one.client) ?? 0;
			if (one.current || count <= largest) continue;
			largest = count;
			victim = socket;
		}
		victim?.destroy();
	};

	const wait = async (
		socket: Socket,
		connection: Connection,
		arrival: Arrival,
	) => {
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
		if (place) serveOne(socket, connection, arrival, place);
	};

	const deny = (socket: Socket, connection: Connection, port: Port) => {
		const { client } = connection;
		// after a reset, a socket no longer has an address
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
		admit(socket, connection, port);
	};

	const decide = (socket: Socket, arrival: Arrival) => {
		const { local, port } = arrival;
		const isDenied = !local && !access.allows(socket.remoteAddress);
		const connection = new Connection(socket, isDenied, times, local);
		if (isDenied) return deny(socket, connection, port);
		const place = places.tryAcquire(connection);
		if (place) serveOne(socket, connection, arrival, place);
		else void wait(socket, connection, arrival);
	};

	const hold = (socket: Socket, arrival: Arrival) => {
		if (held.size >= maxWaiting) return socket.destroy();
		held.set(socket, arrival);
		socket.once("error", ignore).once("close", () => held.delete(socket));
	};

	// one timer for all connections: one for each request would take a tenth of a small request's
	// time
	const sweeping = setInterval(() => {
		const now = performance.now();
		for (const connection of served.values()) connection.sweep(now);
	}, sweepMilliseconds).unref();
	server.once("close", () => clearInterval(sweeping));

	const accept = (socket: Socket, arrival: Arrival) =>
		isServing ? decide(socket, arrival) : hold(socket, arrival);

	const addPort = (port: Port) => {
		port.server.prependListener("secureConnection", secure);
		return (socket: Socket) => accept(socket, { port });
	};

	return {
		accept: addPort(first),
		addPort,
		acceptLocal: (socket, local) => accept(socket, { port: first, local }),
		of: (socket) => secured.get(socket),
		serve: () => {
			isServing = true;
			for (const [socket, arrival] of held)
				if (!socket.destroyed) decide(socket, arrival);
			held.clear();
		},
		get open() {
			return served.size;
		},
		get waiting() {
			return waiting.size;
		},
		close: () => {
			for (const socket of held.keys()) socket.destroy();
			const begun = performance.now();
			const closeThose = (
				isDone: (connection: Connection, socket: Socket) => boolean,
			) => {
				for (const [socket, connection] of served)
					if (isDone(connection, socket)) socket.destroy();
			};
			// two turns of the event loop reveal requests that have arrived by now
			setImmediate(() =>
				setImmediate(() => closeThose(({ isIdle }) => isIdle)),
			);
			const closing = setInterval(() => {
				const now = performance.now();
				const isLate = now - begun > silentMilliseconds;
				closeThose(
					(connection, socket) =>
						connection.isSettled ||
						(isLate && connection.silence(now, socket) > silentMilliseconds),
				);
				if (isLate) for (const socket of denied) socket.destroy();
			}, closingMilliseconds).unref();
			server.once("close", () => clearInterval(closing));
		},
		destroy: () => {
			for (const one of [held, served])
				for (const [socket] of one) socket.destroy();
			for (const socket of [...waiting, ...denied]) socket.destroy();
		},
	};
}

/** A "close" event follows every error. */
const ignore = () => {};
