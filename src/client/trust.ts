import { Buffer } from "node:buffer";
import { X509Certificate } from "node:crypto";
import { createSecureContext, type SecureContextOptions } from "node:tls";
import { parseFingerprint, type Trust as RelayTrust } from "../relay/trust.ts";
import { OptionsError, type Pem, type Trust } from "./options.ts";

/** PEM as node:tls takes it. */
export const pem = (text: Pem): string | Buffer =>
	typeof text === "string" ? text : Buffer.from(text);

/** Says at once, and not at the first call, what TLS cannot use; throws OptionsError. */
export function assertUsable(option: string, material: SecureContextOptions) {
	try {
		// a context takes a CA that is none without a word
		if (material.ca !== undefined) new X509Certificate(material.ca as string);
		createSecureContext(material);
	} catch (cause) {
		throw new OptionsError(`${option}: ${(cause as Error).message}`, { cause });
	}
}

function fingerprintOf(text: string): string {
	const fingerprint = parseFingerprint(text);
	if (fingerprint) return fingerprint;
	throw new OptionsError(
		`trust.fingerprint: not 32 bytes in hexadecimal: ${text}`,
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
		throw new OptionsError(`trust: neither "unverified" nor an object`);
	const { ca, fingerprint, certificate, key, passphrase } = trust;
	if ((certificate === undefined) !== (key === undefined))
		throw new OptionsError("trust: only one of certificate and key");
	const material = {
		...(ca !== undefined && { ca: pem(ca) }),
		...(certificate !== undefined && { cert: pem(certificate) }),
		...(key !== undefined && { key: pem(key) }),
		...(passphrase !== undefined && { passphrase }),
	};
	assertUsable("trust", material);
	const pin =
		fingerprint === undefined ? undefined : fingerprintOf(fingerprint);
	return {
		tls: { ...material, rejectUnauthorized: true },
		fingerprint: () => pin,
		isUnverified: false,
	};
}
