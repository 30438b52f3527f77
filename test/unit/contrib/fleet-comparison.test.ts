import assert from "node:assert/strict";
import { test } from "node:test";
import {
	compared,
	type Expected,
} from "../../../contrib/development/fleet/comparison.ts";
import {
	storedName,
	valueAt,
} from "../../../contrib/development/fleet/values.ts";
import type { StoredSeries } from "../../support/stores.ts";

/** Answers the two kinds of selectors that a comparison asks with. */
const storeOf = (all: ReadonlyMap<string, StoredSeries>) => ({
	stored: async (match: string) => {
		const [, operator, pattern] = /__name__(=~|!~)"(.*)"\}$/.exec(match) ?? [];
		assert.ok(pattern, match);
		const name = new RegExp(`^(?:${pattern})$`);
		return new Map(
			[...all].filter(
				([key]) =>
					name.test(key.slice(0, key.indexOf("{"))) === (operator === "=~"),
			),
		);
	},
});

const times = [1_000, 1_060];

const expected = new Map<number, Expected>(
	[1, 2].map((agent) => [
		agent,
		{ given: new Set(times), perhaps: new Set([1_120]) },
	]),
);

const keyOf = (name: string, agent: number) => `${name}{a:1,sim${agent}}`;

/** Two metrics of two agents, with all that they were given. */
function completeStore(churn: boolean) {
	const all = new Map<string, StoredSeries>();
	for (const agent of expected.keys())
		for (const metric of [0, 1])
			for (const time of times) {
				const name = `${storedName(metric)}${churn ? `_${time}` : ""}`;
				const series = all.get(keyOf(name, agent)) ?? new Map();
				all.set(keyOf(name, agent), series);
				series.set(time * 1_000, valueAt(agent, metric, time));
			}
	return all;
}

const fine = { given: 8, lost: 0, altered: 0, invented: 0, first: [] };

for (const churn of [false, true])
	test(`A complete store passes${churn ? ", with a series for each sample" : ""}`, async () => {
		const shape = { values: 2, churn };
		const all = completeStore(churn);
		assert.deepEqual(await compared(storeOf(all), expected, shape), fine);
	});

test("What was lost, altered and invented is counted and named", async () => {
	const all = completeStore(false);
	const [zero, one] = [storedName(0), storedName(1)];
	all.get(keyOf(zero, 1))?.delete(1_000_000);
	all.get(keyOf(one, 2))?.set(1_060_000, 5);
	// it may have been given, so it is no fault
	all.get(keyOf(one, 1))?.set(1_120_000, 5);
	all.get(keyOf(one, 1))?.set(1_180_000, 5);
	all.set(keyOf(zero, 3), new Map([[1_000_000, 1]]));
	all.set(keyOf("other", 1), new Map([[1_000_000, 1]]));
	const { first, ...figures } = await compared(storeOf(all), expected, {
		...{ values: 2, churn: false },
	});
	assert.deepEqual(figures, { given: 8, lost: 1, altered: 1, invented: 3 });
	assert.deepEqual(first, [
		`invented: ${keyOf(zero, 3)}`,
		`lost: ${zero} of agent 1 at 1000`,
		`invented: ${one} of agent 1 at 1180`,
		`altered: ${one} of agent 2 at 1060: 5, not ${valueAt(2, 1, 1_060)}`,
		`invented: ${keyOf("other", 1)}`,
	]);
});

test("An empty store has lost all", async () => {
	const shape = { values: 2, churn: false };
	const { lost } = await compared(storeOf(new Map()), expected, shape);
	assert.equal(lost, 8);
});
