import { BlockList, isIP, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { AgentError } from "../agent-error.ts";
import { mappedAddress } from "../protocol/access.ts";
import { type Hop, hopText } from "../protocol/hop.ts";

/**
 * Whether to refuse a connection to an address of this host; called for no other address. The
 * address has no zone, and is IPv4 even if it was given mapped into IPv6.
 */
export type RefuseOwn = (address: string, port: number) => boolean;

/** Addresses at which Linux connects a host to itself, whatever its interfaces. */
const always = new BlockList();
always.addSubnet("127.0.0.0", 8, "ipv4");
always.addSubnet("0.0.0.0", 8, "ipv4");
always.addAddress("::", "ipv6");
always.addAddress("::1", "ipv6");

const family = (address: string) => (isIP(address) === 4 ? "ipv4" : "ipv6");

/** One spelling for each address, without its zone. */
function plain(address: string): string {
	const [bare = ""] = address.split("%", 1);
	if (isIP(bare) !== 6) return bare;
	return (
		mappedAddress(bare) ?? new URL(`http://[${bare}]`).hostname.slice(1, -1)
	);
}

/**
 * Whether an address belongs to this host, by its interfaces at this moment. They do not show all:
 * see `leadsHere`.
 */
export function isOwn(
	address: string,
	interfaces: typeof networkInterfaces = networkInterfaces,
): boolean {
	const wanted = plain(address);
	if (always.check(wanted, family(wanted))) return true;
	for (const each of Object.values(interfaces()).flat()) {
		if (!each) continue;
		if (plain(each.address) === wanted) return true;
		// on a loopback interface, the whole network of an IPv4 address belongs to the host
		if (!each.internal || each.family !== "IPv4" || !each.cidr) continue;
		const network = new BlockList();
		network.addSubnet(each.address, Number(each.cidr.split("/")[1]), "ipv4");
		if (network.check(wanted, family(wanted))) return true;
	}
	return false;
}

/**
 * Whether an open connection leads to this host. Interfaces do not show addresses that only a route
 * makes local; but the system connects to its own address from that same address.
 */
export const leadsHere = ({ remoteAddress, localAddress }: Socket): boolean =>
	remoteAddress !== undefined &&
	localAddress !== undefined &&
	(plain(remoteAddress) === plain(localAddress) || isOwn(remoteAddress));

/** The error for a hop at one of these addresses of this host; undefined if none is refused. */
export function refusal(
	{ host, port }: Hop,
	addresses: readonly string[],
	refuseOwn: RefuseOwn,
): AgentError | undefined {
	const refused = addresses.find((each) => refuseOwn(plain(each), port));
	if (refused === undefined) return undefined;
	const place = hopText({ host, port });
	const own = plain(refused);
	return new AgentError(
		"destination-forbidden",
		own === plain(host)
			? `proxy_hostport[0]: ${place} is an address of this host`
			: `proxy_hostport[0]: ${place} is this host (${own})`,
	);
}
