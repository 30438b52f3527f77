import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

import { type ConnectionOptions, createSecureContext } from "node:tls";
import { type Hop, hopText, parseHop, parsePin } from "../protocol/hop.ts";
import { type Pin, pinOn } from "../protocol/pin.ts";
import { systemReason } from "../system-error.ts";

/**
 * How to verify the other end of a TLS connection. The only place for this policy, for relays and
 * command-line tools.
 */
export interface Trust {
	/** Options for node:tls. */
	tls: Pick<
		ConnectionOptions,
		"ca" | "cert" | "key" | "passphrase" | "rejectUnauthorized"
	>;
	/** What replaces the verification of a hop's chain and names; undefined if it is not pinned. */
	pin(hop: Hop): Pin | undefined;
	/** Certificates are not verified, except those of pinned hops. */
	readonly isUnverified: boolean;
}

/** The trust settings are unusable; one line that names the setting or the file. */
export class TrustError extends Error {
	override name = "TrustError";
}

async function read(setting: string, file: string) {
	if (file === "") return undefined;
	try {
		return await readFile(file);
	} catch (cause) {
		throw new TrustError(`${setting} ${file}: ${systemReason(cause)}`, {
			cause,
		});
	}
}

/** Replaces OpenSSL's message by a clear one. Checked at startup, not at the first request. */
function using<T>(what: string, complaint: string, use: () => T): T {
	try {
		return use();
	} catch (cause) {
		throw new TrustError(`${what}: ${complaint}`, { cause });
	}
}

const certificateOf = (what: string, bytes: Buffer) =>
	using(what, "no certificate (PEM)", () => new X509Certificate(bytes));

/** Throws TrustError if TLS cannot use the pair as a client certificate. */
function assertPair(
	{ certificateFile, keyFile }: { certificateFile: string; keyFile: string },
	{ cert, key }: { cert: Buffer; key: Buffer },
) {
	const shown = certificateOf(`proxy-certificate ${certificateFile}`, cert);
	const keyName = `proxy-private-key ${keyFile}`;
	const complaint = "no private key (PEM) without a passphrase";
	const own = using(keyName, complaint, () => createPrivateKey(key));
	if (!shown.checkPrivateKey(own))
		throw new TrustError(
			`${keyName}: does not belong to the certificate ${certificateFile}`,
		);
	try {
		createSecureContext({ cert, key });
	} catch (cause) {
		// for example a key that is too short
		throw new TrustError(`${keyName}: ${(cause as Error).message}`, { cause });
	}
}

/** The hop that a pin applies to; an absolute name's final dot does not matter. */
const placeOf = ({ host, port }: Hop) =>
	hopText({ host: host.replace(/\.$/, ""), port });

/** `HOST[:PORT]=AB:CD:...`, or a public key after the equals sign. */
function parsePinned(text: string): [string, Pin] | undefined {
	const [, place = "", digits = ""] = /^([^=]*)=(.*)$/.exec(text) ?? [];
	const hop = parseHop(place);
	const pin = parsePin(digits);
	return hop && pin ? [placeOf(hop), pinOn(pin)] : undefined;
}

/** Names the invalid pins; undefined if all are valid. */
export function badPins(entries: readonly string[]): string | undefined {
	const bad = entries.filter((entry) => !parsePinned(entry));
	return bad.length > 0
		? `not HOST[:PORT]=SHA256: ${bad.join(", ")}`
		: undefined;
}

/**
 * Reads the files of the settings. Without a CA file certificates are not verified, as in v1 (Go),
 * except those of pinned hops. Throws TrustError.
 */
export async function loadTrust(settings: {
	caFile: string;
	pins: readonly string[];
	certificateFile: string;
	keyFile: string;
}): Promise<Trust> {
	const complaint = badPins(settings.pins);
	if (complaint) throw new TrustError(`proxy-fingerprints: ${complaint}`);
	const ca = await read("proxy-ca-file", settings.caFile);
	const cert = await read("proxy-certificate", settings.certificateFile);
	const key = await read("proxy-private-key", settings.keyFile);
	if ((cert === undefined) !== (key === undefined))
		throw new TrustError(
			"proxy-certificate and proxy-private-key: only one of the two is set",
		);
	if (ca) certificateOf(`proxy-ca-file ${settings.caFile}`, ca);
	if (cert && key) assertPair(settings, { cert, key });
	const pins = new Map(
		settings.pins.flatMap((pin) => [parsePinned(pin) ?? []]) as [string, Pin][],
	);
	return {
		tls: {
			// an empty list, so that OpenSSL does not read Node's own roots, which are never used
			ca: ca ?? [],
			...(cert && { cert }),
			...(key && { key }),
			rejectUnauthorized: ca !== undefined,
		},
		pin: (hop) => pins.get(placeOf(hop)),
		isUnverified: ca === undefined,
	};
}
