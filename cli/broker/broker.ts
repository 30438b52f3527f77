import { createServer, type Socket } from "node:net";
import { version } from "../../generated/version.ts";
import type { Exchange } from "../../src/client/exchange.ts";
import { createFairLimit } from "../../src/fair-limit.ts";
import { parseDestinations } from "../../src/protocol/destinations.ts";
import type { Hop } from "../../src/protocol/hop.ts";
import { createChecks } from "./check.ts";
import { type ClientConnection, serveClient } from "./connection.ts";
import { type BrokerStatus, createFigures } from "./figures.ts";
import { frameBytes, kinds, resultBody } from "./frame.ts";
import { listenOn } from "./listener.ts";
import type { Users } from "./users.ts";

/** A broker that listens. */
export interface Broker {
	status(): BrokerStatus;
	/**
	 * Listens no longer, answers what runs, and resolves when all clients have gone.
	 * @param patience milliseconds, after which what still runs is given up
	 */
	stop(patience: number): Promise<void>;
}

export interface BrokerOptions {
	listen: {
		/** A Unix socket. */
		path: string;
		/** A descriptor that listens already, in its place. */
		fd: number | undefined;
	};
	/** Connections to a hop, by whom to believe there. */
	exchangeTo: (hop: Hop) => Exchange;
	/** Names, addresses and networks of agents and bastions; empty is all. */
	hosts: readonly string[];
	users: Users;
	/** Ids of the users that are served; undefined is all. */
	allowed: ReadonlySet<number> | undefined;
	freshMilliseconds: number;
	maxClients: number;
	/** Answers that clients have yet to take, of all together; 256 MiB by default. */
	maxUntakenBytes?: number;
	/** Tells of errors that nobody expects. */
	complain: (line: string) => void;
}

/** A client that is turned away has this long to read why. */
const refusalMilliseconds = 1_000;

/**
 * Starts a broker.
 * @throws ListenError
 */
export async function startBroker(options: BrokerOptions): Promise<Broker> {
	const { users, allowed, complain, maxClients } = options;
	const now = () => performance.now();
	const figures = createFigures({ version, pid: process.pid, now });
	const checks = createChecks({
		...options,
		destinations: parseDestinations(options.hosts),
		figures,
		now,
	});
	const clients = new Map<Socket, ClientConnection>();
	const connections = createFairLimit({ limit: maxClients });
	const status = () =>
		figures.status({
			knowsUsers: users.missing === undefined,
			clients: clients.size,
			maxClients,
			inFlight: checks.inFlight,
		});
	const untaken = createFairLimit({
		limit: options.maxUntakenBytes ?? 256 * 1024 * 1024,
	});
	const shared = { checks, status, untaken, complain };

	const refuse = (socket: Socket, kind: number, body: Buffer) => {
		figures.refused();
		socket.on("error", () => {});
		setTimeout(() => socket.destroy(), refusalMilliseconds).unref();
		socket.end(frameBytes({ kind, id: 0, body }));
	};

	const server = createServer((socket) => {
		const id = users.of(socket);
		if (allowed && (id === undefined || !allowed.has(id)))
			return refuse(
				socket,
				kinds.elsewhere,
				Buffer.from(`the broker does not serve user ${id ?? "unknown"}`),
			);
		const user = String(id ?? "");
		const place = connections.tryAcquire({ client: user });
		if (!place)
			return refuse(
				socket,
				kinds.result,
				resultBody(
					3,
					"UNKNOWN(check_happo): the broker has too many clients\n",
				),
			);
		figures.accepted();
		clients.set(socket, serveClient(socket, user, shared));
		socket.once("close", () => {
			place.release();
			clients.delete(socket);
		});
	});
	// those that are turned away, too, are bounded
	server.maxConnections = maxClients + 1_000;
	server.on("drop", () => figures.refused());
	await listenOn(server, options.listen);
	server.on("error", (error) => complain(`the socket: ${error.message}`));

	return {
		status,
		async stop(patience) {
			const closed = new Promise<void>((resolve) => {
				server.close(() => resolve());
			});
			for (const client of clients.values()) client.stop();
			const late = setTimeout(() => {
				for (const socket of clients.keys()) socket.destroy();
			}, patience);
			await closed;
			clearTimeout(late);
		},
	};
}
