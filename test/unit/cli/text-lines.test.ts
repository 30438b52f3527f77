import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { textLines } from "../../../cli/text-lines.ts";

async function linesOf(chunks: readonly (string | Buffer)[], longest = 100) {
	const all: string[] = [];
	const bytes = chunks.map((chunk) => Buffer.from(chunk));
	for await (const lines of textLines(Readable.from(bytes), longest))
		all.push(...lines);
	return all;
}

test("lines, wherever the chunks are cut", async () => {
	const text = "a\n\nbü\u{1f600}\r\nc";
	const expected = ["a", "", "bü\u{1f600}\r", "c"];
	assert.deepEqual(await linesOf([text]), expected);
	const bytes = Buffer.from(text);
	assert.deepEqual(
		await linesOf([...bytes].map((byte) => Buffer.from([byte]))),
		expected,
	);
});

test("a last line without an end counts, nothing behind the last end does not", async () => {
	assert.deepEqual(await linesOf(["a"]), ["a"]);
	assert.deepEqual(await linesOf(["a\n"]), ["a"]);
	assert.deepEqual(await linesOf([]), []);
	assert.deepEqual(await linesOf(["\n"]), [""]);
});

test("of a line that is too long one character too many is kept", async () => {
	const long = "x".repeat(1000);
	const cut = "x".repeat(11);
	assert.deepEqual(await linesOf([`${long}\nb\n`], 10), [cut, "b"]);
	assert.deepEqual(await linesOf([long, long, "\nb"], 10), [cut, "b"]);
	assert.deepEqual(await linesOf([long], 10), [cut]);
	assert.deepEqual(await linesOf(["x".repeat(10)], 10), ["x".repeat(10)]);
});

test("bytes that are no UTF-8 are replaced", async () => {
	assert.deepEqual(await linesOf([Buffer.from([0x61, 0xff, 0x0a])]), [
		"a\ufffd",
	]);
});

test("what the stream fails with is thrown", async () => {
	const stream = new Readable({
		read() {
			this.destroy(new Error("gone"));
		},
	});
	await assert.rejects(async () => {
		for await (const _ of textLines(stream, 10));
	}, /gone/);
});
