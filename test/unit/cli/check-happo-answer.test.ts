import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { TLSSocket } from "node:tls";
import fc from "fast-check";
import { exchange } from "../../../cli/check-happo/exchange.ts";
import { checkRequest } from "../../../cli/check-happo/request.ts";
import { answeringRaw, type RawServer } from "../../support/check-happo.ts";
import { createScope } from "../../support/scope.ts";

const latin = (text: string) => Buffer.from(text, "latin1");

const scope = createScope();
let server: RawServer;
/** How the server answers the next request. */
let answer: (socket: TLSSocket) => void;
before(async () => {
	server = await answeringRaw(scope, (socket) => answer(socket));
});
after(() => scope.end());

/** Has the server answer with these pieces, each in a TLS record, and close the connection. */
const answerWith = (pieces: readonly Buffer[]) => {
	answer = (socket) => {
		for (const piece of pieces) if (piece.length > 0) socket.write(piece);
		socket.end();
	};
};

/** Reads an answer of these pieces. */
async function read(...pieces: readonly Buffer[]) {
	answerWith(pieces);
	const { port } = server;
	const { status, body } = await exchange(
		checkRequest({
			target: { host: "127.0.0.1", port, text: `127.0.0.1:${port}` },
			proxies: [],
			plugin: "x",
			option: "",
		}),
		{ caFile: undefined, fingerprint: undefined },
		30_000,
		undefined,
	);
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
				latin(`${chunk.length.toString(16)};x="y"\r\n`),
				chunk,
				latin("\r\n"),
			]),
		latin("0\r\nA: b\r\n\r\n"),
	]);

describe("an HTTP answer", () => {
	it("is the same however it is cut into pieces", () =>
		fc.assert(
			fc.asyncProperty(bodies, places, places, async (body, ends, cuts) => {
				for (const [before, bytes] of [
					[head(`content-LENGTH:\t${body.length} `), body],
					[head("Transfer-Encoding: Chunked"), chunked(body, ends)],
					[head("Connection: close"), body],
					[
						Buffer.concat([latin("HTTP/1.1 100 Continue\r\n\r\n"), head()]),
						body,
					],
				] as const) {
					const whole = Buffer.concat([before, bytes]);
					const pieces = cut(whole, cuts);
					assert.deepEqual(await read(...pieces), { status: 200, body });
				}
			}),
		));

	it("is an error if it is cut short anywhere", () =>
		fc.assert(
			fc.asyncProperty(bodies, places, fc.nat(), async (body, ends, place) => {
				for (const whole of [
					Buffer.concat([head(`Content-Length: ${body.length + 1}`), body]),
					Buffer.concat([
						head("Transfer-Encoding: chunked"),
						chunked(body, ends),
					]),
				]) {
					const short = whole.subarray(0, place % whole.length);
					await assert.rejects(read(short), {
						name: "RelayError",
						message:
							/: closed (without an answer|before the answer was complete)$/,
					});
				}
			}),
		));

	it("arbitrary bytes give an answer or an error that names the agent", () =>
		fc.assert(
			fc.asyncProperty(
				fc.string({ unit: "binary" }),
				fc.boolean(),
				async (text, isBody) => {
					const start = isBody
						? head("Transfer-Encoding: chunked")
						: latin("HTTP/1.1 ");
					try {
						await read(start, Buffer.from(text));
					} catch (error) {
						assert.match(
							String(error),
							/^RelayError: 127\.0\.0\.1:\d+: (the answer is not HTTP|the answer has an unexpected transfer coding: .*|closed before the answer was complete)$/,
						);
					}
				},
			),
			{ numRuns: 300 },
		));

	it("of a refusal has what arrived in front of an error", async () => {
		const refusal = latin(
			"HTTP/1.1 500 x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwhy\r\n",
		);
		for (const rest of ["no number\r\n", "5\r\n", ""])
			for (const pieces of [
				[refusal, latin(rest)],
				[Buffer.concat([refusal, latin(rest)])],
			])
				assert.deepEqual(await read(...pieces), {
					status: 500,
					body: latin("why"),
				});
	});

	it("has size limits", async () => {
		const isOver = /: the answer has headers of over 65536 bytes$/;
		const lines = Buffer.concat(Array<Buffer>(70_000).fill(latin("A: b\r\n")));
		const inChunks = head("Transfer-Encoding: chunked");
		await assert.rejects(read(latin("HTTP/1.1 200 OK\r\n"), lines), isOver);
		await assert.rejects(read(inChunks, latin("0\r\n"), lines), isOver);
		const interim = latin("HTTP/1.1 100 Continue\r\n\r\n");
		await assert.rejects(
			read(Buffer.concat(Array<Buffer>(70_000).fill(interim))),
			isOver,
		);
		await assert.rejects(
			read(inChunks, latin(`1;${"x".repeat(70_000)}`)),
			isOver,
		);
		await assert.rejects(
			read(inChunks, latin("1".repeat(70_000))),
			/: the answer is not HTTP$/,
		);
		const mebibyte = Buffer.alloc(2 ** 20, "x");
		const largest = Array<Buffer>(64).fill(mebibyte);
		assert.equal((await read(head(), ...largest)).body.length, 2 ** 26);
		await assert.rejects(
			read(head(), ...largest, latin("x")),
			/: the answer is over 67108864 bytes$/,
		);
	});

	it("is read fast even in a million pieces", async () => {
		const body = Buffer.alloc(1_000_000, "x");
		const pieces = Buffer.from("1\r\nx\r\n".repeat(body.length));
		const began = performance.now();
		assert.deepEqual(
			await read(
				head("Transfer-Encoding: chunked"),
				pieces,
				latin("0\r\n\r\n"),
			),
			{ status: 200, body },
		);
		assert.ok(performance.now() - began < 10_000);
	});

	for (const text of [
		"HTTP/1.1 200 OK\n\n",
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/3.1 200 OK\r\n\r\n",
		"HTTP/2.0 200 OK\r\n\r\n",
		"HTTP/0.9 200 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nab",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
	])
		it(`${JSON.stringify(text)} is not an HTTP answer`, async () => {
			await assert.rejects(read(latin(text)), /: the answer is not HTTP$/);
		});
});
