import type { Server } from "node:net";
import { ListenError } from "../../src/passed-socket.ts";
import {
	listenAtFile,
	listening,
	SocketFileError,
} from "../../src/socket-file.ts";
import { systemReason } from "../../src/system-error.ts";

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
