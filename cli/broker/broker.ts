import { createServer, type Server, type Socket } from "node:net";
import { version } from "../../generated/version.ts";
import type { Exchange } from "../../src/client/exchange.ts";
import { createFairLimit } from "../../src/fair-limit.ts";
import type { AdviceOf } from "../../src/known-hosts.ts";
import { ListenError } from "../../src/passed-socket.ts";
import { parseDestinations } from "../../src/protocol/destinations.ts";
import type { Hop } from "../../src/protocol/hop.ts";
import {
	listenAtFile,
	listening,
	SocketFileError,
} from "../../src/socket-file.ts";
import { systemReason } from "../../src/system-error.ts";
import { createChecks } from "./check.ts";
import { type ClientConnection, serveClient } from "./connection.ts";
import { type BrokerStatus, createFigures } from "./figures.ts";
import { frameBytes, kinds, resultBody } from "./frame.ts";
import type { Users } from "./users.ts";

/**
 * Listens on a descriptor, or on a socket file, which is created with mode 0660.
 * Replaces a socket file on which no program listens.
 * @throws ListenError
 */
export async function listenOn(
	server: Server,
	{ path, fd }: { path: string; fd: number | undefined },
): Promise<void> {
	try {
		if (fd === undefined) await listenAtFile(server, path, { mode: 0o660 });
		else await listening(server, { fd });
	} catch (error) {
		throw new ListenError(
			error instanceof SocketFileError
				? error.message
				: `the socket of systemd: ${systemReason(error)}`,
		);
	}
}

/** A running broker. */
export interface Broker {
	status(): BrokerStatus;
	/**
	 * Stops listening, answers the checks in flight, and resolves when all connections are closed.
	 * @param patience milliseconds after which the checks that are still running are aborted
	 */
	stop(patience: number): Promise<void>;
}

export interface BrokerOptions {
	listen: {
		/** Path of a Unix socket. */
		path: string;
		/** A descriptor that is already listening; it is used instead of the path. */
		fd: number | undefined;
	};
	/** Sends requests to a hop, over connections that are verified as this hop needs. */
	exchangeTo: (hop: Hop) => Exchange;
	/** The key to send with each check; "" is none. */
	key: string;
	/** Whether the certificate of a hop is verified: only then may it get the key. */
	isVerified: (hop: Hop) => boolean;
	adviceOf?: AdviceOf | undefined;
	/** Agents and bastions to connect to: names, addresses and networks; empty means all. */
	hosts: readonly string[];
	users: Users;
	/** Ids of the users that are served; undefined means all. */
	allowed: ReadonlySet<number> | undefined;
	/** How long identical checks share a result; 0 means that they never do. */
	freshMilliseconds: number;
	/** Limit of connections to the socket. */
	maxClients: number;
	/** Limit for answers that clients have not read yet, all together; 256 MiB by default. */
	maxUntakenBytes?: number;
	/** Logs an unexpected error, in one line. */
	complain: (line: string) => void;
}

/** How long a refused client has to read the reason. */
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
	// refused connections stay open for a moment, so they have a limit, too
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
