import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { inSlices, sliceBytes } from "../../src/slices.ts";

for (const length of [
	sliceBytes + 1,
	2 * sliceBytes,
	10 * sliceBytes - 1,
] as const)
	test(`${length} bytes: slices in turn, the end together with the last one`, async () => {
		const bytes = Buffer.from(
			Array.from({ length }, (_, index) => index % 251),
		);
		const slices: Buffer[] = [];
		let waiting = 0;
		const output = new Writable({
			highWaterMark: 1,
			write(chunk: Buffer, _encoding, written) {
				slices.push(chunk);
				waiting++;
				setImmediate(() => {
					waiting--;
					const isLast = Buffer.concat(slices).length === length;
					assert.equal(output.writableEnded, isLast);
					assert.equal(waiting, 0);
					written();
				});
			},
		});
		await new Promise((resolve, reject) => {
			output.once("finish", resolve).once("error", reject);
			inSlices(bytes).pipe(output);
		});
		assert.ok(Buffer.concat(slices).equals(bytes));
		assert.ok(slices.every((slice) => slice.length <= sliceBytes));
	});
