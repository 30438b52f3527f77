import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogRepeats, type Trouble } from "../../src/log-repeats.ts";

const minute = 60_000;

/** Repeats with a clock that the test sets, and a function for the lines since its last call. */
function repeating(limits: { maxKinds?: number } = {}) {
	const clock = { now: 0, wakeAt: undefined as number | undefined };
	let woken = () => {};
	const logged: string[] = [];
	const repeats = createLogRepeats({
		log: {
			warning: (line) => void logged.push(`warning ${line}`),
			error: (line) => void logged.push(`error ${line}`),
		},
		elapsed: () => clock.now,
		timers: {
			set: (callback, milliseconds) => {
				woken = callback;
				clock.wakeAt = clock.now + milliseconds;
			},
			clear: () => {
				clock.wakeAt = undefined;
			},
		},
		...limits,
	});
	return {
		clock,
		repeats,
		news: () => logged.splice(0),
		/** Lets time pass, and runs the timers that are due. */
		pass: (milliseconds: number) => {
			const end = clock.now + milliseconds;
			while (clock.wakeAt !== undefined && clock.wakeAt <= end) {
				clock.now = clock.wakeAt;
				clock.wakeAt = undefined;
				woken();
			}
			clock.now = end;
		},
	};
}

const trouble = (kind: string, ...lines: string[]): Trouble => ({
	kind,
	level: "error",
	lines,
});

test("logs trouble at once, then once an hour with a count", () => {
	const { clock, repeats, news } = repeating();
	repeats.wrong("a", trouble("k", "a: broken 1", "a: more"));
	assert.deepEqual(news(), ["error a: broken 1", "error a: more"]);
	for (let at = 1; at < 60; at++) {
		clock.now = at * minute;
		repeats.wrong("a", trouble("k", `a: broken ${at}`));
	}
	assert.deepEqual(news(), []);
	clock.now = 60 * minute;
	repeats.wrong("a", trouble("k", "a: broken 60", "a: more"));
	assert.deepEqual(news(), [
		"error a: broken 60 (60 times in the last 60 minutes)",
	]);
	clock.now = 119 * minute;
	repeats.wrong("a", trouble("k", "a: broken"));
	assert.deepEqual(news(), []);
	clock.now = 120 * minute;
	repeats.wrong("a", trouble("k", "a: broken"));
	assert.deepEqual(news(), [
		"error a: broken (2 times in the last 60 minutes)",
	]);
});

test("logs another kind of trouble, and another subject, at once", () => {
	const { repeats, news } = repeating();
	repeats.wrong("a", trouble("missing", "a: missing"));
	repeats.wrong("a", trouble("failed", "a: failed"));
	repeats.wrong("b", {
		kind: "failed",
		level: "warning",
		lines: ["b: failed"],
	});
	repeats.wrong("a", trouble("failed", "a: failed"));
	assert.deepEqual(news(), [
		"error a: missing",
		"error a: failed",
		"warning b: failed",
	]);
});

test("logs recovery in one line, and the next trouble as new", () => {
	const { repeats, news } = repeating();
	repeats.right("a", "plugin a");
	assert.deepEqual(news(), []);
	repeats.wrong("a", trouble("k", "a: broken"));
	repeats.right("a", "plugin a");
	repeats.right("a", "plugin a");
	repeats.wrong("a", trouble("k", "a: broken"));
	repeats.wrong("a", trouble("k", "a: broken"));
	repeats.right("a", "plugin a");
	assert.deepEqual(news(), [
		"error a: broken",
		"warning plugin a: works again after 1 failure",
		"error a: broken",
		"warning plugin a: works again after 2 failures",
	]);
});

test("forgets subjects that are no longer watched, without a line", () => {
	const { repeats, news } = repeating();
	repeats.wrong("a", trouble("k", "a: broken"));
	repeats.wrong("b", trouble("k", "b: broken"));
	repeats.keep(new Set(["b"]));
	news();
	repeats.right("a", "plugin a");
	assert.deepEqual(news(), []);
	repeats.right("b", "plugin b");
	assert.deepEqual(news(), ["warning plugin b: works again after 1 failure"]);
});

test("logs the count although trouble has stopped, and only if there are repetitions", () => {
	const { repeats, news, pass } = repeating();
	repeats.wrong("a", trouble("k", "a: broken 1", "a: more"));
	pass(10 * minute);
	repeats.wrong("b", trouble("k", "b: broken"));
	repeats.wrong("b", trouble("k", "b: broken"));
	pass(10 * minute);
	repeats.wrong("a", trouble("k", "a: broken 2"));
	repeats.wrong("a", trouble("k", "a: broken 3"));
	news();
	pass(24 * 60 * minute);
	assert.deepEqual(news(), [
		"error a: broken 3 (2 times in the last 60 minutes)",
		"error b: broken (once in the last 60 minutes)",
	]);
	repeats.wrong("a", trouble("k", "a: broken 4", "a: more"));
	assert.deepEqual(news(), ["error a: broken 4", "error a: more"]);
});

test("logs two alternating kinds of trouble as two lines", () => {
	const { repeats, news } = repeating();
	for (let n = 0; n < 10; n++)
		repeats.wrong("a", trouble(n % 2 ? "late" : "dead", `a: ${n % 2}`));
	assert.deepEqual(news(), ["error a: 0", "error a: 1"]);
});

test("trouble shorter than the minimum does not count as over", () => {
	const { repeats, news, pass } = repeating();
	repeats.wrong("a", trouble("k", "a: broken"));
	pass(minute - 1);
	assert.equal(repeats.right("a", "a", minute), false);
	repeats.wrong("a", trouble("k", "a: broken"));
	repeats.wrong("a", trouble("k", "a: broken"));
	assert.deepEqual(news(), ["error a: broken"]);
	pass(minute);
	assert.equal(repeats.right("a", "a", minute), true);
	assert.deepEqual(news(), ["warning a: works again after 2 failures"]);
	assert.equal(repeats.right("a", "a", minute), false);
});

test("limits its memory: further kinds share a line until there is room again", () => {
	const { repeats, news, pass } = repeating({ maxKinds: 10 });
	for (let n = 0; n < 1_000; n++)
		repeats.wrong(`${n}`, trouble("k", `${n}: broken`));
	const lines = news();
	assert.equal(lines.length, 11);
	assert.equal(lines.at(-1), "error 10: broken");
	pass(60 * minute);
	assert.deepEqual(news(), [
		"error 999: broken (989 times in the last 60 minutes, with others like it)",
	]);
	repeats.wrong("1000", trouble("k", "1000: broken"));
	assert.deepEqual(news(), ["error 1000: broken"]);
});
