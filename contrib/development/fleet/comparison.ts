import assert from "node:assert/strict";
import { validName } from "../../../cli/collector/write/series-names.ts";
import type { RealStore } from "../../../test/support/stores.ts";
import { metricName, valueAt } from "./values.ts";

/** Times of an agent's samples, in seconds since 1970. */
export interface Expected {
	/** Those that it has taken. */
	given: Set<number>;
	/** Those that it may have taken: it was killed before it answered. */
	perhaps: Set<number>;
}

/** Compares a store with what agents were given, a metric at a time. */
export async function compared(
	store: RealStore,
	expected: ReadonlyMap<number, Expected>,
	{ values, churn }: { values: number; churn: boolean },
) {
	const figures = { given: 0, lost: 0, altered: 0, invented: 0 };
	const first: string[] = [];
	const wrong = (line: string) => {
		if (first.length < 20) first.push(line);
	};
	for (let metric = 0; metric < values; metric++) {
		const name = validName(metricName(metric));
		const stored = await store.stored(
			churn ? `{__name__=~"${name}_[0-9]+"}` : `{__name__="${name}"}`,
		);
		const byAgent = new Map<number, Map<number, number>>();
		for (const [key, series] of stored) {
			const [, agent] = /,sim(\d+)\}$/.exec(key) ?? [];
			assert.ok(agent, key);
			const all = byAgent.get(Number(agent)) ?? new Map<number, number>();
			byAgent.set(Number(agent), all);
			for (const [time, value] of series) all.set(time, value);
		}
		for (const [agent, { given, perhaps }] of expected) {
			const found = byAgent.get(agent) ?? new Map<number, number>();
			figures.given += given.size;
			for (const time of given) {
				const value = found.get(time * 1_000);
				if (value === undefined) {
					figures.lost++;
					wrong(`lost: ${name} of agent ${agent} at ${time}`);
				} else if (value !== valueAt(agent, metric, time)) {
					figures.altered++;
					wrong(
						`altered: ${name} of agent ${agent} at ${time}: ${value}, not ${valueAt(agent, metric, time)}`,
					);
				}
			}
			for (const time of found.keys())
				if (!given.has(time / 1_000) && !perhaps.has(time / 1_000)) {
					figures.invented++;
					wrong(`invented: ${name} of agent ${agent} at ${time}`);
				}
			byAgent.delete(agent);
		}
		for (const agent of byAgent.keys()) {
			figures.invented++;
			wrong(`invented: ${name} of agent ${agent}`);
		}
	}
	return { ...figures, first };
}
