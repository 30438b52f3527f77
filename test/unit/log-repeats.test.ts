import assert from "node:assert/strict";
import { test } from "node:test";
import { createLogRepeats, type Trouble } from "../../src/log-repeats.ts";

const minute = 60_000;

/** Repeats with a clock that the test sets, and what they have logged since the last look. */
function repeating() {
	const clock = { now: 0 };
	const logged: string[] = [];
	const repeats = createLogRepeats({
		log: {
			warning: (line) => void logged.push(`warning ${line}`),
			error: (line) => void logged.push(`error ${line}`),
		},
		elapsed: () => clock.now,
	});
	return { clock, repeats, news: () => logged.splice(0) };
}

const trouble = (kind: string, ...lines: string[]): Trouble => ({
	kind,
	level: "error",
	lines,
});

test("the same trouble is logged at once, then once an hour with its number", () => {
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

test("another kind of trouble, and another subject, are logged at once", () => {
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

test("the end of trouble is one line, and the next trouble is new", () => {
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

test("what is not looked at any more is forgotten without a line", () => {
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
