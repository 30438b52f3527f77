import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import { collect, discard } from "../../src/collect.ts";
import { eventually } from "../support/eventually.ts";

const maxBytes = 100_000;
const tooLarge = () => new Error("too large");
const read = (stream: Readable) =>
	collect(stream, { declared: undefined, maxBytes, tooLarge });

/**
 * A stream with endless data from a socket, in chunks of one byte that each cost `wireBytes`. It
 * goes on until the socket is paused.
 */
function alwaysReady(
	pieces: number,
	{ wireBytes = 1, onRead = () => {} } = {},
): Readable {
	let left = pieces;
	let isPaused = false;
	let isWanted = false;
	const give = () => {
		if (isPaused || !isWanted) return;
		isWanted = false;
		onRead();
		socket.bytesRead += wireBytes;
		stream.push(left-- > 0 ? "x" : null);
	};
	const socket = {
		bytesRead: 0,
		pause: () => {
			isPaused = true;
		},
		resume: () => {
			isPaused = false;
			give();
		},
	};
	const stream = new Readable({
		highWaterMark: 1,
		read() {
			isWanted = true;
			give();
		},
	});
	return Object.assign(stream, { socket: socket as unknown as Socket });
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

test("takes one-byte chunks that a socket has read as they come, without keeping them in the stream", async () => {
	const stream = new Readable({ highWaterMark: 1 << 20, read() {} });
	const socket = { bytesRead: 0, pause: () => {}, resume: () => {} };
	Object.assign(stream, { socket });
	const body = read(stream);
	await new Promise((resolve) => setImmediate(resolve));
	const push = () => {
		let kept = 0;
		for (let chunk = 0; chunk < 5_000; chunk++) {
			socket.bytesRead += 6;
			stream.push("x");
			kept = Math.max(kept, stream.readableLength);
		}
		return kept;
	};
	// only then is it known to be costly
	push();
	await eventually("the stream is read", () => stream.readableLength === 0);
	assert.equal(push(), 0);
	stream.push(null);
	assert.equal((await body).length, 10_000);
});

test("drops unwanted data of many streams a few at a time, all to their end", async () => {
	let reads = 0;
	let most = 0;
	let ended = 0;
	for (let stream = 0; stream < 50; stream++) {
		const unwanted = alwaysReady(20, { onRead: () => reads++ });
		unwanted.once("end", () => ended++);
		discard(unwanted);
	}
	// each socket's first chunk comes before it waits for its turn
	await new Promise((resolve) => setImmediate(resolve));
	await new Promise((resolve) => setImmediate(resolve));
	while (ended < 50) {
		reads = 0;
		await new Promise((resolve) => setImmediate(resolve));
		most = Math.max(most, reads);
	}
	assert.ok(most <= 12, `${most} reads in one turn`);
});

test("keeps the order of chunks that wait for memory in a costly stream", async () => {
	const stream = new Readable({ highWaterMark: 1 << 20, read() {} });
	const socket = { bytesRead: 0, pause: () => {}, resume: () => {} };
	Object.assign(stream, { socket });
	const body = collect(stream, {
		...{ declared: undefined, maxBytes, tooLarge },
		reserve: () => new Promise((resolve) => setTimeout(resolve, 5)),
	});
	let sent = "";
	for (let burst = 0; burst < 10; burst++) {
		for (let chunk = 0; chunk < 5_000; chunk++) {
			const letter = String.fromCharCode(97 + (sent.length % 26));
			socket.bytesRead += 6;
			stream.push(letter);
			sent += letter;
		}
		await new Promise((resolve) => setTimeout(resolve, 3));
	}
	stream.push(null);
	assert.equal(String(await body), sent);
});
