import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { AgentOptions } from "node:https";
import { createSecureContext } from "node:tls";
import {
	type Hop,
	hopText,
	parseFingerprint,
	parseHop,
} from "../protocol/hop.ts";
import { systemReason } from "../system-error.ts";

/**
 * Whom to believe at the other end of a TLS connection. The one place that
 * holds this policy, for relays and command-line tools alike.
 */
export interface Trust {
	/** What node:https needs to know. */
	tls: Pick<
		AgentOptions,
		"ca" | "cert" | "key" | "passphrase" | "rejectUnauthorized"
	>;
	/** SHA-256 of the certificate a hop must have, upper case with colons; undefined if it is not pinned. */
	fingerprint(hop: Hop): string | undefined;
	/** Nothing is verified, unless a hop is pinned. */
	readonly isUnverified: boolean;
}

/** Why the trust settings cannot be used: one line that names the setting or the file. */
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

/** Says at the start, and not at the first request, that TLS cannot use something, and not in OpenSSL's words. */
function using<T>(what: string, complaint: string, use: () => T): T {
	try {
		return use();
	} catch (cause) {
		throw new TrustError(`${what}: ${complaint}`, { cause });
	}
}

const certificateOf = (what: string, bytes: Buffer) =>
	using(what, "no certificate (PEM)", () => new X509Certificate(bytes));

/** Throws TrustError for what TLS cannot show to a hop. */
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
		// a key that is too short, for one
		throw new TrustError(`${keyName}: ${(cause as Error).message}`, { cause });
	}
}

/** A pin's place; the dot that ends an absolute name makes no other agent of it. */
const placeOf = ({ host, port }: Hop) =>
	hopText({ host: host.replace(/\.$/, ""), port });

/** `HOST[:PORT]=AB:CD:...` */
function parsePin(text: string): [string, string] | undefined {
	const [place = "", digits = ""] = text.split("=", 2);
	const hop = parseHop(place);
	const fingerprint = parseFingerprint(digits);
	return hop && fingerprint ? [placeOf(hop), fingerprint] : undefined;
}

/** Names the entries that are no pins; undefined if all are. */
export function badPins(entries: readonly string[]): string | undefined {
	const bad = entries.filter((entry) => !parsePin(entry));
	return bad.length > 0
		? `not HOST[:PORT]=SHA256: ${bad.join(", ")}`
		: undefined;
}

/**
 * Reads what the settings name. Without a CA file nothing is verified, as in the
 * original, but for pinned hops. Throws TrustError.
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
		settings.pins.flatMap((pin) => [parsePin(pin) ?? []]) as [string, string][],
	);
	return {
		tls: {
			// without a list OpenSSL reads Node's own roots, which are never asked
			ca: ca ?? [],
			...(cert && { cert }),
			...(key && { key }),
			rejectUnauthorized: ca !== undefined,
		},
		fingerprint: (hop) => pins.get(placeOf(hop)),
		isUnverified: ca === undefined,
	};
}
