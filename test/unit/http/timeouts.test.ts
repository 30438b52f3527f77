import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { send } from "../../support/https.ts";
import { type Ended, openWire, requestText } from "../../support/wire.ts";

const second = {
	"handshake-timeout-seconds": 1,
	"headers-timeout-seconds": 1,
	"request-timeout-seconds": 1,
	"idle-timeout-seconds": 1,
};

/** Node checks the timeouts once a second, and adds a second to the idle time. */
function assertAboutASecond({ milliseconds }: Ended) {
	assert.ok(milliseconds > 900, `${milliseconds} ms`);
	assert.ok(milliseconds < 6_000, `${milliseconds} ms`);
}

/** The first bytes of a TLS ClientHello. */
const halfHello = Buffer.from("160301020001000001fc0303", "hex");

describe("timeouts", { concurrency: true }, () => {
	for (const [name, bytes] of [
		["silent TCP", ""],
		["half a ClientHello", halfHello],
	] as const)
		it(`${name}: closed, and its place given back`, async (t) => {
			const { port } = await startTestAgent(t, {
				...second,
				"max-connections": 1,
			});
			const wire = openWire(t, { port, plain: true });
			wire.socket.write(bytes);
			assertAboutASecond(await wire.ended);
			assert.equal((await send({ port })).text, "OK");
		});

	for (const [name, bytes] of [
		["TLS without a request", ""],
		["half a request line", "GET /"],
		["half a header", "GET / HTTP/1.1\r\nHost: a"],
		["half a body", requestText("POST /monitor", "{").replace("h: 1", "h: 9")],
		[
			"half a chunk",
			`${requestText("POST /monitor", undefined, ["Transfer-Encoding: chunked"])}9\r\n{`,
		],
	] as const)
		it(`${name}: 408, then closed`, async (t) => {
			const { port } = await startTestAgent(t, {
				...second,
				"max-connections": 1,
			});
			const wire = openWire(t, { port });
			wire.socket.write(bytes);
			const ended = await wire.ended;
			assertAboutASecond(ended);
			assert.match(ended.text, /^HTTP\/1\.1 408 /);
			assert.match(ended.text, /application\/problem\+json/);
			assert.match(ended.text, /"status":408/);
			assert.equal((await send({ port })).text, "OK");
		});

	it("a trickling body gets no more than request-timeout-seconds", async (t) => {
		const { port } = await startTestAgent(t, second);
		const wire = openWire(t, { port });
		wire.socket.write(
			requestText("POST /monitor", undefined, ["Content-Length: 999"]),
		);
		const trickle = setInterval(() => wire.socket.write(" "), 100);
		const ended = await wire.ended;
		clearInterval(trickle);
		assertAboutASecond(ended);
		assert.match(ended.text, /^HTTP\/1\.1 408 /);
	});

	it("closes an idle connection after its last answer", async (t) => {
		const { port } = await startTestAgent(t, second);
		const wire = openWire(t, { port });
		wire.socket.write(requestText("GET /"));
		const ended = await wire.ended;
		assertAboutASecond(ended);
		assert.match(ended.text, /OK$/);
	});

	it("answers a check that takes longer than all of them", async (t) => {
		const { port } = await startTestAgent(t, second);
		const { status, json } = await send({
			port,
			method: "POST",
			path: "/monitor",
			body: '{"plugin_name":"check_sleep","plugin_option":"4"}',
		});
		assert.equal(status, 200);
		assert.equal((json as { return_value: number }).return_value, 0);
	});

	it("a client that never closes its side still loses its place", async (t) => {
		const { port } = await startTestAgent(t, {
			...second,
			"max-connections": 1,
		});
		for (const bytes of ["", "nonsense\r\n\r\n"]) {
			const wire = openWire(t, { port, allowHalfOpen: true });
			wire.socket.write(bytes);
			assert.match((await wire.ended).text, /^HTTP\/1\.1 4/);
			const next = await send({ port });
			assert.equal(next.text, "OK");
		}
	});

	it("request-timeout-seconds may be lower than headers-timeout-seconds", async (t) => {
		const { port } = await startTestAgent(t, {
			"request-timeout-seconds": 1,
		});
		const wire = openWire(t, { port });
		wire.socket.write("GET / HT");
		assertAboutASecond(await wire.ended);
	});
});

describe("invalid requests", () => {
	it("headers above 16 KiB are 431, even many small ones", async (t) => {
		const { port } = await startTestAgent(t);
		const large = [`X: ${"x".repeat(20_000)}`];
		const many = Array.from({ length: 2_000 }, (_, n) => `X-${n}: ${n}`);
		for (const headers of [large, many]) {
			const wire = openWire(t, { port });
			wire.socket.write(requestText("GET /", undefined, headers));
			const { text } = await wire.ended;
			assert.match(text, /^HTTP\/1\.1 431 /);
			assert.match(text, /application\/problem\+json[\s\S]*"status":431/);
		}
		const line = openWire(t, { port });
		line.socket.write(requestText(`GET /${"x".repeat(20_000)}`));
		assert.match((await line.ended).text, /^HTTP\/1\.1 4(14|31) /);
		const below = openWire(t, { port });
		below.socket.write(
			requestText("GET /", undefined, [`X: ${"x".repeat(15_000)}`]),
		);
		await below.until(/OK$/);
	});

	it("garbage on the TLS port is disconnected without an answer, and the server goes on", async (t) => {
		const { port, lines } = await startTestAgent(t, second);
		for (const bytes of [
			"garbage garbage garbage\r\n\r\n",
			"SSH-2.0-OpenSSH_9.2\r\n",
			"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
			"POSTGRES\r\n",
			Buffer.alloc(70_000, 0xff),
			Buffer.from("8080010301005700000010", "hex"),
			Buffer.from("15030100020228", "hex"),
		]) {
			const wire = openWire(t, { port, plain: true });
			wire.socket.write(bytes);
			const { text, milliseconds } = await wire.ended;
			assert.doesNotMatch(text, /HTTP/);
			assert.ok(milliseconds < 6_000, `${milliseconds} ms`);
			assert.equal((await send({ port })).text, "OK");
		}
		assert.doesNotMatch(lines.join("\n"), /^error /m);
	});

	it("a connection that is reset at any point does no harm", async (t) => {
		const { port, lines } = await startTestAgent(t);
		for (const bytes of ["", "GET / HT", requestText("GET /")])
			for (const plain of [true, false]) {
				const wire = openWire(t, { port, plain });
				await wire.opened;
				wire.socket.write(bytes);
				wire.reset();
				await wire.ended;
			}
		assert.equal((await send({ port })).text, "OK");
		assert.doesNotMatch(lines.join("\n"), /^error /m);
	});
});
