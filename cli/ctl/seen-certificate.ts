import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Hop } from "../../src/relay/hop.ts";

/** What somebody shows who is not believed. */
export interface SeenCertificate {
	/** SHA-256, hexadecimal bytes with colons. */
	fingerprint: string;
	/** Why it is not believed, as Node calls it: `DEPTH_ZERO_SELF_SIGNED_CERT`. Undefined if it would be. */
	code: string | undefined;
}

/** Shakes hands and hangs up. Undefined if that is not possible. */
export function seenCertificate(
	{ host, port }: Hop,
	timeoutMilliseconds: number,
): Promise<SeenCertificate | undefined> {
	return new Promise((resolve) => {
		const socket = connect({
			host,
			port,
			// shown to a person, who decides; nothing is sent
			rejectUnauthorized: false,
			...(isIP(host) === 0 && { servername: host }),
		});
		const end = (seen: SeenCertificate | undefined) => {
			socket.destroy();
			resolve(seen);
		};
		socket.setTimeout(timeoutMilliseconds, () => end(undefined));
		socket.once("error", () => end(undefined));
		socket.once("secureConnect", () => {
			const { fingerprint256 } = socket.getPeerCertificate();
			const error = socket.authorizationError as unknown;
			const code =
				error instanceof Error
					? (error as NodeJS.ErrnoException).code
					: error
						? String(error)
						: undefined;
			end(fingerprint256 ? { fingerprint: fingerprint256, code } : undefined);
		});
	});
}
