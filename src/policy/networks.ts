import { isIP } from "node:net";
import { mappedAddress, parseNetwork } from "../protocol/access.ts";

/** An address that can be compared: its family, and its bits in words of 32. */
export interface AddressBits {
	readonly family: 4 | 6;
	readonly words: readonly number[];
}

/** An address or network as a policy has it. */
export interface Network extends AddressBits {
	/** How many leading bits count. */
	readonly prefix: number;
	/** Written as one address, not as a network. */
	readonly isAddress: boolean;
}

function bitsOf4(address: string): AddressBits {
	let word = 0;
	for (const part of address.split(".")) word = (word << 8) | Number(part);
	return { family: 4, words: [word | 0] };
}

function bitsOf6(address: string): AddressBits {
	// URL has one canonical spelling, without a dotted end
	const { hostname } = new URL(`http://[${address}]/`);
	const [before = "", after] = hostname.slice(1, -1).split("::");
	const groups = (text: string) => (text === "" ? [] : text.split(":"));
	const first = groups(before);
	const last = after === undefined ? [] : groups(after);
	const all = [
		...first,
		...Array.from({ length: 8 - first.length - last.length }, () => "0"),
		...last,
	].map((group) => Number.parseInt(group, 16));
	return {
		family: 6,
		words: [0, 2, 4, 6].map(
			(at) => ((all[at] ?? 0) << 16) | (all[at + 1] ?? 0) | 0,
		),
	};
}

/**
 * The bits of an address; undefined for anything else. An IPv4-mapped address counts as IPv4; a
 * zone is ignored.
 */
export function addressBits(address: string): AddressBits | undefined {
	const zone = address.indexOf("%");
	const plain = zone < 0 ? address : address.slice(0, zone);
	const version = isIP(plain);
	if (version === 0) return undefined;
	if (version === 4) return bitsOf4(plain);
	const mapped = mappedAddress(plain);
	return mapped === undefined ? bitsOf6(plain) : bitsOf4(mapped);
}

/** Parses `192.0.2.7`, `10.0.0.0/8`, `2001:db8::/32`; host bits may be set. */
export function networkOf(entry: string): Network | undefined {
	const network = parseNetwork(entry);
	if (!network) return undefined;
	const { family, address, prefix } = network;
	// ::ffff:10.0.0.0/8 is a network of IPv6
	const bits = family === "ipv4" ? bitsOf4(address) : bitsOf6(address);
	return { ...bits, prefix, isAddress: !entry.includes("/") };
}

/** The word of 32 bits with only the leading bits of a prefix left; `at` is the word's number. */
export function leadingBits(word: number, prefix: number, at: number): number {
	const bits = prefix - 32 * at;
	if (bits >= 32) return word;
	return bits <= 0 ? 0 : word & (-1 << (32 - bits));
}

/** Whether an address is in a network. The two families never match each other. */
export function isInNetwork(
	{ family, words }: AddressBits,
	network: Network,
): boolean {
	if (family !== network.family) return false;
	for (let at = 0; at < words.length; at++)
		if (
			leadingBits(
				(words[at] ?? 0) ^ (network.words[at] ?? 0),
				network.prefix,
				at,
			) !== 0
		)
			return false;
	return true;
}

/** Finds the values of all networks that an address is in, in one step for each prefix length. */
export class NetworkIndex<T> {
	readonly #byPrefix = new Map<
		number,
		{ family: 4 | 6; prefix: number; values: Map<string | number, T[]> }
	>();

	add(network: Network, value: T): void {
		const { family, prefix } = network;
		const number = family * 1000 + prefix;
		const known = this.#byPrefix.get(number) ?? {
			...{ family, prefix },
			values: new Map<string | number, T[]>(),
		};
		this.#byPrefix.set(number, known);
		const key = keyOf(network, prefix);
		known.values.set(key, [...(known.values.get(key) ?? []), value]);
	}

	/** Calls `found` with each value. */
	find(address: AddressBits, found: (value: T) => void): void {
		for (const { family, prefix, values } of this.#byPrefix.values())
			if (family === address.family)
				for (const value of values.get(keyOf(address, prefix)) ?? [])
					found(value);
	}
}

function keyOf({ family, words }: AddressBits, prefix: number) {
	return family === 4
		? leadingBits(words[0] ?? 0, prefix, 0)
		: words.map((word, at) => leadingBits(word, prefix, at)).join();
}
