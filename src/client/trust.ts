import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { parseFingerprint } from "../protocol/hop.ts";
import type { Trust as RelayTrust } from "../relay/trust.ts";
import { OptionsError, type Pem, type Trust } from "./options.ts";

/** PEM as node:tls takes it. */
export const pem = (text: Pem): string | Buffer =>
	typeof text === "string" ? text : Buffer.from(text);

/** Does something that fails if an option cannot be used; says then which one, and not in OpenSSL's words. */
function using<T>(option: string, complaint: string, use: () => T): T {
	try {
		return use();
	} catch (cause) {
		throw new OptionsError(option, complaint, { cause });
	}
}

/** A certificate, said to be none at once and not at the first call; throws OptionsError. */
export const certificateOf = (option: string, text: Pem) =>
	using(option, "no certificate (PEM)", () => new X509Certificate(pem(text)));

/** Says at once whether TLS can show a certificate; throws OptionsError. */
function assertPair(
	certificate: Pem,
	privateKey: Pem,
	passphrase: string | undefined,
) {
	const shown = certificateOf("trust: certificate", certificate);
	const key = using(
		"trust: key",
		"no private key (PEM), or not of this passphrase",
		() =>
			createPrivateKey({
				key: pem(privateKey),
				...(passphrase !== undefined && { passphrase }),
			}),
	);
	if (!shown.checkPrivateKey(key))
		throw new OptionsError("trust: key", "does not belong to the certificate");
}

function fingerprintOf(text: string): string {
	const fingerprint = parseFingerprint(text);
	if (fingerprint) return fingerprint;
	throw new OptionsError(
		"trust.fingerprint",
		`not 32 bytes in hexadecimal: ${text}`,
	);
}

/** The trust of a client, for connections to the first hop; throws OptionsError. */
export function trustOf(trust: Trust): RelayTrust {
	if (trust === "unverified")
		return {
			tls: { rejectUnauthorized: false },
			fingerprint: () => undefined,
			isUnverified: true,
		};
	// an undefined trust from JavaScript must not become an unverified one
	if (typeof trust !== "object" || trust === null)
		throw new OptionsError("trust", `neither "unverified" nor an object`);
	const { ca, fingerprint, certificate, key, passphrase } = trust;
	if ((certificate === undefined) !== (key === undefined))
		throw new OptionsError("trust", "only one of certificate and key");
	if (ca !== undefined) certificateOf("trust: ca", ca);
	if (certificate !== undefined && key !== undefined)
		assertPair(certificate, key, passphrase);
	const material = {
		...(ca !== undefined && { ca: pem(ca) }),
		...(certificate !== undefined && { cert: pem(certificate) }),
		...(key !== undefined && { key: pem(key) }),
		...(passphrase !== undefined && { passphrase }),
	};
	try {
		createSecureContext(material);
	} catch (cause) {
		// a key that is too short, for one
		throw new OptionsError("trust", (cause as Error).message, { cause });
	}
	const pin =
		fingerprint === undefined ? undefined : fingerprintOf(fingerprint);
	return {
		tls: { ...material, rejectUnauthorized: true },
		fingerprint: () => pin,
		isUnverified: false,
	};
}
