import type { RealStore } from "../../../test/support/stores.ts";
import { storedName, valueAt } from "./values.ts";

/** Times of an agent's samples, in seconds since 1970. */
export interface Expected {
	/** Those that it has taken. */
	given: Set<number>;
	/** Those that it may have taken: it was killed before it answered. */
	perhaps: Set<number>;
}

/** What a comparison found: numbers of samples, and a line for each of the first that are wrong. */
export interface Comparison {
	given: number;
	lost: number;
	altered: number;
	invented: number;
	first: string[];
}

/** Lines that a comparison keeps. */
const maxLines = 20;

/** Values of one metric by agent and time in seconds. */
type ByAgent = Map<number, Map<number, number>>;

/** The number of the agent that a series' key, `name{instance,hostname}`, belongs to. */
const agentOf = (key: string) => Number(/,sim(\d+)\}$/.exec(key)?.[1]);

/**
 * Compares a store with what agents were given, one metric at a time: stores keep the series of a name
 * together, so a query for a name reads what one for a host would have to search for.
 * @param expected by the number of the agent
 * @param shape.values metrics of an agent
 * @param shape.churn whether the names of the metrics have the samples' times in them
 */
export async function compared(
	store: Pick<RealStore, "stored">,
	expected: ReadonlyMap<number, Expected>,
	{ values, churn }: { values: number; churn: boolean },
): Promise<Comparison> {
	const figures = { given: 0, lost: 0, altered: 0, invented: 0 };
	const first: string[] = [];
	const wrong = (what: "lost" | "altered" | "invented", line: string) => {
		figures[what]++;
		if (first.length < maxLines) first.push(`${what}: ${line}`);
	};
	const names = Array.from({ length: values }, (_, metric) =>
		storedName(metric),
	);
	const ending = churn ? "_[0-9]+" : "";
	for (const [metric, name] of names.entries()) {
		const found: ByAgent = new Map();
		for (const [key, series] of await store.stored(
			`{__name__=~"${name}${ending}"}`,
		)) {
			const agent = agentOf(key);
			if (!expected.has(agent)) {
				wrong("invented", key);
				continue;
			}
			const all = found.get(agent) ?? new Map();
			found.set(agent, all);
			for (const [time, value] of series) all.set(time / 1_000, value);
		}
		for (const [agent, { given, perhaps }] of expected) {
			const series = found.get(agent) ?? new Map();
			const what = (time: number) => `${name} of agent ${agent} at ${time}`;
			figures.given += given.size;
			for (const time of given) {
				const value = series.get(time);
				const right = valueAt(agent, metric, time);
				if (value === undefined) wrong("lost", what(time));
				else if (value !== right)
					wrong("altered", `${what(time)}: ${value}, not ${right}`);
			}
			for (const time of series.keys())
				if (!given.has(time) && !perhaps.has(time))
					wrong("invented", what(time));
		}
	}
	const others = await store.stored(
		`{__name__!="",__name__!~"(${names.join("|")})${ending}"}`,
	);
	for (const key of others.keys()) wrong("invented", key);
	return { ...figures, first };
}
