import { badNetworks, parseAllowedHosts } from "../protocol/access.ts";
import type { Hop } from "../protocol/hop.ts";

/** Which hops an agent may relay to. */
export interface Destinations {
	allows(hop: Hop): boolean;
}

const isNamePattern = (entry: string) =>
	/^(\*\.)?(?=.*[A-Za-z_])[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(entry);

/** Names the entries that are neither address, network, name nor `*.name`; undefined if all are one of these. */
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
 * The rule of `proxy-destinations`: addresses and networks for hops given as
 * addresses, names and `*.names` for those given as names. A name is not looked
 * up to compare its address: what it means can change between the two. No
 * entries allow everything, as the original does.
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
