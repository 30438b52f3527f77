import assert from "node:assert/strict";
import { test } from "node:test";
import { staleSeconds } from "../../../src/protocol/sensu.ts";
import { createCollected } from "../../../src/status/collected.ts";

const sample = (hostname: string, metrics: Record<string, number>) => ({
	hostname,
	timestamp: 5,
	metrics,
});

/** A Collected with a clock that the test sets, read as `host metric value`. */
function collecting(maxSeries?: number) {
	const clock = { now: 0 };
	const collected = createCollected({
		now: () => clock.now,
		...(maxSeries !== undefined && { maxSeries }),
	});
	const read = () =>
		collected
			.series()
			.map(({ labels, value }) => `${labels?.host} ${labels?.metric} ${value}`);
	return { clock, collected, read };
}

test("the latest value of each name of each host", () => {
	const { collected, read } = collecting();
	assert.deepEqual(read(), []);
	collected.enter([sample("web01", { a: 1, b: 2 }), sample("web02", { a: 3 })]);
	collected.enter([sample("web01", { a: 4 })]);
	collected.enter([sample("web01", { a: 5 }), sample("web01", { a: 6 })]);
	assert.deepEqual(read(), ["web01 b 2", "web02 a 3", "web01 a 6"]);
	assert.equal(collected.dropped, 0);
});

test("hosts and names may be any text, and are never mixed up", () => {
	const { collected } = collecting();
	const metrics = Object.fromEntries([
		["__proto__", 1],
		['b","c', 2],
		["\ud800\n", 3],
		["", 4],
	]);
	const samples = [sample("a", metrics), sample('a","b', { c: 5 })];
	collected.enter(samples);
	assert.deepEqual(
		collected.series(),
		samples.flatMap(({ hostname: host, metrics }) =>
			Object.entries(metrics).map(([metric, value]) => ({
				labels: { host, metric },
				value,
			})),
		),
	);
});

test("values expire five minutes after their arrival", () => {
	const { clock, collected, read } = collecting();
	collected.enter([sample("h", { old: 1, kept: 1 })]);
	clock.now = 200_000;
	collected.enter([sample("h", { kept: 2 })]);
	clock.now = 300_000;
	assert.deepEqual(read(), ["h old 1", "h kept 2"]);
	clock.now = 300_001;
	assert.deepEqual(read(), ["h kept 2"]);
	clock.now = 500_001;
	assert.deepEqual(read(), []);
});

test("at the limit a known name is still updated, but no new one is added", () => {
	const { clock, collected, read } = collecting(2);
	collected.enter([sample("h", { a: 1, b: 1, c: 1 })]);
	assert.deepEqual(read(), ["h a 1", "h b 1"]);
	assert.equal(collected.dropped, 1);
	clock.now = 200_000;
	collected.enter([sample("h", { d: 2, b: 2 })]);
	assert.deepEqual(read(), ["h a 1", "h b 2"]);
	assert.equal(collected.dropped, 2);
	// a has expired and makes room
	clock.now = 300_001;
	collected.enter([sample("h", { d: 3, a: 3 })]);
	assert.deepEqual(read(), ["h b 2", "h d 3"]);
	assert.equal(collected.dropped, 3);
});

test("ten thousand series fit", () => {
	const { collected } = collecting();
	const names = Array.from({ length: 10_001 }, (_, n) => [`m${n}`, n] as const);
	collected.enter([sample("h", Object.fromEntries(names))]);
	assert.equal(collected.series().length, 10_000);
	assert.equal(collected.dropped, 1);
});

test("a name that is too long is dropped", () => {
	const { collected, read } = collecting();
	collected.enter([sample("h", { ["x".repeat(2000)]: 1, y: 2 })]);
	assert.deepEqual(read(), ["h y 2"]);
	assert.equal(collected.dropped, 1);
});

test("the latest timestamp of a name wins, in any order", () => {
	const { collected, read } = collecting();
	const at = (timestamp: number, value: number) => ({
		...sample("web01", { a: value }),
		timestamp,
	});
	collected.enter([at(100, 1), at(220, 3), at(160, 2)]);
	assert.deepEqual(read(), ["web01 a 3"]);
	collected.enter([at(160, 4)]);
	assert.deepEqual(read(), ["web01 a 3"]);
	collected.enter([at(220, 5)]);
	assert.deepEqual(read(), ["web01 a 5"]);
});

test("a value with a future timestamp expires after its lifetime", () => {
	const { clock, collected, read } = collecting();
	collected.enter([{ ...sample("web01", { a: 1 }), timestamp: 3600 }]);
	// the plugin's clock was set back
	clock.now = 300_000;
	collected.enter([{ ...sample("web01", { a: 2 }), timestamp: 60 }]);
	assert.deepEqual(read(), ["web01 a 1"]);
	clock.now = 300_001;
	collected.enter([{ ...sample("web01", { a: 2 }), timestamp: 61 }]);
	assert.deepEqual(read(), ["web01 a 2"]);
});

test("a value is stale after two and a half intervals, but at least five minutes", () => {
	assert.equal(staleSeconds(60), 300);
	assert.equal(staleSeconds(120), 300);
	assert.equal(staleSeconds(600), 1500);
});
