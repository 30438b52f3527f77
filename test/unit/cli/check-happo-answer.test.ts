import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
	createAnswerReader,
	HttpAnswerError,
} from "../../../cli/check-happo/http-answer.ts";

const latin = (text: string) => Buffer.from(text, "latin1");

/** Reads an answer from these pieces; undefined while it is incomplete. */
function read(pieces: readonly Buffer[], maxBodyBytes?: number) {
	const reader = createAnswerReader(maxBodyBytes);
	for (const piece of pieces) {
		const answer = reader.push(piece);
		if (answer) return { status: answer.status, body: answer.body };
	}
	const { status, body } = reader.end();
	return { status, body };
}

/** Cuts bytes at these positions, which may be beyond their end. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
	const sorted = places.map((place) => place % (bytes.length + 1));
	sorted.sort((a, b) => a - b);
	return [0, ...sorted].map((from, index) =>
		bytes.subarray(from, sorted[index] ?? bytes.length),
	);
}

const bodies = fc
	.uint8Array({ maxLength: 300 })
	.map((bytes) => Buffer.from(bytes));
const places = fc.array(fc.nat(), { maxLength: 12 });

const head = (...headers: string[]) =>
	latin(["HTTP/1.1 200 OK", ...headers, "", ""].join("\r\n"));

/** A body in chunks that end at these positions. */
const chunked = (body: Buffer, ends: readonly number[]) =>
	Buffer.concat([
		...cut(body, ends)
			.filter(({ length }) => length > 0)
			.flatMap((chunk) => [
				latin(`${chunk.length.toString(16)} ;x="y"\r\n`),
				chunk,
				latin("\r\n"),
			]),
		latin("0\r\nA: b\r\n\r\n"),
	]);

describe("an HTTP answer", () => {
	it("is the same however it is cut into pieces", () =>
		fc.assert(
			fc.property(bodies, places, places, (body, ends, cuts) => {
				for (const [before, bytes] of [
					[head(`content-LENGTH:\t${body.length} `), body],
					[
						head("Transfer-Encoding: Chunked", "Content-Length: 5"),
						chunked(body, ends),
					],
					[head("Connection: close"), body],
					[
						Buffer.concat([latin("HTTP/1.1 100 Continue\r\n\r\n"), head()]),
						body,
					],
				] as const) {
					const whole = Buffer.concat([before, bytes]);
					assert.deepEqual(read(cut(whole, cuts)), { status: 200, body });
				}
			}),
		));

	it("is an error if it is cut short anywhere", () =>
		fc.assert(
			fc.property(bodies, places, fc.nat(), (body, ends, place) => {
				for (const whole of [
					Buffer.concat([head(`Content-Length: ${body.length + 1}`), body]),
					Buffer.concat([
						head("Transfer-Encoding: chunked"),
						chunked(body, ends),
					]),
				]) {
					const short = whole.subarray(0, place % whole.length);
					assert.throws(() => read([short]), HttpAnswerError);
				}
			}),
		));

	it("arbitrary bytes give an answer or an HttpAnswerError", () =>
		fc.assert(
			fc.property(
				fc.string({ unit: "binary" }),
				fc.boolean(),
				(text, isBody) => {
					const start = isBody
						? head("Transfer-Encoding: chunked")
						: latin("HTTP/1.1 ");
					try {
						read([Buffer.concat([start, Buffer.from(text)])]);
					} catch (error) {
						assert.ok(error instanceof HttpAnswerError, String(error));
					}
				},
			),
			{ numRuns: 1000 },
		));

	it("has size limits", () => {
		const sized = [head("Content-Length: 11"), latin("0123456789")];
		assert.throws(() => read([...sized, latin("a")], 10), /over 10 bytes/);
		const lines = Array<Buffer>(70_000).fill(latin("A: b\r\n"));
		const isOver = /headers of over 65536 bytes/;
		assert.throws(() => read([latin("HTTP/1.1 200 OK\r\n"), ...lines]), isOver);
		assert.throws(
			() =>
				read([head("Transfer-Encoding: chunked"), latin("0\r\n"), ...lines]),
			isOver,
		);
		assert.throws(
			() => read(Array(70_000).fill(latin("HTTP/1.1 100 Continue\r\n\r\n"))),
			isOver,
		);
		assert.throws(
			() =>
				read([head("Transfer-Encoding: chunked"), latin("1".repeat(70_000))]),
			isOver,
		);
	});

	it("is read fast even in a million pieces", () => {
		const body = Buffer.alloc(1_000_000, "x");
		const pieces = Array.from(body, () => latin("1\r\nx\r\n"));
		const whole = [
			head("Transfer-Encoding: chunked"),
			...pieces,
			latin("0\r\n\r\n"),
		];
		const began = performance.now();
		assert.deepEqual(read(whole), { status: 200, body });
		assert.ok(performance.now() - began < 10_000);
	});

	for (const text of [
		"HTTP/1.1 200 OK\n\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/3.1 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	])
		it(`${JSON.stringify(text)} is not an HTTP answer`, () => {
			assert.throws(() => read([latin(text)]), HttpAnswerError);
		});
});
