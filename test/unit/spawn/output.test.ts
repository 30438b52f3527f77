import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { streamPipe } from "../../../src/spawn/output.ts";

/** An output that always has more data. */
function loudOutput(pieces: number, onRead: () => void) {
	let left = pieces;
	return new Readable({
		highWaterMark: 1,
		read() {
			onRead();
			this.push(left-- > 0 ? "x" : null);
		},
	});
}

test("reads a few of many loud outputs in each turn of the event loop, and all to their end", async () => {
	let reads = 0;
	let most = 0;
	let loops = 0;
	let isDone = false;
	const loop = () => {
		// the first chunks are read at once
		if (++loops > 3) most = Math.max(most, reads);
		reads = 0;
		if (!isDone) setImmediate(loop);
	};
	loop();
	const lengths = await Promise.all(
		Array.from(
			{ length: 64 },
			() =>
				new Promise<number>((resolve) => {
					let length = 0;
					const stream = loudOutput(100, () => reads++);
					streamPipe(stream).listen(
						(chunk) => {
							length += chunk.length;
						},
						() => resolve(length),
					);
				}),
		),
	);
	isDone = true;
	assert.deepEqual(new Set(lengths), new Set([100]));
	assert.ok(most <= 64, `${most} reads in one turn`);
	assert.ok(loops > 64 * (100 / 16) - 10, `${loops} turns`);
});
