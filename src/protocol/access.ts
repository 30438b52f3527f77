import { BlockList, isIP } from "node:net";

/** The rule of who may connect. */
export type Access = {
	/** Whether a peer address, as reported by a socket, is allowed. An unknown address is not. */
	allows(address: string | undefined): boolean;
};

/** Lists all invalid entries of allowed-hosts in one line. */
export class AccessError extends Error {
	override name = "AccessError";
}

type Network = { family: "ipv4" | "ipv6"; address: string; prefix: number };

/** The IPv4 address in an IPv4-mapped IPv6 address (RFC 4291 2.5.5.2), in any spelling. */
export function mappedAddress(address: string): string | undefined {
	if (isIP(address) !== 6) return undefined;
	// URL has one canonical spelling for each IPv6 address
	const { hostname } = new URL(`http://[${address}]/`);
	const groups = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname);
	if (groups === null) return undefined;
	const [high = 0, low = 0] = groups
		.slice(1)
		.map((g) => Number.parseInt(g, 16));
	return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** A peer address for people: an IPv4-mapped address becomes IPv4. */
export function plainAddress(address: string | undefined): string {
	return mappedAddress(address ?? "") ?? address ?? "unknown";
}

/** Parses an address or network; undefined for anything else. An address is a network of one. */
export function parseNetwork(entry: string): Network | undefined {
	const [address = "", prefixText, ...rest] = entry.split("/");
	const version = isIP(address);
	// peers are compared without their zone, so an entry with one would promise too much
	if (version === 0 || address.includes("%") || rest.length > 0)
		return undefined;
	const maxPrefix = version === 4 ? 32 : 128;
	if (prefixText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefixText))
		return undefined;
	const prefix = prefixText === undefined ? maxPrefix : Number(prefixText);
	if (prefix > maxPrefix) return undefined;
	if (version === 4) return { family: "ipv4", address, prefix };
	const mapped = mappedAddress(address);
	return mapped !== undefined && prefix >= 96
		? { family: "ipv4", address: mapped, prefix: prefix - 96 }
		: { family: "ipv6", address, prefix };
}

const isBad = (entry: string) =>
	entry !== "" && parseNetwork(entry) === undefined;

/** Lists the entries that are neither an address nor a network; undefined if all are valid. */
export function badNetworks(entries: readonly string[]): string | undefined {
	const bad = entries.map((text) => text.trim()).filter(isBad);
	return bad.length > 0
		? `not an address or network: ${bad.join(", ")}`
		: undefined;
}

/**
 * Parses allowed-hosts. Entries are addresses or networks (`10.0.0.0/8`, host bits may be set);
 * those in `always` are allowed in any case. IPv4-mapped peers and entries count as IPv4, and the
 * two families never match each other: `::/0` allows no IPv4. Blanks around entries, and empty
 * entries, are ignored. Throws an AccessError that lists all invalid entries.
 */
export function parseAllowedHosts(
	entries: readonly string[],
	always: readonly string[] = ["127.0.0.1", "::1"],
): Access {
	// a single BlockList would match IPv4 peers with IPv6 networks, and vice versa
	const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
	const complaint = badNetworks(entries);
	if (complaint) throw new AccessError(`allowed-hosts: ${complaint}`);
	for (const entry of [...always, ...entries]) {
		const network = parseNetwork(entry.trim());
		if (!network) continue;
		const { family, address, prefix } = network;
		lists[family].addSubnet(address, prefix, family);
	}
	return {
		allows(address) {
			// isIP rejects some interface names, so strip the zone first
			const [peer = ""] = (address ?? "").split("%", 1);
			const version = isIP(peer);
			if (version === 0) return false;
			if (version === 4) return lists.ipv4.check(peer, "ipv4");
			const mapped = mappedAddress(peer);
			return mapped === undefined
				? lists.ipv6.check(peer, "ipv6")
				: lists.ipv4.check(mapped, "ipv4");
		},
	};
}
