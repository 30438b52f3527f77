import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Schedule } from "../../../../cli/collector/schedule.ts";

const named = (phase: number) => ({ phase, name: String(phase) });

const dueAt = (
	schedule: Schedule<{ phase: number; name: string }>,
	now: number,
) => {
	const names: string[] = [];
	schedule.visitDue(now, ({ name }) => names.push(name));
	return names;
};

test("each is due once in an interval, at its own time", () => {
	const schedule = new Schedule<{ phase: number; name: string }>(1_000, 0);
	schedule.set([named(0.5), named(0), named(0.999)]);
	assert.deepEqual(dueAt(schedule, 0), []);
	assert.deepEqual(dueAt(schedule, 400), ["0"]);
	assert.deepEqual(dueAt(schedule, 501), ["0.5"]);
	assert.deepEqual(dueAt(schedule, 990), []);
	// around the end of the interval
	assert.deepEqual(dueAt(schedule, 1_200), ["0.999", "0"]);
});

test("after a stop of the process each is due once", () => {
	const schedule = new Schedule<{ phase: number; name: string }>(1_000, 0);
	schedule.set([named(0.25), named(0.75)]);
	assert.deepEqual(dueAt(schedule, 10_500).toSorted(), ["0.25", "0.75"]);
	assert.deepEqual(dueAt(schedule, 10_800), ["0.75"]);
	// a clock that goes back names nobody
	assert.deepEqual(dueAt(schedule, 10_000), []);
});

test("each time of one has a number of its own, however late it is named", () => {
	const schedule = new Schedule<{ phase: number; name: string }>(1_000, 0);
	const early = named(0.25);
	const late = named(0.95);
	schedule.set([early, late]);
	const numbers: string[] = [];
	for (const now of [900, 1_300, 1_940, 2_251, 3_200, 3_949, 4_900])
		schedule.visitDue(now, (one) =>
			numbers.push(`${one.name} ${schedule.numberOf(one, now)}`),
		);
	assert.deepEqual(numbers, [
		...["0.25 0", "0.95 0", "0.25 1", "0.95 1", "0.25 2"],
		...["0.95 2", "0.25 3", "0.95 3", "0.25 4"],
	]);
});

test("whenever it is asked, nobody is due twice in an interval or left out", () => {
	fc.assert(
		fc.property(
			fc.uniqueArray(fc.double({ min: 0, max: 0.999, noNaN: true }), {
				minLength: 1,
				maxLength: 30,
			}),
			fc.array(fc.integer({ min: 1, max: 900 }), { minLength: 5 }),
			(phases, steps) => {
				const schedule = new Schedule<{ phase: number; name: string }>(
					1_000,
					0,
				);
				schedule.set(phases.map(named));
				const counts = new Map<string, number>();
				let now = 0;
				for (const step of steps) {
					now += step;
					for (const name of dueAt(schedule, now))
						counts.set(name, (counts.get(name) ?? 0) + 1);
				}
				for (const phase of phases) {
					// times of this phase in [0, now)
					const times = Math.ceil(
						now / 1_000 - (now % 1_000 === 0 ? 0 : phase),
					);
					const count = counts.get(String(phase)) ?? 0;
					assert.ok(
						Math.abs(count - times) <= 1,
						`${phase}: ${count} times, not ${times}, until ${now}`,
					);
				}
			},
		),
	);
});
