import { isIP } from "node:net";
import { mappedAddress } from "../protocol/access.ts";
import {
	type AddressBits,
	addressBits,
	isInNetwork,
	type Network,
	networkOf,
} from "./networks.ts";

const defaultPort = 6777;

/** A next hop that a rule permits. */
export type NextHop = { readonly port: number } & (
	| { readonly network: Network }
	/** In lower case; `isParent` permits all names that end with a dot and this. */
	| { readonly name: string; readonly isParent: boolean }
);

/** A hop as `decide` compares it. */
interface AskedHop {
	readonly host: string;
	readonly bits: AddressBits | undefined;
	readonly port: number;
}

const namePattern = /^(\*\.)?((?=.*[A-Za-z_])[A-Za-z0-9_][A-Za-z0-9_.-]*)$/;

/** Parses an entry of `to:`; undefined for anything else than its forms. */
export function parseNextHop(text: string): NextHop | undefined {
	const [, bracketed, prefix = "", bracketPort] =
		/^\[([^\]]*)\](\/\d{1,3})?(?::(\d{1,5}))?$/.exec(text) ?? [];
	const [, bare = text, barePort] =
		bracketed === undefined && isIP(text.split("/", 1)[0] ?? "") !== 6
			? (/^([^:]*)(?::(\d{1,5}))?$/.exec(text) ?? [])
			: [];
	const portText = bracketPort ?? barePort;
	const port = portText === undefined ? defaultPort : Number(portText);
	if (port < 1 || port > 65_535 || /[:[\]]\s*$/.test(bare)) return undefined;
	const host = bracketed === undefined ? bare : bracketed + prefix;
	const network = networkOf(host);
	if (network) {
		// brackets are for IPv6
		const isMisplaced =
			bracketed !== undefined && isIP(host.split("/", 1)[0] ?? "") !== 6;
		return isMisplaced ? undefined : { network, port };
	}
	if (bracketed !== undefined) return undefined;
	const [, parent, name] = namePattern.exec(host) ?? [];
	return name === undefined
		? undefined
		: {
				name: name.toLowerCase().replace(/\.$/, ""),
				isParent: parent !== undefined,
				port,
			};
}

/** A hop of a request, ready to be compared. */
export function askedHop({
	host,
	port,
}: {
	readonly host: string;
	readonly port: number;
}): AskedHop {
	return {
		host: (mappedAddress(host) ?? host).toLowerCase().replace(/\.$/, ""),
		bits: addressBits(host),
		port,
	};
}

/**
 * Whether a hop is permitted. Networks apply to hops given as addresses, names to those given as
 * names: a name could resolve differently afterwards.
 */
export function permitsHop(hop: NextHop, { host, bits, port }: AskedHop) {
	if (hop.port !== port) return false;
	if ("network" in hop)
		return bits !== undefined && isInNetwork(bits, hop.network);
	if (bits !== undefined) return false;
	return hop.isParent ? host.endsWith(`.${hop.name}`) : host === hop.name;
}

/** Whether an entry names this address itself, and not by a network or a name. */
export const namesAddress = (hop: NextHop, { bits, port }: AskedHop) =>
	"network" in hop &&
	hop.network.isAddress &&
	hop.port === port &&
	bits !== undefined &&
	isInNetwork(bits, hop.network);
