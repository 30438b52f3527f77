import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { send } from "../../support/https.ts";
import { openWire, requestText } from "../../support/wire.ts";

const run = promisify(execFile);

const answer =
	/^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\r\nconnection: close\r\n\r\nClient sent an HTTP request to an HTTPS server\. Use https:\/\/\n$/;

const isRefusal = (line: string) => /plain HTTP/.test(line);

describe("plain HTTP on the TLS port", () => {
	it("is answered with a 400 that recommends https, for every method", async (t) => {
		const { port, lines } = await startTestAgent(t);
		const methods =
			"GET POST HEAD PUT DELETE OPTIONS PATCH CONNECT TRACE".split(" ");
		for (const method of methods) {
			const wire = openWire(t, { port, plain: true });
			wire.socket.write(requestText(`${method} /`));
			assert.match((await wire.ended).text, answer, method);
		}
		// one line for each, at a level that is off by default
		assert.deepEqual(
			lines.filter(isRefusal),
			methods.map(
				() =>
					"info TLS handshake with 127.0.0.1: plain HTTP, answered with 400",
			),
		);
		assert.doesNotMatch(lines.join("\n"), /^(warning|error) .*(400|TLS)/m);
	});

	it("is answered when the method arrives byte by byte", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port, plain: true });
		await wire.opened;
		wire.socket.setNoDelay(true);
		for (const letter of "OPTIONS ") {
			wire.socket.write(letter);
			await new Promise(setImmediate);
		}
		assert.match((await wire.ended).text, answer);
	});

	it("is answered, not reset, while a large body is still arriving; its place is given back", async (t) => {
		const { port } = await startTestAgent(t, { "max-connections": 1 });
		const body = "x".repeat(8_000_000);
		const wire = openWire(t, { port, plain: true, allowHalfOpen: true });
		const isSent = new Promise<Error | null | undefined>((resolve) =>
			wire.socket.write(requestText("POST /metric/append", body), resolve),
		);
		const error = await isSent;
		assert.ok(!error, `${error}`);
		// the client does not close its side, but loses its place
		assert.match((await wire.ended).text, answer);
		assert.equal((await send({ port })).text, "OK");
	});

	it("curl http:// shows the text", async (t) => {
		const { port } = await startTestAgent(t);
		const url = `http://127.0.0.1:${port}/monitor`;
		const { stdout } = await run("curl", ["-s", "-d", "{}", url]);
		assert.match(stdout, /Use https:\/\//);
	});

	it("a denied peer learns nothing more", async (t) => {
		const { port, lines } = await startTestAgent(t);
		const localAddress = "127.0.0.2";
		const wire = openWire(t, { port, plain: true, localAddress });
		wire.socket.write(requestText("GET /status"));
		assert.match((await wire.ended).text, answer);
		assert.equal(lines.filter(isRefusal).length, 1);
	});

	it("half a method is disconnected after the handshake timeout", async (t) => {
		const { port, lines } = await startTestAgent(t, {
			"max-connections": 1,
			"handshake-timeout-seconds": 1,
		});
		const wire = openWire(t, { port, plain: true });
		wire.socket.write("GE");
		assert.equal((await wire.ended).text, "");
		assert.equal((await send({ port })).text, "OK");
		assert.ok(lines.includes("info TLS handshake with 127.0.0.1: timeout"));
	});
});

describe("TLS after its first bytes were inspected", () => {
	it("serves a ClientHello that arrives byte by byte", async (t) => {
		const { port } = await startTestAgent(t);
		// a proxy that forwards single bytes
		const relay = createServer((client) => {
			const agent = connect(port, "127.0.0.1");
			agent.setNoDelay(true);
			agent.on("error", () => client.destroy()).pipe(client);
			client.on("error", () => agent.destroy());
			client.on("data", async (chunk: Buffer) => {
				client.pause();
				for (const byte of chunk.subarray(0, 20)) {
					agent.write(Buffer.of(byte));
					await new Promise(setImmediate);
				}
				agent.write(chunk.subarray(20));
				client.resume();
			});
			client.on("end", () => agent.end());
		});
		t.after(() => relay.close());
		await once(relay.listen(0, "127.0.0.1"), "listening");
		const address = relay.address();
		assert.ok(address && typeof address === "object");
		assert.equal((await send({ port: address.port })).text, "OK");
	});

	it("a connection that ends before its first byte gives its place back", async (t) => {
		const { port, lines } = await startTestAgent(t, { "max-connections": 1 });
		const wire = openWire(t, { port, plain: true });
		await wire.opened;
		wire.socket.end();
		await wire.ended;
		assert.equal((await send({ port })).text, "OK");
		const line = "info TLS handshake with 127.0.0.1: closed before it began";
		await eventually("it is logged", () => lines.includes(line));
	});
});
