import { isIP } from "node:net";
import { mappedAddress } from "./access.ts";

/** The next agent on the way of a relayed request. */
export interface Hop {
	/** Host name or address; an IPv6 address is without brackets. */
	host: string;
	port: number;
}

const defaultPort = 6777;

/** Names have at most 253 characters; the rest is for blanks. */
const maxCharacters = 1_000;

/** Formats a hop: `web01:6777`, `[2001:db8::1]:6777`. */
export const hopText = ({ host, port }: Hop) =>
	`${host.includes(":") ? `[${host}]` : host}:${port}`;

// RFC 1123, plus the underscore, which is in use
const name =
	/^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/;

// these are addresses in another spelling: 0x7f.1, 127.1
const looksNumeric = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i;

/**
 * Parses a port as v1 does: an empty one is the default; a plus sign and leading zeros are allowed.
 */
function portOf(text: string | undefined): number | undefined {
	if (text === undefined || text === "") return defaultPort;
	const port = /^\+?0*[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
	return port >= 1 && port <= 65_535 ? port : undefined;
}

/**
 * The canonical spelling of a host, because limits and pins must not depend on the spelling. An
 * IPv4-mapped address becomes IPv4.
 */
function canonical(host: string): string {
	if (isIP(host) !== 6) return host.toLowerCase().replace(/\.$/, "");
	return (
		mappedAddress(host) ?? new URL(`http://[${host}]`).hostname.slice(1, -1)
	);
}

/**
 * Parses a hop as clients write it: a name, an IPv4 address, or a bare or bracketed IPv6 address,
 * with an optional port (default 6777); blanks around it are ignored. Returns undefined for
 * anything else, such as credentials, paths, inner blanks and ports out of range.
 */
export function parseHop(given: string): Hop | undefined {
	// before any pattern scans the text
	if (given.length > maxCharacters) return undefined;
	const text = given.replace(/^[ \t]+|[ \t]+$/g, "");
	if (isIP(text) === 6 && !text.includes("%"))
		return { host: canonical(text), port: defaultPort };
	const bracketed = /^\[([0-9A-Fa-f:.]+)\](?::(.*))?$/.exec(text);
	const [host, portText] = bracketed
		? [bracketed[1] ?? "", bracketed[2]]
		: (/^([^:]*)(?::(.*))?$/.exec(text)?.slice(1) ?? [""]);
	const port = portOf(portText);
	if (port === undefined || host === undefined) return undefined;
	const isValid = bracketed
		? isIP(host) === 6
		: isIP(host) === 4 || (name.test(host) && !looksNumeric.test(host));
	return isValid ? { host: canonical(host), port } : undefined;
}

/**
 * Formats a SHA-256 fingerprint as Node does. The text is 32 bytes in hexadecimal, with or without
 * colons; returns undefined for anything else.
 */
export function parseFingerprint(text: string): string | undefined {
	const hex = text.replaceAll(":", "").toUpperCase();
	return /^[0-9A-F]{64}$/.test(hex)
		? hex.replace(/(..)(?!$)/g, "$1:")
		: undefined;
}

/** What the pin of a public key begins with. */
export const keyPinPrefix = "sha256//";

/**
 * Formats a pin: the SHA-256 of a certificate, as parseFingerprint() does, or that of its public key,
 * as curl's --pinnedpubkey takes it: `sha256//` and base64. Returns undefined for anything else.
 */
export function parsePin(text: string): string | undefined {
	if (!text.startsWith(keyPinPrefix)) return parseFingerprint(text);
	const digest = text.slice(keyPinPrefix.length).replace(/=$/, "");
	const bytes = Buffer.from(digest, "base64");
	// other spellings of the same bytes would never be found again
	return bytes.length === 32 && bytes.toString("base64") === `${digest}=`
		? `${keyPinPrefix}${digest}=`
		: undefined;
}

/** Maximum difference between the time that an agent waits and the time it allows the next hop. */
const marginMilliseconds = 500;

/**
 * The milliseconds to send in `Happo-Milliseconds-Left`: slightly less than what is left here, so
 * that the next hop times out first and reports which hop was slow.
 */
export const toldMilliseconds = (left: number): number =>
	Math.max(1, Math.floor(left - Math.min(marginMilliseconds, left / 20)));
