import { isIP } from "node:net";
import { mappedAddress } from "./access.ts";

/** The next agent of a relay. */
export interface Hop {
	/** Name or address, an IPv6 address without brackets. */
	host: string;
	port: number;
}

const defaultPort = 6777;

/** A name has 253 characters at most; blanks around it are few. */
const maxCharacters = 1_000;

/** How a hop is written: `web01:6777`, `[2001:db8::1]:6777`. */
export const hopText = ({ host, port }: Hop) =>
	`${host.includes(":") ? `[${host}]` : host}:${port}`;

// RFC 1123, and the underscore that people use all the same
const name =
	/^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/;

// such a "name" is an address in another spelling: 0x7f.1, 127.1
const looksNumeric = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i;

/** As the original reads it: none behind the colon is the default, a sign and zeros in front count for nothing. */
function portOf(text: string | undefined): number | undefined {
	if (text === undefined || text === "") return defaultPort;
	const port = /^\+?0*[1-9]\d{0,4}$/.test(text) ? Number(text) : 0;
	return port >= 1 && port <= 65_535 ? port : undefined;
}

/**
 * The one spelling of a host: limits and pins must not depend on how a client
 * writes it. An IPv4 address in an IPv6 one is the IPv4 address.
 */
function canonical(host: string): string {
	if (isIP(host) !== 6) return host.toLowerCase().replace(/\.$/, "");
	return (
		mappedAddress(host) ?? new URL(`http://[${host}]`).hostname.slice(1, -1)
	);
}

/**
 * A hop as clients write it: a name, an IPv4 address, a bare or bracketed IPv6
 * address, with an optional port (6777), and blanks around it. Undefined for
 * anything else: no credentials, no paths, no blanks inside, no port out of range.
 */
export function parseHop(given: string): Hop | undefined {
	// before anything looks at all of it
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

/** A SHA-256 fingerprint as Node writes it, of 32 bytes in hexadecimal, colons or not; undefined for what is none. */
export function parseFingerprint(text: string): string | undefined {
	const hex = text.replaceAll(":", "").toUpperCase();
	return /^[0-9A-F]{64}$/.test(hex)
		? hex.replace(/(..)(?!$)/g, "$1:")
		: undefined;
}

/** An outer hop waits this much longer than it tells the inner one to. */
const marginMilliseconds = 500;

/**
 * What the next hop is told in `Happo-Milliseconds-Left`: a little less than what
 * is left, so that it gives up first and says which hop was slow.
 */
export const toldMilliseconds = (left: number): number =>
	Math.max(1, Math.floor(left - Math.min(marginMilliseconds, left / 20)));
