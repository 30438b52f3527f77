import {
	accessSync,
	chmodSync,
	chownSync,
	constants,
	existsSync,
	lstatSync,
	readFileSync,
	unlinkSync,
} from "node:fs";
import { connect, type Server, type Socket } from "node:net";
import { dirname } from "node:path";
import { maxBacklog } from "./passed-socket.ts";
import { systemReason } from "./system-error.ts";

/** A program cannot listen on a socket file: one line that names it. */
export class SocketFileError extends Error {
	override name = "SocketFileError";
}

/** Where the admin socket of an installed agent is, for the agent and for happo-ctl. */
export const defaultAdminSocket = "/run/happo-agent/admin.sock";

/** The longest path of a socket, in bytes. */
const maxPathBytes = 107;

/**
 * Why no socket can be made at a path, whatever is there now, and how much that matters; undefined
 * if nothing is known against it.
 */
export function unsuitable(
	path: string,
): { level: "info" | "warning"; reason: string } | undefined {
	if (Buffer.byteLength(path) > maxPathBytes)
		return { level: "warning", reason: `longer than ${maxPathBytes} bytes` };
	try {
		accessSync(dirname(path), constants.W_OK | constants.X_OK);
		return undefined;
	} catch (error) {
		const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
		return isMissing
			? { level: "info", reason: "no such directory" }
			: { level: "warning", reason: systemReason(error) };
	}
}

/** The descriptor of a socket, to which Node has no public way; negative if it has none any more. */
export const descriptorOf = (socket: Socket | Server): number =>
	(socket as { _handle?: { fd?: number } })._handle?.fd ?? -1;

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

/** Has a server listen on a path or a descriptor. */
export const listening = (
	server: Server,
	where: { path: string } | { fd: number },
) =>
	new Promise<void>((resolve, reject) => {
		server.once("error", reject);
		// with a descriptor, Node ignores a backlog among the options
		server.listen(where, maxBacklog, () => {
			server.off("error", reject);
			resolve();
		});
	});

/** Makes a socket with this mode from its first moment on; Node binds before it returns. */
async function make(server: Server, path: string, mode: number): Promise<void> {
	const before = process.umask(0o777 & ~mode);
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
		throw new SocketFileError(`${path}: exists and is no socket`);
	if (await isAlive(path))
		throw new SocketFileError(`${path}: another program listens there`);
	unlinkSync(path);
}

/** The id of a group that is named by its name or its id; undefined if there is none. */
export function groupId(group: string): number | undefined {
	if (/^\d{1,10}$/.test(group)) return Number(group);
	for (const line of readFileSync("/etc/group", "utf8").split("\n")) {
		const [name, , id] = line.split(":");
		if (name === group && id !== undefined) return Number(id);
	}
	return undefined;
}

/** Hands a socket to a group, which may use it only from then on. */
function handTo(path: string, group: string) {
	const id = groupId(group);
	if (id === undefined)
		throw new SocketFileError(
			`${path}: no group ${group} in /etc/group (a group that is elsewhere needs its number)`,
		);
	try {
		chownSync(path, process.getuid?.() ?? 0, id);
	} catch (error) {
		throw new SocketFileError(
			`${path}: cannot be given to the group ${group}: ${systemReason(error)}`,
		);
	}
	chmodSync(path, 0o660);
}

/**
 * Has a server listen on a socket file, which it makes. A file that nobody listens on is replaced.
 * The file is removed when the server closes.
 * @param access.mode of the file, 0600 or 0660
 * @param access.group name or id of a group that may use it, too
 * @throws SocketFileError
 */
export async function listenAtFile(
	server: Server,
	path: string,
	{ mode, group = "" }: { mode: number; group?: string },
): Promise<void> {
	try {
		if (Buffer.byteLength(path) > maxPathBytes)
			throw new SocketFileError(`${path}: longer than ${maxPathBytes} bytes`);
		await make(server, path, mode).catch(async (error) => {
			if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
			await removeStale(path);
			await make(server, path, mode);
		});
		if (group !== "") handTo(path, group);
	} catch (error) {
		server.close();
		if (error instanceof SocketFileError) throw error;
		// libuv says EACCES instead of ENOENT
		const isLost = !existsSync(dirname(path));
		throw new SocketFileError(
			`${path}: ${isLost ? "no such directory" : systemReason(error)}`,
		);
	}
}
