import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { parsePin } from "../protocol/hop.ts";
import { type Pin, pinOn } from "../protocol/pin.ts";
import type { Trust as RelayTrust } from "../relay/trust.ts";
import { OptionsError, type Pem, type Trust } from "./options.ts";

/** PEM as node:tls takes it. */
export const pem = (text: Pem): string | Buffer =>
	typeof text === "string" ? text : Buffer.from(text);

/** Calls `use` and replaces OpenSSL's error by an OptionsError that names the option. */
function using<T>(option: string, complaint: string, use: () => T): T {
	try {
		return use();
	} catch (cause) {
		throw new OptionsError(option, complaint, { cause });
	}
}

/**
 * Parses a certificate, so that an invalid one is found before the first call. Throws OptionsError.
 */
export const certificateOf = (option: string, text: Pem) =>
	using(option, "no certificate (PEM)", () => new X509Certificate(pem(text)));

/** Checks that the key fits the certificate, before the first call. Throws OptionsError. */
function assertPair(
	certificate: Pem,
	privateKey: Pem,
	passphrase: string | undefined,
) {
	const shown = certificateOf("trust: certificate", certificate);
	const key = using(
		"trust: key",
		"no private key (PEM), or wrong passphrase",
		() =>
			createPrivateKey({
				key: pem(privateKey),
				...(passphrase !== undefined && { passphrase }),
			}),
	);
	if (!shown.checkPrivateKey(key))
		throw new OptionsError("trust: key", "does not belong to the certificate");
}

function fingerprintOf(text: string): Pin {
	const fingerprint = parsePin(text);
	if (fingerprint) return pinOn(fingerprint);
	throw new OptionsError(
		"trust.fingerprint",
		`not 32 bytes in hexadecimal, nor sha256// and base64: ${text}`,
	);
}

/** Prepares how to verify the first hop. Throws OptionsError. */
export function trustOf(trust: Trust): RelayTrust {
	if (trust === "unverified")
		return {
			tls: { rejectUnauthorized: false },
			pin: () => undefined,
			isUnverified: true,
		};
	// JavaScript may pass undefined, which must not mean unverified
	if (typeof trust !== "object" || trust === null)
		throw new OptionsError("trust", `neither "unverified" nor an object`);
	const { ca, fingerprint, verify, certificate, key, passphrase } = trust;
	if ((certificate === undefined) !== (key === undefined))
		throw new OptionsError("trust", "only one of certificate and key is set");
	if (fingerprint !== undefined && verify !== undefined)
		throw new OptionsError("trust", "both fingerprint and verify are set");
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
		// for example, a key that is too short
		throw new OptionsError("trust", (cause as Error).message, { cause });
	}
	const pin = fingerprint === undefined ? verify : fingerprintOf(fingerprint);
	return {
		tls: { ...material, rejectUnauthorized: true },
		pin: () => pin,
		isUnverified: false,
	};
}
