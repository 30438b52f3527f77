import type { Server } from "node:net";
import {
	listenAtFile,
	listening,
	SocketFileError,
} from "../../src/socket-file.ts";
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
