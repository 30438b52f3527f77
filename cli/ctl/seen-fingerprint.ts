import { isIP } from "node:net";
import { connect } from "node:tls";
import type { Hop } from "../../src/relay/hop.ts";

/**
 * The SHA-256 of the certificate that somebody shows who is not believed. Shakes
 * hands and hangs up; undefined if that is not possible.
 */
export function seenFingerprint(
	{ host, port }: Hop,
	timeoutMilliseconds: number,
): Promise<string | undefined> {
	return new Promise((resolve) => {
		const socket = connect({
			host,
			port,
			// shown to a person, who decides; nothing is sent
			rejectUnauthorized: false,
			...(isIP(host) === 0 && { servername: host }),
		});
		const end = (seen: string | undefined) => {
			socket.destroy();
			resolve(seen);
		};
		socket.setTimeout(timeoutMilliseconds, () => end(undefined));
		socket.once("error", () => end(undefined));
		socket.once("secureConnect", () =>
			end(socket.getPeerCertificate().fingerprint256),
		);
	});
}
