import assert from "node:assert/strict";
import { test } from "node:test";
import {
	type Batch,
	createSampleBatches,
} from "../../../cli/sample-batches.ts";
import type { BadLine } from "../../../src/metrics/sensu.ts";

/** What becomes of lines. */
function batchesOf(lines: Iterable<string>) {
	const bad: BadLine[] = [];
	const full: Batch[] = [];
	const batches = createSampleBatches("h", 1_800_000_000, (line) =>
		bad.push(line),
	);
	for (const line of lines) {
		const batch = batches.add(line);
		if (batch) full.push(batch);
	}
	return { full, rest: batches.rest(), bad, counts: batches.counts() };
}

test("a sample for each time, in the order of time", () => {
	const { full, rest, bad, counts } = batchesOf([
		...["a 1 9", "b 2 5", "", "c d", "# x y z", "b 3 9", "c 4 -1"],
	]);
	assert.deepEqual(full, []);
	assert.deepEqual(rest, {
		samples: [
			{ hostname: "h", timestamp: -1, metrics: { c: 4 } },
			{ hostname: "h", timestamp: 5, metrics: { b: 2 } },
			{ hostname: "h", timestamp: 9, metrics: { a: 1, b: 3 } },
		],
		metrics: 4,
		firstLine: 1,
		lastLine: 7,
	});
	assert.deepEqual(bad, []);
	assert.deepEqual(counts, { lines: 7, texts: 5, metrics: 4 });
});

test("of one name at one time the last line stays, and counts once", () => {
	const { rest } = batchesOf(["a 1 9", "b 1 9", "b 2 8", "a 2 9"]);
	assert.deepEqual(rest.samples, [
		{ hostname: "h", timestamp: 8, metrics: { b: 2 } },
		{ hostname: "h", timestamp: 9, metrics: { a: 2, b: 1 } },
	]);
	assert.equal(rest.metrics, 3);
});

test("no line at all is one empty sample", () => {
	assert.deepEqual(batchesOf([]).rest.samples, [
		{ hostname: "h", timestamp: 0, metrics: {} },
	]);
});

test("a batch has 5,000 figures at most, and tells its lines", () => {
	const lines = Array.from({ length: 12_001 }, (_, n) => `m${n} 1 1`);
	lines.splice(5_000, 0, "free text");
	const { full, rest } = batchesOf(lines);
	assert.deepEqual(
		[...full, rest].map(({ metrics, firstLine, lastLine }) => [
			metrics,
			firstLine,
			lastLine,
		]),
		[
			[5_000, 1, 5_001],
			[5_000, 5_002, 10_001],
			[2_001, 10_002, 12_002],
		],
	);
	assert.equal(rest.samples.length, 1);
});

test("a batch has a million characters of names at most", () => {
	const long = (n: number) => `${"x".repeat(60_000)}${n} 1 1`;
	const { full, rest } = batchesOf(
		Array.from({ length: 40 }, (_, n) => long(n)),
	);
	assert.deepEqual(
		[...full, rest].map(({ metrics }) => metrics),
		[16, 16, 8],
	);
});

test("bad lines are told with their number and reason, and do not end a batch", () => {
	const { rest, bad } = batchesOf(["a x 1\r", "b 1 1", "c\0 1 1"]);
	assert.deepEqual(bad, [
		{ line: 1, text: "a x 1", reason: "the value is not a number" },
		{ line: 3, text: "c\0 1 1", reason: "the line has a NUL character" },
	]);
	assert.equal(rest.metrics, 1);
	assert.deepEqual(batchesOf(["a 1 1800000001"]).bad, [
		{
			line: 1,
			text: "a 1 1800000001",
			reason: "the timestamp is more than a day in the future",
		},
	]);
});
