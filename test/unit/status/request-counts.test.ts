import assert from "node:assert/strict";
import { test } from "node:test";
import { createRequestCounts } from "../../../src/status/request-counts.ts";

const start = Date.UTC(2026, 10, 22, 10, 16, 46);

/** Request counts with a settable clock. */
function open() {
	const clock = { milliseconds: start };
	const counts = createRequestCounts({ now: () => clock.milliseconds });
	return { counts, clock };
}

test("null when nothing was counted", () => {
	const { counts } = open();
	assert.equal(counts.last(60), null);
	assert.equal(counts.last(300), null);
});

test("counts are by path, in order of first request, and by status, ascending", () => {
	const { counts } = open();
	counts.count("/proxy", 504);
	counts.count("/", 403);
	counts.count("/proxy", 200);
	counts.count("/", 200);
	counts.count("/", 200);
	const expected =
		'[{"url":"/proxy","counts":{"200":1,"504":1}},{"url":"/","counts":{"200":2,"403":1}}]';
	assert.equal(JSON.stringify(counts.last(60)), expected);
	assert.equal(JSON.stringify(counts.last(300)), expected);
});

test("all paths not in the contract are one entry", () => {
	const { counts } = open();
	counts.count(undefined, 404);
	counts.count("/machine-state/{key}", 200);
	counts.count(undefined, 403);
	counts.count(undefined, 404);
	assert.deepEqual(counts.last(60), [
		{ url: "other", counts: { 403: 1, 404: 2 } },
		{ url: "/machine-state/{key}", counts: { 200: 1 } },
	]);
});

test("a window is the current second and the 60 or 300 before it", () => {
	const { counts, clock } = open();
	clock.milliseconds = start + 999;
	counts.count("/", 200);
	clock.milliseconds = start + 60_999;
	assert.deepEqual(counts.last(60), [{ url: "/", counts: { 200: 1 } }]);
	clock.milliseconds = start + 61_000;
	assert.equal(counts.last(60), null);
	clock.milliseconds = start + 300_999;
	assert.deepEqual(counts.last(300), [{ url: "/", counts: { 200: 1 } }]);
	clock.milliseconds = start + 301_000;
	assert.equal(counts.last(300), null);
});

test("the order is that within the window, not of all time", () => {
	const { counts, clock } = open();
	counts.count("/", 200);
	clock.milliseconds += 1000;
	counts.count("/status", 200);
	clock.milliseconds += 1000;
	counts.count("/", 200);
	const urls = (seconds: 60 | 300) =>
		counts.last(seconds)?.map(({ url }) => url);
	assert.deepEqual(urls(60), ["/", "/status"]);
	clock.milliseconds = start + 61_000;
	assert.deepEqual(urls(60), ["/status", "/"]);
	assert.deepEqual(urls(300), ["/", "/status"]);
});

test("an answer already given does not change", () => {
	const { counts } = open();
	counts.count("/", 200);
	const before = counts.last(60);
	counts.count("/", 200);
	assert.deepEqual(before, [{ url: "/", counts: { 200: 1 } }]);
});

test("setting the clock back loses nothing and keeps nothing too long", () => {
	const { counts, clock } = open();
	counts.count("/", 200);
	clock.milliseconds = start - 86_400_000;
	counts.count("/", 200);
	assert.deepEqual(counts.last(60), [{ url: "/", counts: { 200: 2 } }]);
	clock.milliseconds += 30_000;
	counts.count("/", 200);
	assert.deepEqual(counts.last(60), [{ url: "/", counts: { 200: 3 } }]);
	clock.milliseconds += 31_000;
	assert.deepEqual(counts.last(60), [{ url: "/", counts: { 200: 1 } }]);
	clock.milliseconds += 270_000;
	assert.equal(counts.last(300), null);
});

test("the clock may be set back repeatedly", () => {
	const { counts, clock } = open();
	for (let n = 0; n < 10; n++) {
		counts.count("/", 200);
		clock.milliseconds += 40_000;
		counts.count("/status", 200);
		clock.milliseconds -= 3_600_000;
	}
	// each round takes 40 seconds: the last 61 cover the ends of two rounds and the beginning of one
	assert.deepEqual(counts.last(60), [
		{ url: "/status", counts: { 200: 2 } },
		{ url: "/", counts: { 200: 1 } },
	]);
	// 400 seconds in all: the ends at 120 and the beginnings from 120 on
	assert.deepEqual(counts.last(300), [
		{ url: "/status", counts: { 200: 8 } },
		{ url: "/", counts: { 200: 7 } },
	]);
});

test("setting the clock forward drops the past", () => {
	const { counts, clock } = open();
	counts.count("/", 200);
	clock.milliseconds += 86_400_000;
	counts.count("/status", 200);
	assert.deepEqual(counts.last(300), [{ url: "/status", counts: { 200: 1 } }]);
	clock.milliseconds = start;
	assert.deepEqual(counts.last(300), [{ url: "/status", counts: { 200: 1 } }]);
});

test("old seconds are dropped even if nobody asks", () => {
	// intercepts the Map of Maps by second as it is filled: nothing else shows what is kept
	const { counts, clock } = open();
	const sets: Map<unknown, unknown>[] = [];
	const { set } = Map.prototype;
	Map.prototype.set = function (key, value) {
		if (typeof key === "number" && value instanceof Map) sets.push(this);
		return set.call(this, key, value);
	};
	try {
		for (let n = 0; n < 5000; n++) {
			clock.milliseconds += n % 7 === 0 ? -3_600_000 : 1000;
			counts.count("/", 200);
		}
	} finally {
		Map.prototype.set = set;
	}
	assert.equal(new Set(sets).size, 1);
	assert.equal(sets[0]?.size, 301);
	clock.milliseconds += 3_600_000;
	assert.equal(counts.last(300), null);
	assert.equal(sets[0]?.size, 0);
});

test("counts equal those from a list of all answers", () => {
	const { counts, clock } = open();
	const all: { second: number; url: string; status: number }[] = [];
	let seed = 1;
	const random = (below: number) => {
		seed = (seed * 48_271) % 0x7fffffff;
		return seed % below;
	};
	const expected = (window: number) => {
		const from = Math.floor(clock.milliseconds / 1000) - window;
		const sums = new Map<string, Record<string, number>>();
		for (const { second, url, status } of all) {
			if (second < from) continue;
			const statuses = sums.get(url) ?? {};
			sums.set(url, statuses);
			statuses[status] = (statuses[status] ?? 0) + 1;
		}
		if (sums.size === 0) return null;
		return [...sums].map(([url, counts]) => ({ url, counts }));
	};
	for (let n = 0; n < 3000; n++) {
		clock.milliseconds += random(random(50) === 0 ? 400_000 : 3000);
		if (random(4) > 0) {
			const path = [undefined, "/", "/proxy", "/monitor"][random(4)];
			const status = [200, 403, 404, 500, 504][random(5)] as number;
			counts.count(path, status);
			all.push({
				second: Math.floor(clock.milliseconds / 1000),
				url: path ?? "other",
				status,
			});
		}
		if (random(10) === 0)
			for (const window of [60, 300] as const)
				assert.equal(
					JSON.stringify(counts.last(window)),
					JSON.stringify(expected(window)),
				);
	}
});
