import { createHash } from "node:crypto";
import { keyPinPrefix } from "./hop.ts";

/**
 * A certificate that the other end shows: what pins need of Node's X509Certificate, so that the types
 * of the client do not need those of Node.
 */
export interface ShownCertificate {
	/** In DER. */
	readonly raw: Uint8Array;
	/** SHA-256 in hexadecimal, with colons. */
	readonly fingerprint256: string;
	readonly publicKey: {
		export(options: { type: "spki"; format: "der" }): Uint8Array;
	};
}

/**
 * Verifies the certificate of a hop by itself, in place of its chain and names. Returns in one line
 * why it is not the right one; undefined if it is.
 */
export type Pin = (certificate: ShownCertificate) => string | undefined;

/**
 * Why a pin does not accept what the other end shows, in one line; undefined if it does.
 * @param certificate undefined if it shows none
 */
export function whyRefused(
	certificate: ShownCertificate | undefined,
	pin: Pin,
): string | undefined {
	if (!certificate) return "it shows no certificate";
	try {
		return pin(certificate);
	} catch (error) {
		// the other end chooses its certificate, which must not end the program
		return `its certificate cannot be verified: ${(error as Error).message}`;
	}
}

/** SHA-256 of the public key of a certificate, as parsePin() formats it. */
export function keyPin({ publicKey }: ShownCertificate): string {
	const der = publicKey.export({ type: "spki", format: "der" });
	return `${keyPinPrefix}${createHash("sha256").update(der).digest("base64")}`;
}

/** Accepts certificates that one of these texts names; they are as parsePin() returns them. */
export const pinOn =
	(...texts: readonly string[]): Pin =>
	(certificate) => {
		const wrong: string[] = [];
		for (const text of texts) {
			const isKey = text.startsWith(keyPinPrefix);
			const seen = isKey ? keyPin(certificate) : certificate.fingerprint256;
			if (seen === text) return undefined;
			wrong.push(
				isKey
					? `public key is ${seen}, not ${text}`
					: `certificate fingerprint is ${seen}, not ${text}`,
			);
		}
		return wrong.join("; ");
	};
