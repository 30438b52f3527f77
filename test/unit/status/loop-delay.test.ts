import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { createLoopDelay } from "../../../src/status/loop-delay.ts";
import type { Timers } from "../../../src/ticker.ts";

/** A stopped clock with a single timer. */
function fakeTimers() {
	let time = 1_000_000;
	let timer: { callback: () => void; at: number } | undefined;
	const waits: number[] = [];
	const timers: Timers = {
		elapsed: () => time,
		set(callback, milliseconds) {
			assert.equal(timer, undefined, "one timer at a time");
			waits.push(milliseconds);
			timer = { callback, at: time + milliseconds };
			return timer;
		},
		clear(handle) {
			if (handle === timer) timer = undefined;
		},
	};
	const fire = () => {
		const { callback } = timer ?? assert.fail("no timer");
		timer = undefined;
		callback();
	};
	return {
		timers,
		waits,
		/** Lets time pass while the event loop is blocked. */
		stop(milliseconds: number) {
			time += milliseconds;
		},
		/** Turns the event loop without letting time pass. */
		turn() {
			while (timer && timer.at <= time) fire();
		},
		/** Fires the timer early. */
		fire,
		/** Lets time pass, and fires the timer when it is due. */
		run(milliseconds: number) {
			const end = time + milliseconds;
			while (timer && timer.at <= end) {
				time = Math.max(time, timer.at);
				fire();
			}
			time = end;
		},
		get isSet() {
			return timer !== undefined;
		},
	};
}

const delays = (mean: number, max: number) => ({
	mean_delay_ms: mean,
	max_delay_ms: max,
});

test("the delay is 0 before the first tick, and while none is late", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	assert.deepEqual(delay.read(), delays(0, 0));
	fake.run(499);
	assert.deepEqual(delay.read(), delays(0, 0));
	fake.run(120_001);
	assert.deepEqual(delay.read(), delays(0, 0));
});

test("ticks come twice a second by default; a late one does not delay the next", () => {
	const fake = fakeTimers();
	createLoopDelay({ timers: fake.timers });
	fake.stop(620);
	fake.turn();
	fake.run(380);
	assert.deepEqual(fake.waits, [500, 380, 500]);
});

test("the delay is rounded to the microsecond", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.stop(500.123_45);
	fake.turn();
	assert.deepEqual(delay.read(), delays(0.123, 0.123));
	fake.run(499.876_55);
	assert.deepEqual(delay.read(), delays(0.062, 0.123));
});

test("a stall counts for every tick due during it", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.run(500);
	fake.stop(2_100);
	fake.turn();
	// due 1600, 1100, 600 and 100 ms before the end of the stall; one before it was on time
	assert.deepEqual(delay.read(), delays(3_400 / 5, 1_600));
	fake.run(400);
	assert.deepEqual(delay.read(), delays(566.667, 1_600));
});

test("an overdue tick counts once, with its delay so far", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.stop(600);
	assert.deepEqual(delay.read(), delays(100, 100));
	fake.stop(600);
	assert.deepEqual(delay.read(), delays((700 + 200) / 2, 700));
	assert.deepEqual(delay.read(), delays((700 + 200) / 2, 700));
	fake.turn();
	assert.deepEqual(delay.read(), delays((700 + 200) / 2, 700));
	fake.run(300);
	assert.deepEqual(delay.read(), delays(300, 700));
});

test("a timer that fires slightly early has no delay", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.run(499.6);
	fake.fire();
	assert.deepEqual(delay.read(), delays(0, 0));
	assert.equal(fake.waits[1]?.toFixed(3), "500.400");
	fake.stop(600.4);
	fake.turn();
	assert.deepEqual(delay.read(), delays(50, 100));
});

test("the window is a minute", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.stop(620);
	fake.turn();
	fake.run(59_380);
	assert.deepEqual(delay.read(), delays(1, 120));
	fake.run(500);
	assert.deepEqual(delay.read(), delays(0, 0));
});

test("an overdue tick replaces the oldest one", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ every: 10, samples: 2, timers: fake.timers });
	fake.stop(16);
	fake.turn();
	fake.run(4);
	assert.deepEqual(delay.read(), delays(3, 6));
	fake.stop(14);
	assert.deepEqual(delay.read(), delays(2, 4));
});

test("a stall of more than a minute counts as long as the window", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.run(500);
	fake.stop(7 * 86_400_000);
	const all = delays(119 * 250, 119 * 500);
	assert.deepEqual(delay.read(), all);
	fake.turn();
	assert.deepEqual(delay.read(), all);
	fake.run(59_999);
	assert.deepEqual(delay.read(), delays(0, 0));
});

test("close ends it", () => {
	const fake = fakeTimers();
	const delay = createLoopDelay({ timers: fake.timers });
	fake.stop(600);
	fake.turn();
	delay.close();
	assert.equal(fake.isSet, false);
	fake.stop(10_000);
	assert.deepEqual(delay.read(), delays(100, 100));
});

test("a real stall of the event loop shows up", async (t) => {
	const delay = createLoopDelay({ every: 20 });
	t.after(() => delay.close());
	const end = performance.now() + 230;
	while (performance.now() < end);
	const before = delay.read();
	assert.ok(before.max_delay_ms >= 200, `${before.max_delay_ms} ms`);
	await after(40);
	const { max_delay_ms, mean_delay_ms } = delay.read();
	assert.ok(max_delay_ms >= before.max_delay_ms, `${max_delay_ms} ms`);
	assert.ok(mean_delay_ms > 0 && mean_delay_ms < max_delay_ms);
});

test("does not keep the process alive", () => {
	const file = new URL("../../../src/status/loop-delay.js", import.meta.url);
	const script = `
		const { createLoopDelay } = await import(${JSON.stringify(file)});
		createLoopDelay({ every: 60_000 });
	`;
	execFileSync(process.execPath, ["--input-type=module", "-e", script], {
		timeout: 30_000,
	});
});
