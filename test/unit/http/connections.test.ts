import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { send } from "../../support/https.ts";
import { openWire, requestText } from "../../support/wire.ts";

const denied = "127.0.0.2";

/** Opens a connection and keeps it, once it is served. */
async function hold(t: TestContext, port: number) {
	const wire = openWire(t, { port });
	await wire.opened;
	return wire;
}

describe("handshakes", () => {
	it("of one client that stall do not delay other clients", async (t) => {
		const { port } = await startTestAgent(t, {
			"allowed-hosts": ["127.0.0.0/8"],
			"handshake-timeout-seconds": 60,
		});
		// only the first byte of a handshake
		const stalled = Array.from({ length: 60 }, () =>
			openWire(t, { port, plain: true, localAddress: "127.0.0.2" }),
		);
		for (const { socket } of stalled) socket.write("\x16");
		await Promise.all(stalled.map(({ opened }) => opened));
		const own = openWire(t, { port, localAddress: "127.0.0.2" });
		own.socket.write(requestText("GET /"));
		await (await hold(t, port)).socket.end();
		// the client's places are taken, so its next connection waits
		assert.equal(own.text(), "");
		for (const { socket } of stalled.slice(0, 50)) socket.destroy();
		await own.until(/OK$/);
	});
});

it("clients that connect from the same port at the same time are told apart", async (t) => {
	const { port } = await startTestAgent(t);
	const localPort = await freePort();
	const answers = await Promise.all(
		["127.0.0.1", denied, "127.0.0.3"].map((localAddress) =>
			send({ port, localAddress, localPort }),
		),
	);
	assert.deepEqual(
		answers.map(({ status }) => status),
		[200, 403, 403],
	);
});

describe("max-connections", () => {
	it("a connection above it waits, and is served when another ends", async (t) => {
		const { port, lines } = await startTestAgent(t, { "max-connections": 2 });
		const first = await hold(t, port);
		await hold(t, port);
		const third = openWire(t, { port });
		third.socket.write(requestText("GET /"));
		await eventually("it waits", () => /waiting/.test(lines.join("\n")));
		assert.equal(third.text(), "");
		first.socket.end();
		await third.until(/OK$/);
		assert.match(lines.join("\n"), /warning 2 connections .*max-connections/);
	});

	it("waiting connections are served in order", async (t) => {
		const { port, lines } = await startTestAgent(t, { "max-connections": 1 });
		const first = await hold(t, port);
		const order: number[] = [];
		const rest: Promise<unknown>[] = [];
		for (const number of [1, 2, 3, 4]) {
			const wire = openWire(t, { port });
			wire.socket.write(requestText("GET /", undefined, ["Connection: close"]));
			wire.opened.then(
				() => order.push(number),
				() => {},
			);
			rest.push(wire.until(/OK$/));
			// the kernel accepts connections in the order in which they were made
			await eventually("connected", () => wire.socket.bytesWritten > 0);
		}
		await eventually("they wait", () => /waiting/.test(lines.join("\n")));
		first.socket.end();
		await Promise.all(rest);
		assert.deepEqual(order, [1, 2, 3, 4]);
	});

	it("waits no longer than connection-wait-seconds", async (t) => {
		const { port } = await startTestAgent(t, {
			"max-connections": 1,
			"connection-wait-seconds": 1,
		});
		const first = await hold(t, port);
		const waited = openWire(t, { port });
		waited.socket.write(requestText("GET /"));
		const { text, milliseconds } = await waited.ended;
		assert.equal(text, "");
		assert.ok(milliseconds > 900 && milliseconds < 5_000, `${milliseconds}`);
		// the served one is still served
		first.socket.write(requestText("GET /"));
		await first.until(/OK$/);
	});

	it("a connection that closes while waiting takes no place", async (t) => {
		const { port } = await startTestAgent(t, { "max-connections": 1 });
		const first = await hold(t, port);
		for (let n = 0; n < 5; n++) {
			const gone = openWire(t, { port, plain: true });
			await gone.opened;
			gone.socket.destroy();
		}
		const last = openWire(t, { port });
		last.socket.write(requestText("GET /"));
		first.socket.end();
		await last.until(/OK$/);
	});

	it("gives places back however a connection ends", async (t) => {
		const { port } = await startTestAgent(t, { "max-connections": 1 });
		for (const end of [
			"destroy",
			"reset",
			"garbage",
			"nonsense",
			"half a body",
			"answered",
		]) {
			const plain = end === "garbage";
			const wire = openWire(t, { port, plain });
			await wire.opened;
			if (end === "reset") wire.reset();
			else if (end === "answered")
				wire.socket.end(requestText("GET /", undefined, ["Connection: close"]));
			else if (plain || end === "nonsense")
				wire.socket.write("garbage\r\n\r\n");
			else if (end === "half a body") {
				wire.socket.write(
					requestText("POST /monitor", undefined, ["Content-Length: 99"]),
				);
				wire.socket.write("{", () => wire.socket.destroy());
			} else wire.socket.destroy();
			await wire.ended;
			assert.equal((await send({ port })).text, "OK", end);
		}
	});
});

