import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import {
	type Batch,
	createSampleBatches,
	textLines,
} from "../../../../cli/append-metric/batches.ts";
import type { BadLine } from "../../../../src/protocol/sensu.ts";

/** The batches and bad lines of these lines. */
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

test("there is one sample for each timestamp, sorted by time", () => {
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

test("the last line of a name and timestamp wins, and counts once", () => {
	const { rest } = batchesOf(["a 1 9", "b 1 9", "b 2 8", "a 2 9"]);
	assert.deepEqual(rest.samples, [
		{ hostname: "h", timestamp: 8, metrics: { b: 2 } },
		{ hostname: "h", timestamp: 9, metrics: { a: 2, b: 1 } },
	]);
	assert.equal(rest.metrics, 3);
});

test("no lines give one empty sample", () => {
	assert.deepEqual(batchesOf([]).rest.samples, [
		{ hostname: "h", timestamp: 0, metrics: {} },
	]);
});

test("a batch has at most 5,000 metrics, and its line numbers", () => {
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

test("a batch has at most a million characters of names", () => {
	const long = (n: number) => `${"x".repeat(60_000)}${n} 1 1`;
	const { full, rest } = batchesOf(
		Array.from({ length: 40 }, (_, n) => long(n)),
	);
	assert.deepEqual(
		[...full, rest].map(({ metrics }) => metrics),
		[16, 16, 8],
	);
});

test("bad lines are reported with number and reason, and do not end a batch", () => {
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

async function linesOf(chunks: readonly (string | Buffer)[], longest = 100) {
	const all: string[] = [];
	const bytes = chunks.map((chunk) => Buffer.from(chunk));
	for await (const lines of textLines(Readable.from(bytes), longest))
		all.push(...lines);
	return all;
}

test("lines do not depend on where the chunks are cut", async () => {
	const text = "a\n\nbü\u{1f600}\r\nc";
	const expected = ["a", "", "bü\u{1f600}\r", "c"];
	assert.deepEqual(await linesOf([text]), expected);
	const bytes = Buffer.from(text);
	assert.deepEqual(
		await linesOf([...bytes].map((byte) => Buffer.from([byte]))),
		expected,
	);
});

test("the last line needs no line end; an empty one after it does not count", async () => {
	assert.deepEqual(await linesOf(["a"]), ["a"]);
	assert.deepEqual(await linesOf(["a\n"]), ["a"]);
	assert.deepEqual(await linesOf([]), []);
	assert.deepEqual(await linesOf(["\n"]), [""]);
});

test("a line that is too long is cut to one character more than the limit", async () => {
	const long = "x".repeat(1000);
	const cut = "x".repeat(11);
	assert.deepEqual(await linesOf([`${long}\nb\n`], 10), [cut, "b"]);
	assert.deepEqual(await linesOf([long, long, "\nb"], 10), [cut, "b"]);
	assert.deepEqual(await linesOf([long], 10), [cut]);
	assert.deepEqual(await linesOf(["x".repeat(10)], 10), ["x".repeat(10)]);
});

test("bytes that are not UTF-8 are replaced", async () => {
	assert.deepEqual(await linesOf([Buffer.from([0x61, 0xff, 0x0a])]), [
		"a\ufffd",
	]);
});

test("an error of the stream is thrown", async () => {
	const stream = new Readable({
		read() {
			this.destroy(new Error("gone"));
		},
	});
	await assert.rejects(async () => {
		for await (const _ of textLines(stream, 10));
	}, /gone/);
});
