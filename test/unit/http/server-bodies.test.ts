import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { send } from "../../support/https.ts";
import { declaredOperations } from "../../support/reply-check.ts";
import { openWire, requestText } from "../../support/wire.ts";

const check = JSON.stringify({
	apikey: "",
	plugin_name: "check_exit",
	plugin_option: "2",
});
const answer = { return_value: 2, message: "exit 2 says hello\n" };

const monitor = (
	port: number,
	body: string | Buffer,
	headers: Record<string, string> = {},
) => send({ port, method: "POST", path: "/monitor", body, headers });

const detailOf = (json: unknown) =>
	String((json as { detail: unknown }).detail);

const nested = (levels: number, inner: string) =>
	"[".repeat(levels) + inner + "]".repeat(levels);

describe("a body", () => {
	for (const type of [
		undefined,
		"application/json",
		"application/x-www-form-urlencoded",
		"text/plain",
		"multipart/form-data; boundary=x",
		";;;bad",
		"application/json; charset=latin1",
		"",
	])
		it(`is JSON with Content-Type ${type}`, async (t) => {
			const { port } = await startTestAgent(t);
			const headers = type === undefined ? {} : { "content-type": type };
			const { status, json } = await monitor(port, check, headers);
			assert.equal(status, 200);
			assert.deepEqual(json, answer);
		});

	it("may be chunked, in many pieces", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port });
		wire.socket.write(
			requestText("POST /monitor", undefined, [
				"Transfer-Encoding: chunked",
				"Content-Type: ;;;bad",
			]),
		);
		for (const piece of check) wire.socket.write(`1\r\n${piece}\r\n`);
		wire.socket.write("0\r\nTrailer: x\r\n\r\n");
		const text = await wire.until(/\}$/);
		assert.match(text, /^HTTP\/1\.1 200 /);
		assert.ok(text.endsWith(JSON.stringify(answer)));
	});

	it("may come over HTTP/1.0, with and without Host: answered, then closed", async (t) => {
		const { port } = await startTestAgent(t);
		for (const host of ["Host: agent\r\n", ""]) {
			const wire = openWire(t, { port });
			wire.socket.write(
				`POST /monitor HTTP/1.0\r\n${host}Content-Length: ${check.length}\r\n\r\n${check}`,
			);
			const { text } = await wire.ended;
			assert.match(text, /^HTTP\/1\.[01] 200 /);
			assert.ok(text.endsWith(JSON.stringify(answer)));
		}
	});

	it("may be absent or null if the contract does not require one; otherwise 400", async (t) => {
		const { port } = await startTestAgent(t);
		for (const { method, path, body } of declaredOperations) {
			if (!body) continue;
			for (const sent of [undefined, "", "null", " null\n"]) {
				const { status, json } = await send({
					port,
					method,
					path,
					...(sent !== undefined && { body: sent }),
				});
				if (!body.required) assert.ok([200, 501].includes(status), path);
				else {
					assert.equal(status, 400, path);
					assert.equal(detailOf(json), "body: required");
				}
			}
		}
		assert.deepEqual(
			declaredOperations
				.filter(({ body }) => body && !body.required)
				.map(({ path }) => path),
			["/metric", "/commands", "/results", "/refusals"],
		);
	});
});

describe("a refused body", () => {
	const bytes = (...values: number[]) => Buffer.from(values);
	for (const [name, body] of [
		["trailing data", `${check} x`],
		["a second document", `${check}${check}`],
		["a trailing NUL", `${check}\0`],
		["a byte order mark", `\ufeff${check}`],
		["half a document", check.slice(0, -1)],
		["a form", "plugin_name=check_exit&plugin_option=2"],
		["UTF-16", Buffer.from(check, "utf16le")],
		["overlong UTF-8", Buffer.concat([bytes(0xc0, 0xaf), Buffer.from(check)])],
		["UTF-8 of a surrogate", bytes(0x22, 0xed, 0xa0, 0x80, 0x22)],
		["an array", `[${check}]`],
		["true", "true"],
		["a number", "5"],
		["a string", '"check_exit"'],
		["an empty string", '""'],
		["a string that holds JSON", JSON.stringify(check)],
		["NaN", '{"plugin_name":NaN}'],
		["a comment", `/* */${check}`],
		["single quotes", "{'plugin_name':'check_exit'}"],
	] as const)
		it(`${name}: 400 that names the body`, async (t) => {
			const { port } = await startTestAgent(t);
			const { status, json } = await monitor(port, body);
			assert.equal(status, 400);
			assert.match(detailOf(json), /^body: /);
			assert.doesNotMatch(detailOf(json), /nothing/);
		});

	it("NUL in a string or name: 400 that names the field, even deep ones", async (t) => {
		const { port } = await startTestAgent(t);
		for (const [body, field] of [
			['{"plugin_name":"check_exit\\u0000"}', "plugin_name"],
			['{"plugin_name":"x","plugin_option":"a\\u0000b"}', "plugin_option"],
			['{"plugin_name":"x","a":{"b":[1,{"c":"\\u0000"}]}}', "a.b[1].c"],
			['{"plugin_name":"x","a":[{"n\\u0000":1}]}', "a[0].n\\0"],
			['{"plugin_name":"x","__proto__":{"a":"\\u0000"}}', "__proto__.a"],
		] as const) {
			const { status, json } = await monitor(port, body);
			assert.equal(status, 400, body);
			assert.equal(detailOf(json), `${field}: contains a NUL character`);
		}
		// a backslash and five characters, not a NUL
		const written =
			'{"plugin_name":"check_args","plugin_option":"a\\\\\\\\u0000"}';
		const { json } = await monitor(port, written);
		assert.deepEqual(json, { return_value: 0, message: "[a\\u0000]\n" });
	});

	it("NUL cannot hide in a string of JSON", async (t) => {
		const { port } = await startTestAgent(t);
		const inner = '{"plugin_name":"check_args","plugin_option":"a\\u0000b"}';
		const { status } = await monitor(port, JSON.stringify(inner));
		assert.equal(status, 400);
	});

	it("NUL below thousands of levels: a short 400", async (t) => {
		const { port } = await startTestAgent(t);
		const { status, json } = await monitor(port, nested(2_000, '"\\u0000"'));
		assert.equal(status, 400);
		assert.ok(detailOf(json).length < 1000, `${detailOf(json).length}`);
	});
});

