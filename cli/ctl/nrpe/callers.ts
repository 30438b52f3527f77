import { allowedEntries, allowedEntry } from "./allowed-hosts.ts";
import { decoded } from "./command-line.ts";
import type { AllowedHosts, Found } from "./imported.ts";
import { type Outcome, type Report, type Value, written } from "./report.ts";

/**
 * Reads all `allowed_hosts`, which NRPE adds to each other; undefined if there is none.
 * @param addressesOf the addresses of a name; none if it has none
 */
export async function hostsOf(
	report: Report,
	addressesOf: (name: string) => Promise<readonly string[]>,
): Promise<Found<AllowedHosts> | undefined> {
	const networks = new Set<string>();
	const names = new Map<string, readonly string[]>();
	const ignored: string[] = [];
	let last: Value | undefined;
	for (const entry of report.entries) {
		if (entry.kind === "fault" || entry.name !== "allowed_hosts") continue;
		last = entry;
		for (const bytes of allowedEntries(entry.value)) {
			const text = decoded(bytes) ?? "?";
			const found = allowedEntry(text);
			if (found.kind === "network") networks.add(found.network);
			else if (found.kind === "ignored") ignored.push(text);
			else {
				const addresses = await addressesOf(found.name);
				names.set(found.name, addresses);
				for (const address of addresses) {
					const entry = allowedEntry(address);
					if (entry.kind === "network") networks.add(entry.network);
				}
			}
		}
	}
	if (!last) return undefined;
	return {
		value: {
			networks: [...networks],
			names: [...names].map(([name, addresses]) => ({ name, addresses })),
			ignored,
		},
		file: written(last.file),
		line: last.line,
	};
}

/** Says who a line of `allowed_hosts` lets in. */
export function sayHosts(
	report: Report,
	entry: Value,
	hosts: Found<AllowedHosts>,
) {
	const names = new Map(
		hosts.value.names.map(({ name, addresses }) => [name, addresses]),
	);
	const good: string[] = [];
	for (const bytes of allowedEntries(entry.value)) {
		const text = decoded(bytes) ?? "?";
		const found = allowedEntry(text);
		const say = (outcome: Outcome, text: string, proposal: string) =>
			report.say(entry, `allowed_hosts: ${bytes}`, outcome, text, proposal);
		if (found.kind === "network") good.push(found.network);
		else if (found.kind === "ignored")
			say("needs you", found.reason, found.proposal);
		else {
			const addresses = names.get(found.name) ?? [];
			if (addresses.length > 0)
				say(
					"tightened",
					`NRPE looks the name up at each connection; the policy has the addresses that it has now: ${addresses.join(", ")}.`,
					"Change them in the policy when they change, or use a key or a client certificate instead.",
				);
			else
				say(
					"needs you",
					"The name has no address here, so the policy has none either.",
					"Write the addresses of the monitoring server into the policy.",
				);
		}
	}
	if (good.length > 0)
		report.say(
			entry,
			"allowed_hosts",
			"imported",
			`The caller nrpe comes from ${good.join(", ")}.`,
		);
}
