import { badNetworks, parseAllowedHosts } from "./access.ts";
import type { Hop } from "./hop.ts";

/** The hops that an agent may relay to. */
export interface Destinations {
	allows(hop: Hop): boolean;
}

const isNamePattern = (entry: string) =>
	/^(\*\.)?(?=.*[A-Za-z_])[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(entry);

/**
 * Names the invalid entries, which are not an address, network, name or `*.name`; undefined if all
 * are valid.
 */
export function badDestinations(
	entries: readonly string[],
): string | undefined {
	const bad = entries.filter(
		(entry) => !isNamePattern(entry) && badNetworks([entry]),
	);
	return bad.length > 0
		? `not an address, network or name: ${bad.join(", ")}`
		: undefined;
}

/**
 * Parses `proxy-destinations`. Addresses and networks apply to hops given as addresses, names and
 * `*.names` to those given as names. A name is not resolved to compare its address, because it
 * could resolve differently afterwards. An empty list allows everything, as in v1 (Go).
 */
export function parseDestinations(entries: readonly string[]): Destinations {
	if (entries.length === 0) return { allows: () => true };
	const names = entries.filter(isNamePattern).map((name) => name.toLowerCase());
	const networks = parseAllowedHosts(
		entries.filter((entry) => !isNamePattern(entry)),
		[],
	);
	return {
		allows: ({ host }) => {
			const name = host.toLowerCase().replace(/\.$/, "");
			return (
				networks.allows(host) ||
				names.some((pattern) =>
					pattern.startsWith("*.")
						? name.endsWith(pattern.slice(1))
						: name === pattern,
				)
			);
		},
	};
}