describe("odd but valid JSON", () => {
	it("lone surrogates reach the plugin as U+FFFD", async (t) => {
		const { port } = await startTestAgent(t);
		const { status, json } = await monitor(
			port,
			'{"plugin_name":"check_args","plugin_option":"\\ud800 \\udc00x"}',
		);
		assert.equal(status, 200);
		assert.deepEqual(json, {
			return_value: 0,
			message: "[\ufffd]\n[\ufffdx]\n",
		});
		const named = await monitor(port, '{"plugin_name":"\\udc00x"}');
		assert.equal(named.status, 200);
		assert.equal((named.json as { return_value: number }).return_value, 127);
	});

	for (const { method, path, body } of declaredOperations)
		if (body)
			it(`${path}: answers 100000 levels, and not with 500`, async (t) => {
				const { port } = await startTestAgent(t);
				const deep = nested(100_000, "");
				const objects = '{"a":'.repeat(100_000) + 1 + "}".repeat(100_000);
				for (const sent of [
					deep,
					objects,
					`{"unknown":${deep}}`,
					`{"plugin_name":"check_exit","plugin_option":"0","unknown":${objects}}`,
					`{"config":${deep}}`,
					`{"config":{"Metrics":${deep}}}`,
					`{"config":{},"unknown":${deep}}`,
					`{"metric_data":${deep}}`,
					`{"metric_data":[{"hostname":"a","timestamp":1,"metrics":${objects}}]}`,
				]) {
					const { status } = await send({ port, method, path, body: sent });
					assert.notEqual(status, 500, sent.slice(0, 60));
				}
				assert.equal((await send({ port })).text, "OK");
			});

	it("__proto__ and constructor are ordinary fields", async (t) => {
		const { port } = await startTestAgent(t);
		const traps =
			'"__proto__":{"plugin_name":"check_exit","polluted":1},"constructor":{"prototype":{"polluted":1}}';
		const without = await monitor(port, `{${traps}}`);
		assert.equal(without.status, 400);
		assert.equal(detailOf(without.json), "plugin_name: required");
		const ran = await monitor(port, `${check.slice(0, -1)},${traps}}`);
		assert.deepEqual(ran.json, answer);
		for (const path of ["/metric/config/update", "/metric", "/proxy"]) {
			await send({ port, method: "POST", path, body: `{${traps}}` });
			await send({
				port,
				method: "POST",
				path,
				body: `{"config":{${traps}},${traps}}`,
			});
		}
		assert.equal(({} as Record<string, unknown>).polluted, undefined);
		assert.equal((await send({ port })).text, "OK");
	});
});

describe("the limits of a body", () => {
	it("each operation accepts as much as it needs", async (t) => {
		const { port } = await startTestAgent(t);
		for (const { method, path, body } of declaredOperations) {
			if (!body) continue;
			const largest = body.maxBytes ?? 16 * 1024 * 1024;
			const padded = (bytes: number) => `{"pad":"${"x".repeat(bytes - 10)}"}`;
			const over = await send({
				port,
				method,
				path,
				body: padded(largest + 1),
			});
			assert.equal(over.status, 413, path);
			assert.equal(
				detailOf(over.json),
				`body: over the limit of ${largest} bytes${body.maxBytes ? "" : " (max-body-bytes)"}`,
			);
			const within = await send({ port, method, path, body: padded(largest) });
			assert.notEqual(within.status, 413, path);
		}
	});

	it("too many values and too long names are refused", async (t) => {
		const { port } = await startTestAgent(t);
		const many = "1,".repeat(200_000);
		for (const [body, why] of [
			[`{"a":[${many}1]}`, /more than \d+ values/],
			[`{"${"n".repeat(5_000)}":1}`, /a field's name is over 4096 bytes/],
		] as const) {
			const { status, json } = await monitor(port, body);
			assert.equal(status, 400);
			assert.match(detailOf(json), why);
		}
	});
});
