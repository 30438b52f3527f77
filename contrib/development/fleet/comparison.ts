import type { RealStore } from "../../../test/support/stores.ts";
import { storedName, valueAt } from "./values.ts";

/** Times of an agent's samples, in seconds since 1970. */
export interface Expected {
	/** Those that it has taken. */
	given: Set<number>;
	/** Those that it may have taken: it was killed before it answered. */
	perhaps: Set<number>;
}

/** Agents whose series are read at a time. */
const agentsAtOnce = 25;

/** Compares a store with what agents were given, some agents at a time. */
export async function compared(
	store: RealStore,
	expected: ReadonlyMap<number, Expected>,
	{ values, churn }: { values: number; churn: boolean },
) {
	const figures = { given: 0, lost: 0, altered: 0, invented: 0 };
	const first: string[] = [];
	const wrong = (what: "lost" | "altered" | "invented", line: string) => {
		figures[what]++;
		if (first.length < 20) first.push(`${what}: ${line}`);
	};
	const names = Array.from({ length: values }, (_, metric) =>
		storedName(metric),
	);
	const agents = [...expected.keys()];
	for (let from = 0; from < agents.length; from += agentsAtOnce) {
		const some = agents.slice(from, from + agentsAtOnce);
		const stored = await store.stored(`{hostname=~"sim(${some.join("|")})"}`);
		/** Values by `NAME AGENT` and time. */
		const found = new Map<string, Map<number, number>>();
		for (const [key, series] of stored) {
			const [, full = "", agent] = /^(.*)\{.*,sim(\d+)\}$/.exec(key) ?? [];
			// with churn, the time is in the name
			const name = churn ? full.replace(/_\d+$/, "") : full;
			const all = found.get(`${name} ${agent}`) ?? new Map();
			found.set(`${name} ${agent}`, all);
			for (const [time, value] of series) all.set(time / 1_000, value);
		}
		for (const agent of some) {
			const { given, perhaps } = expected.get(agent) as Expected;
			for (const [metric, name] of names.entries()) {
				const series = found.get(`${name} ${agent}`) ?? new Map();
				found.delete(`${name} ${agent}`);
				figures.given += given.size;
				for (const time of given) {
					const value = series.get(time);
					const right = valueAt(agent, metric, time);
					const what = `${name} of agent ${agent} at ${time}`;
					if (value === undefined) wrong("lost", what);
					else if (value !== right)
						wrong("altered", `${what}: ${value}, not ${right}`);
				}
				for (const time of series.keys())
					if (!given.has(time) && !perhaps.has(time))
						wrong("invented", `${name} of agent ${agent} at ${time}`);
			}
		}
		for (const series of found.keys()) wrong("invented", series);
	}
	const others = await store.stored(`{__name__!="",hostname!~"sim[0-9]+"}`);
	for (const series of others.keys()) wrong("invented", series);
	return { ...figures, first };
}
