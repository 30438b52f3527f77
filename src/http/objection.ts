import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type Access, plainAddress } from "../access.ts";
import type { Log } from "../log.ts";
import type { Problem } from "../problem.ts";
import { unwelcome } from "./refusal.ts";

/** Why a request may not even be looked at: a problem, or that its peer is denied. */
export type Objection = Problem | "denied";

/**
 * Gives the objection to a request, if there is one. A denied peer is logged
 * once for its connection, in the original's words: it must not fill the log.
 */
export function createObjections(parts: {
	access: Access;
	log: Pick<Log, "error">;
}): {
	to(request: IncomingMessage): Objection | undefined;
	isDenied(socket: Socket): boolean;
} {
	const { access, log } = parts;
	/** The decision about a connection; its address stays the same. */
	const decided = new WeakMap<Socket, { isDenied: boolean }>();
	const isDenied = (socket: Socket) => {
		const known = decided.get(socket);
		if (known) return known.isDenied;
		const { remoteAddress } = socket;
		const isDenied = !access.allows(remoteAddress);
		decided.set(socket, { isDenied });
		// a connection that was reset has no address any more
		if (isDenied && remoteAddress !== undefined)
			log.error(`Access Denied RemoteAddr=${plainAddress(remoteAddress)}`);
		return isDenied;
	};
	return {
		to: (request) => (isDenied(request.socket) ? "denied" : unwelcome(request)),
		isDenied,
	};
}
