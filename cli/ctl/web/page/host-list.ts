import type { components } from "../../../../generated/web-schema.ts";
import { searcher } from "./search.ts";

type Schemas = components["schemas"];
type Host = Schemas["Host"];
type State = Schemas["HostState"];

/** Worst first. */
export const statesByRank: readonly State[] = [
	...(["failed", "critical", "unknown", "warning", "waiting", "ok"] as const),
];

/** The hosts after a change, in the order of their ids. */
export function changed(
	hosts: readonly Host[],
	{ hosts: news, gone }: Pick<Schemas["HostChanges"], "hosts" | "gone">,
): Host[] {
	const all = new Map(hosts.map((host) => [host.id, host]));
	for (const host of news) all.set(host.id, host);
	for (const id of gone) all.delete(id);
	return [...all.values()];
}

/** Which hosts of the list are wanted. */
export interface HostFilter {
	/** Words that must all be in a host's texts. */
	search: string;
	/** Undefined: all states. */
	state: State | undefined;
	/** Undefined: all groups. */
	group: string | undefined;
}

const rank = new Map(statesByRank.map((state, at) => [state, at]));

/**
 * A text by which names are sorted so that `web2` comes before `web10`. Intl.Collator would take
 * fifteen times as long for the first list of 1,000 hosts.
 */
const sortKey = (name: string) =>
	name.replace(/\d+/g, (digits) => digits.padStart(8, "0"));

/** Sort keys by name; there are never more names than hosts. */
const sortKeys = new Map<string, string>();

function sortKeyOf(name: string): string {
	const known = sortKeys.get(name);
	if (known !== undefined) return known;
	const key = sortKey(name);
	sortKeys.set(name, key);
	return key;
}

const compareNames = (one: string, other: string) => {
	const [first, second] = [sortKeyOf(one), sortKeyOf(other)];
	return first < second ? -1 : first > second ? 1 : 0;
};

/** The hosts worst first; equally bad ones by name. */
export const worstFirst = (hosts: readonly Host[]): Host[] =>
	hosts.toSorted(
		(one, other) =>
			(rank.get(one.state) ?? 0) - (rank.get(other.state) ?? 0) ||
			compareNames(one.name, other.name),
	);

const textOf = ({ name, label = "", via, group, problem, version }: Host) =>
	[name, label, ...via, group, problem, version].join("\n");

/** The hosts that fit a filter, in the same order. */
export function filtered(
	hosts: readonly Host[],
	{ search, state, group }: HostFilter,
): Host[] {
	const isFound = searcher(search);
	return hosts.filter(
		(host) =>
			(state === undefined || host.state === state) &&
			(group === undefined ||
				host.group === group ||
				host.group.startsWith(`${group}!`)) &&
			(search === "" || isFound(textOf(host))),
	);
}

/** The groups of hosts, and the groups that these are in, in alphabetical order. */
export function groupsOf(hosts: readonly Host[]): string[] {
	const groups = new Set<string>();
	for (const { group } of hosts) {
		if (group === "") continue;
		groups.add(group);
		groups.add(group.replace(/!.*$/, ""));
	}
	return [...groups].sort(compareNames);
}

/** How many hosts are in each state. */
export function countStates(hosts: readonly Host[]): Map<State, number> {
	const counts = new Map<State, number>();
	for (const { state } of hosts)
		counts.set(state, (counts.get(state) ?? 0) + 1);
	return counts;
}
