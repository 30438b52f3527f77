import { BlockList, isIP } from "node:net";

/** Who may connect. */
export type Access = {
	/** Whether a peer address, as a socket reports it, is let in; an unknown address is not. */
	allows(address: string | undefined): boolean;
};

/** Entries of allowed-hosts that are neither an address nor a network: one line with all of them. */
export class AccessError extends Error {
	override name = "AccessError";

	constructor(entries: readonly string[]) {
		super(`allowed-hosts: not an address or network: ${entries.join(", ")}`);
	}
}

type Network = { family: "ipv4" | "ipv6"; address: string; prefix: number };

/** The IPv4 address inside an IPv4-mapped one (RFC 4291 2.5.5.2), however it is spelt. */
function mappedAddress(address: string): string | undefined {
	if (isIP(address) !== 6) return undefined;
	// A URL has one spelling for each IPv6 address.
	const { hostname } = new URL(`http://[${address}]/`);
	const groups = /^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/.exec(hostname);
	if (groups === null) return undefined;
	const [high = 0, low = 0] = groups
		.slice(1)
		.map((g) => Number.parseInt(g, 16));
	return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function parseNetwork(entry: string): Network | undefined {
	const [address = "", prefixText, ...rest] = entry.split("/");
	const version = isIP(address);
	// A peer is compared without its zone, so an entry with one would promise too much.
	if (version === 0 || address.includes("%") || rest.length > 0)
		return undefined;
	const longest = version === 4 ? 32 : 128;
	if (prefixText !== undefined && !/^(0|[1-9]\d{0,2})$/.test(prefixText))
		return undefined;
	const prefix = prefixText === undefined ? longest : Number(prefixText);
	if (prefix > longest) return undefined;
	if (version === 4) return { family: "ipv4", address, prefix };
	const mapped = mappedAddress(address);
	return mapped !== undefined && prefix >= 96
		? { family: "ipv4", address: mapped, prefix: prefix - 96 }
		: { family: "ipv6", address, prefix };
}

/**
 * The rule of allowed-hosts: 127.0.0.1, ::1 and the entries, which are addresses or networks (`10.0.0.0/8`, host bits may be set).
 * IPv4-mapped peers and entries count as IPv4, and the families never match each other: `::/0` lets no IPv4 in.
 * Blanks around entries and empty entries are ignored. Throws an AccessError that lists every bad entry.
 */
export function parseAllowedHosts(entries: readonly string[]): Access {
	// A single BlockList would match IPv4 peers with IPv6 networks and the other way round.
	const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
	lists.ipv4.addAddress("127.0.0.1", "ipv4");
	lists.ipv6.addAddress("::1", "ipv6");
	const bad: string[] = [];
	for (const entry of entries.map((text) => text.trim())) {
		if (entry === "") continue;
		const network = parseNetwork(entry);
		if (network === undefined) bad.push(entry);
		else
			lists[network.family].addSubnet(
				network.address,
				network.prefix,
				network.family,
			);
	}
	if (bad.length > 0) throw new AccessError(bad);
	return {
		allows(address) {
			// isIP refuses some interface names, so the zone goes first.
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
