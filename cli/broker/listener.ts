import { existsSync, lstatSync, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { systemReason } from "../../src/system-error.ts";

/** The broker cannot listen: one line that names the socket. */
export class ListenError extends Error {
	override name = "ListenError";
}

/** The first descriptor that systemd passes on. */
const firstPassed = 3;

/**
 * The descriptor of a socket that systemd listens on for this process; undefined
 * if there is none.
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

/** Whether somebody listens on a Unix socket. */
const isAlive = (path: string) =>
	new Promise<boolean>((resolve) => {
		const socket = connect(path);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		// EAGAIN: so many wait that no more fit
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

/** Makes a socket that its owner and its group may use; Node binds before it returns. */
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

/** Removes a socket file that nobody listens on. */
async function removeStale(path: string): Promise<void> {
	if (!lstatSync(path).isSocket())
		throw new ListenError(`${path}: exists and is no socket`);
	if (await isAlive(path))
		throw new ListenError(`${path}: another program listens there`);
	unlinkSync(path);
}

/**
 * Has a server listen on a descriptor, or on a socket file, which it makes with
 * mode 0660. A file that nobody listens on is replaced.
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
		// libuv says EACCES instead of ENOENT
		const isLost = fd === undefined && !existsSync(dirname(path));
		throw new ListenError(
			`${place}: ${isLost ? "no such directory" : systemReason(error)}`,
		);
	}
}