describe("denied peers", () => {
	it("take no places of others, and are disconnected after about five seconds", async (t) => {
		const { port } = await startTestAgent(t, { "max-connections": 2 });
		const silent = Array.from({ length: 20 }, () =>
			openWire(t, { port, plain: true, localAddress: denied }),
		);
		await Promise.all(silent.map(({ opened }) => opened));
		const from = performance.now();
		const answers = await Promise.all([send({ port }), send({ port })]);
		assert.deepEqual(
			answers.map(({ text }) => text),
			["OK", "OK"],
		);
		assert.ok(performance.now() - from < 3_000);
		const ends = await Promise.all(silent.map(({ ended }) => ended));
		const times = ends.map(({ milliseconds }) => milliseconds);
		const held = times.filter((time) => time > 4_000);
		// above the limit they are disconnected at once
		assert.equal(held.length, 16, `${times}`);
		assert.ok(Math.max(...times) < 9_000, `${times}`);
		const next = await send({ port, localAddress: denied });
		assert.equal(next.text, "Access Denied\n");
	});

	it("cannot get more time with requests", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port, localAddress: denied });
		const again = setInterval(
			() => wire.socket.write(requestText("GET /")),
			200,
		);
		const { text, milliseconds } = await wire.ended;
		clearInterval(again);
		assert.match(text, /^HTTP\/1\.1 403 /);
		assert.ok(milliseconds < 9_000, `${milliseconds}`);
	});

	it("get the 403 before a large body is read, with one line in the log", async (t) => {
		const { port, lines } = await startTestAgent(t);
		const wire = openWire(t, { port, localAddress: denied });
		wire.socket.write(
			requestText("POST /monitor", undefined, ["Content-Length: 900000000"]),
		);
		wire.socket.write('{"plugin_name":"');
		const text = await wire.until(/Access Denied\n$/);
		assert.match(text, /^HTTP\/1\.1 403 [\s\S]*text\/plain/);
		assert.deepEqual(
			lines.filter((line) => /^error .*denied/i.test(line)),
			[`error Access Denied RemoteAddr=${denied}`],
		);
		wire.socket.destroy();
		// complete requests are answered too
		const sent = await send({
			port,
			method: "POST",
			path: "/monitor",
			body: "x".repeat(5_000_000),
			localAddress: denied,
		});
		assert.equal(sent.status, 403);
	});

	it("are denied on every path and method, even invalid ones", async (t) => {
		const { port } = await startTestAgent(t);
		for (const method of ["GET", "POST", "PUT", "HEAD"])
			for (const path of ["/", "/monitor", "/nothing", "//"]) {
				const { status, text } = await send({
					port,
					method,
					path,
					localAddress: denied,
				});
				assert.equal(status, 403, `${method} ${path}`);
				assert.equal(text, method === "HEAD" ? "" : "Access Denied\n");
			}
		const badEscape = await send({ port, path: "/%zz", localAddress: denied });
		assert.equal(badEscape.status, 403);
	});

	it("are served if allowed-hosts has them", async (t) => {
		const { port } = await startTestAgent(t, {
			"allowed-hosts": ["127.0.0.0/30"],
		});
		assert.equal((await send({ port, localAddress: denied })).text, "OK");
		const other = await send({ port, localAddress: "127.0.0.4" });
		assert.equal(other.status, 403);
	});
});

describe("clients share the connections", () => {
	it("closes an idle connection of the client that has most", async (t) => {
		const { port } = await startTestAgent(t, {
			"max-connections": 4,
			"allowed-hosts": ["127.0.0.0/8"],
		});
		const greedy = [];
		for (let n = 0; n < 4; n++) greedy.push(await hold(t, port));
		// one of them is busy, so it stays
		const [busy] = greedy;
		busy?.socket.write(
			requestText(
				"POST /monitor",
				JSON.stringify({ plugin_name: "check_sleep", plugin_option: "2" }),
			),
		);
		const other = openWire(t, { port, localAddress: "127.0.0.3" });
		other.socket.write(requestText("GET /"));
		await other.until(/OK$/);
		await busy?.until(/slept 2/);
	});
});
