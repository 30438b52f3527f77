import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
	checkBody,
	checkFrame,
	createFrameReader,
	FrameError,
	frameBytes,
	resultBody,
} from "../../../../cli/broker/frame.ts";

const byte = fc.integer({ min: 0, max: 255 });
const frame = fc
	.tuple(
		byte,
		byte,
		fc.integer({ min: 0, max: 0xffff_ffff }),
		fc.uint8Array({ maxLength: 100 }),
	)
	.map(([version, kind, id, body]) => ({
		...{ version, kind, id },
		body: Buffer.from(body),
	}));

describe("frames", () => {
	it("are the bytes that the protocol says", () =>
		assert.equal(
			frameBytes({ kind: 17, id: 258, body: resultBody(2, "W\n") }).toString(
				"hex",
			),
			"00000009" + "01" + "11" + "00000102" + "02570a",
		));

	it("arrive however the connection cuts them", () =>
		fc.assert(
			fc.property(
				fc.array(frame, { maxLength: 5 }),
				fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }),
				(frames, cuts) => {
					const bytes = Buffer.concat(frames.map(frameBytes));
					const reader = createFrameReader(1_000);
					const read = [];
					for (let at = 0, n = 0; at < bytes.length; n++) {
						const end = at + (cuts[n % cuts.length] ?? 1);
						read.push(...reader.push(bytes.subarray(at, end)));
						at = end;
					}
					assert.deepEqual(read, frames);
					assert.equal(reader.isInFrame, false);
				},
			),
		));

	it("of a wrong length end the connection before they are read", () => {
		for (const head of [
			"00000005",
			"00000000",
			"000003e9",
			"ffffffff",
			Buffer.from("GET /metrics HTTP/1.1").toString("hex"),
		])
			assert.throws(
				() => createFrameReader(1_000).push(Buffer.from(head, "hex")),
				FrameError,
				head,
			);
	});

	it("in pieces of one byte are read in a moment", () => {
		const reader = createFrameReader(300_000);
		const bytes = frameBytes({ kind: 1, id: 1, body: Buffer.alloc(250_000) });
		let frames = 0;
		for (let at = 0; at < bytes.length; at++)
			frames += reader.push(bytes.subarray(at, at + 1)).length;
		assert.equal(frames, 1);
	});
});

describe("the body of a check", () => {
	it("has the time left and the arguments", () => {
		const check = {
			millisecondsLeft: 0xffff_fff0,
			words: ["--host=web01", "--plugin-option=-w 'ü' \n", "--port="],
		};
		assert.deepEqual(checkFrame(checkBody(check)), check);
	});

	it("is none without time, without arguments or without an end", () => {
		for (const body of ["", "00000001", "0000000061", "0000000161", "61"])
			assert.equal(checkFrame(Buffer.from(body, "hex")), undefined, body);
		assert.equal(
			checkFrame(checkBody({ millisecondsLeft: 0, words: ["a"] })),
			undefined,
		);
	});
});
