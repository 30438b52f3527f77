import type { Socket } from "node:net";
import { inspectStart, type Screen } from "../first-bytes.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { parseAllowedHosts, plainAddress } from "../protocol/access.ts";
import { isRequestStart } from "./packet.ts";

/** Whose packets may come without TLS. */
export type PlainText = "no" | "loopback";

const loopback = parseAllowedHosts([], ["127.0.0.0/8", "::1"]);

/** OpenSSL's codes for a client that speaks TLS, but not as this agent does, in our words. */
const advice: Readonly<Record<string, string>> = {
	ERR_SSL_NO_SHARED_CIPHER:
		"offers no cipher of this agent; anonymous Diffie-Hellman is refused: remove -d 2 and -L from its check_nrpe, or install version 3 or newer of it",
	ERR_SSL_UNSUPPORTED_PROTOCOL:
		"offers no TLS 1.2 or newer; SSL 3 is refused: remove -S from its check_nrpe, or install one with a newer OpenSSL",
};

/** Says in the log what to change at clients that are refused before they have asked anything. */
export interface RefusedClients {
	/** Lets TLS pass, and packets without it if they may come so. */
	readonly screen: Screen;
	/** Notes a handshake that failed. */
	handshakeFailed(error: NodeJS.ErrnoException, socket: Socket): void;
}

/** @param parts.plainText the setting `nrpe-plain-text` */
export function createRefusedClients({
	plainText,
	log,
}: {
	plainText: PlainText;
	log: Pick<Log, "info" | "warning" | "error">;
}): RefusedClients {
	const repeats = createLogRepeats({ log });
	const complain = (client: string, what: string) => {
		const line = `NRPE: ${client} ${what}`;
		repeats.wrong(client, { kind: what, level: "warning", lines: [line] });
	};
	return {
		screen: (socket, parts) =>
			inspectStart(socket, {
				...parts,
				judge: (head) => {
					const isPlain = isRequestStart(head);
					if (isPlain === undefined) return undefined;
					if (!isPlain) return parts.serve;
					const isLocal = loopback.allows(socket.remoteAddress);
					if (plainText === "loopback" && isLocal) return parts.servePlain;
					return () => {
						complain(
							plainAddress(socket.remoteAddress),
							`speaks without TLS: remove -n from its check_nrpe${isLocal ? ", or set nrpe-plain-text to loopback" : ""}`,
						);
						socket.destroy();
					};
				},
			}),
		handshakeFailed: (error, socket) => {
			const client = plainAddress(socket.remoteAddress);
			const what = advice[error.code ?? ""];
			if (what) complain(client, what);
			else log.info(`TLS handshake with ${client}: ${error.message.trim()}`);
		},
	};
}
