import { existsSync, lstatSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { systemReason } from "../../src/system-error.ts";

/** The broker cannot listen. The message is one line that names the socket. */
export class ListenError extends Error {
	override name = "ListenError";
}

/** The first descriptor that systemd passes. */
const firstPassed = 3;

/**
 * The descriptor of the socket that systemd opened for this process; undefined if
 * there is none.
 * @throws ListenError if there are several
 */
export function passedSocket(
	{ LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv,
	pid: number,
): number | undefined {
	if (Number(LISTEN_PID) !== pid) return undefined;
	const count = Number(LISTEN_FDS);
	if (count === 1) return firstPassed;
	throw new ListenError(`systemd passes ${LISTEN_FDS} sockets, not one`);
}

/** Whether a program listens on a Unix socket. */
const isAlive = (path: string) =>
	new Promise<boolean>((resolve) => {
		const socket = connect(path);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		// EAGAIN: its queue of connections is full
		socket.once("error", ({ code }: NodeJS.ErrnoException) =>
			resolve(code !== "ECONNREFUSED" && code !== "ENOENT"),
		);
	});

const listening = (server: Server, where: { path: string } | { fd: number }) =>
	new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		server.listen({ ...where, backlog: 4096 }, () => {
			server.off("error", reject);
			resolve();
		});
	});

/** Creates a socket for its owner and group; listen() binds it at once, under this umask. */
async function listenAt(server: Server, path: string): Promise<void> {
	const before = process.umask(0o117);
	let bound: Promise<void>;
	try {
		bound = listening(server, { path });
	} finally {
		process.umask(before);
	}
	await bound;
}

/** Removes a socket file on which no program listens. */
async function removeStale(path: string): Promise<void> {
	if (!lstatSync(path).isSocket())
		throw new ListenError(`${path}: exists and is no socket`);
	if (await isAlive(path))
		throw new ListenError(`${path}: another program listens there`);
	unlinkSync(path);
}

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
		if (fd !== undefined) return await listening(server, { fd });
		await listenAt(server, path).catch(async (error) => {
			if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
			await removeStale(path);
			await listenAt(server, path);
		});
	} catch (error) {
		if (error instanceof ListenError) throw error;
		const place = fd === undefined ? path : "the socket of systemd";
		// libuv reports EACCES instead of ENOENT
		const isLost = fd === undefined && !existsSync(dirname(path));
		throw new ListenError(
			`${place}: ${isLost ? "no such directory" : systemReason(error)}`,
		);
	}
}
