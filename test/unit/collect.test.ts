import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { collect } from "../../src/collect.ts";

const maxBytes = 100_000;
const tooLarge = () => new Error("too large");
const read = (stream: Readable) =>
	collect(stream, { declared: undefined, maxBytes, tooLarge });

/** A stream with endless data, in chunks of one byte that each cost `wireBytes`. */
function alwaysReady(
	pieces: number,
	{ wireBytes = 1, onRead = () => {} } = {},
): Readable {
	let left = pieces;
	const socket = { bytesRead: 0 } as { bytesRead: number } & Socket;
	const stream = new Readable({
		highWaterMark: 1,
		read() {
			onRead();
			socket.bytesRead += wireBytes;
			this.push(left-- > 0 ? "x" : null);
		},
	});
	return Object.assign(stream, { socket });
}

test("the event loop turns while an endless stream is read", async () => {
	let loops = 0;
	let isDone = false;
	const loop = () => {
		loops++;
		if (!isDone) setImmediate(loop);
	};
	setImmediate(loop);
	const body = await read(alwaysReady(1000));
	isDone = true;
	assert.equal(body.length, 1000);
	assert.ok(loops > 100, `${loops} turns`);
});

test("reads streams whose chunks cost far more than their data one at a time", async () => {
	let reads = 0;
	let most = 0;
	let isDone = false;
	const loop = () => {
		most = Math.max(most, reads);
		reads = 0;
		if (!isDone) setImmediate(loop);
	};
	const costly = Array.from({ length: 20 }, () =>
		alwaysReady(50, { wireBytes: 10_000, onRead: () => reads++ }),
	);
	const bodies = Promise.all(costly.map(read));
	// the first chunks are read before the cost is known
	await new Promise((resolve) => setImmediate(resolve));
	await new Promise((resolve) => setImmediate(resolve));
	reads = 0;
	loop();
	for (const body of await bodies) assert.equal(body.length, 50);
	isDone = true;
	assert.ok(most <= 3, `${most} reads in one turn`);
});

test("chunks that have arrived meanwhile are taken at once", async () => {
	let loops = 0;
	let isDone = false;
	const loop = () => {
		loops++;
		if (!isDone) setImmediate(loop);
	};
	const stream = new Readable({ highWaterMark: 1 << 20, read() {} });
	const body = read(stream);
	await new Promise((resolve) => setImmediate(resolve));
	for (let chunk = 0; chunk < 10_000; chunk++) stream.push("x");
	stream.push(null);
	setImmediate(loop);
	assert.equal((await body).length, 10_000);
	isDone = true;
	assert.ok(loops < 100, `${loops} turns`);
});

test("the end of a stream waits for a last chunk that waits for memory", async () => {
	const stream = new Readable({ read() {} });
	for (const size of [20_000, 40_000]) stream.push("x".repeat(size));
	stream.push(null);
	const body = await collect(stream, {
		...{ declared: undefined, maxBytes, tooLarge },
		reserve: () => new Promise((resolve) => setTimeout(resolve, 5)),
	});
	assert.equal(body.length, 60_000);
});
