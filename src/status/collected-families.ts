import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Family, Series } from "../protocol/exposition.ts";
import { isReservedName } from "../protocol/metric-name.ts";
import type { Collected, CollectedValue } from "./collected.ts";

/** Limits for the log: names may be any text, and all of a plugin's may be wrong. */
const maxLoggedLines = 20;
const maxLoggedNames = 5;
const maxLoggedCharacters = 100;

/** Names for the log. */
function listed(names: readonly string[]): string {
	const shown = names
		.slice(0, maxLoggedNames)
		.map((name) => name.slice(0, maxLoggedCharacters));
	const more = names.length - shown.length;
	return [...shown, ...(more > 0 ? [`${more} more`] : [])].join(", ");
}

/** A family of collected metrics, and the names that plugins have printed for it. */
interface Named {
	isCounter: boolean;
	originals: Set<string>;
	hasNegative: boolean;
	series: Series[];
}

/** Collected metrics under names of their own. */
export interface CollectedFamilies {
	/** @param others the families of the same page */
	families(others: readonly Family[]): Family[];
	/** Metrics that had no family at the last call. */
	readonly leftOut: number;
}

function grouped(values: readonly CollectedValue[]): Map<string, Named> {
	const groups = new Map<string, Named>();
	for (const { name: translated, labels, value } of values) {
		const { name, isCounter, scaled } = translated;
		let group = groups.get(name);
		if (!group) {
			group = {
				...{ isCounter, originals: new Set(), hasNegative: false, series: [] },
			};
			groups.set(name, group);
		}
		// the hosts need not agree about the type
		group.isCounter &&= isCounter;
		group.hasNegative ||= value < 0;
		group.originals.add(labels.metric);
		group.series.push({ labels: { host: labels.host }, value: scaled(value) });
	}
	return groups;
}

/** Names that the lines of a family have. */
const namesOf = ({ name, type }: Family): string[] => {
	if (type === "info") return [name, `${name}_info`];
	if (type === "counter") return [name, `${name}_total`];
	return type === "gauge"
		? [name]
		: ["", "_sum", "_count", "_bucket"].map((part) => `${name}${part}`);
};

/**
 * Makes a family of each collected metric. A metric whose name is one of ours, and metrics whose
 * names become the same, are left out and named in the log.
 */
export function createCollectedFamilies({
	collected,
	log,
}: {
	collected: Pick<Collected, "values">;
	log: Pick<Log, "warning" | "error">;
}): CollectedFamilies {
	const repeats = createLogRepeats({ log });
	let leftOut = 0;

	/** Why a family must not be on the page; undefined if it may. */
	const faultOf = (
		name: string,
		{ originals, isCounter, hasNegative }: Named,
		taken: ReadonlySet<string>,
	) => {
		if (isReservedName(name) || taken.has(name))
			return `${name} is a name of the agent's own metrics`;
		if (originals.size > 1) return `they would all be ${name}`;
		return isCounter && hasNegative
			? "a counter must not be below 0"
			: undefined;
	};

	const tell = (faults: readonly string[]) => {
		const lines = faults
			.slice(0, maxLoggedLines)
			.map((fault) => `collected metrics left out of /metrics: ${fault}`);
		if (faults.length > lines.length)
			lines.push(`and ${faults.length - lines.length} more`);
		const kind = lines.join("\n");
		repeats.wrong("names", { kind, level: "warning", lines });
	};

	return {
		families(others) {
			const taken = new Set(others.flatMap(namesOf));
			const faults: string[] = [];
			const families: Family[] = [];
			leftOut = 0;
			const groups = grouped(collected.values());
			for (const [name, group] of groups) {
				const originals = [...group.originals];
				const fault = faultOf(name, group, taken);
				if (fault !== undefined) {
					faults.push(`${listed(originals)}: ${fault}`);
					leftOut += originals.length;
					continue;
				}
				const { isCounter, series } = group;
				const family = name.replace(/_total$/, "");
				// a gauge may have the name of a counter's family
				const isWhole = isCounter && (groups.has(family) || taken.has(family));
				families.push({
					name: isCounter && !isWhole ? family : name,
					type: isCounter ? "counter" : "gauge",
					help: `Collected metric ${originals[0]}.`,
					series,
				});
			}
			if (faults.length > 0) tell(faults);
			return families;
		},
		get leftOut() {
			return leftOut;
		},
	};
}
