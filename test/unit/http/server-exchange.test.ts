import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { chmod, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { TLSSocket } from "node:tls";
import { startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { post, send } from "../../support/https.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { openWire, requestText } from "../../support/wire.ts";

const check = (name: string, option: string) =>
	JSON.stringify({ plugin_name: name, plugin_option: option });

/** Status and body of each answer on a connection. */
function answers(text: string): { status: number; body: string }[] {
	const found: { status: number; body: string }[] = [];
	for (let rest = text; rest !== ""; ) {
		const end = rest.indexOf("\r\n\r\n") + 4;
		const head = rest.slice(0, end);
		const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
		found.push({
			status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]),
			body: rest.slice(end, end + length),
		});
		rest = rest.slice(end + length);
	}
	return found;
}

describe("one connection", () => {
	it("serves many requests one after the other, even after refusals", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port });
		const kinds: [string, number][] = [
			[requestText("GET /"), 200],
			[requestText("POST /monitor", check("check_exit", "1")), 200],
			[requestText("POST /monitor", "{"), 400],
			[requestText("GET /nothing"), 404],
			[requestText("GET /monitor"), 405],
			[requestText("POST /nothing", "x".repeat(50_000)), 404],
			[requestText("GET /", "a body of a GET"), 200],
			[requestText("GET /", undefined, ["Origin: null"]), 403],
		];
		for (let round = 0; round < 100; round++) {
			const [text, status] = kinds[round % kinds.length] ?? ["", 0];
			const before = wire.text().length;
			wire.socket.write(text);
			await eventually(`answer ${round}`, () => {
				const [last] = answers(wire.text().slice(before));
				return last?.status === status && last.body !== "";
			});
		}
		assert.equal(answers(wire.text()).length, 100);
	});

	it("writes a large answer in slices, as the connection would keep a buffer for a whole one", async (t) => {
		const { port } = await startTestAgent(t);
		const sizes: number[] = [];
		const write = TLSSocket.prototype.write as (...given: unknown[]) => boolean;
		t.mock.method(
			TLSSocket.prototype,
			"write",
			function (this: TLSSocket, ...given: unknown[]) {
				if ((this as { server?: unknown }).server)
					sizes.push((given[0] as string | Uint8Array).length);
				return write.apply(this, given);
			},
		);
		const { status, headers, json } = await send({
			...{ port, method: "POST", path: "/monitor" },
			body: check("check_1mb", ""),
		});
		assert.equal(status, 200);
		const { message } = json as { message: string };
		assert.equal(message, "a".repeat(1 << 20));
		const body = JSON.stringify({ return_value: 0, message });
		assert.equal(headers["content-length"], String(body.length));
		assert.ok(sizes.length > 16, `${sizes.length} writes`);
		assert.ok(Math.max(...sizes) <= 65_536, `${Math.max(...sizes)} bytes`);
	});

	it("answers pipelined requests in order", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port });
		const sent = [0, 1, 2, 3].flatMap((status) => [
			requestText("POST /monitor", check("check_exit", `${status}`)),
			requestText("GET /"),
		]);
		wire.socket.write(
			requestText("POST /monitor", check("check_sleep", "0.5")) +
				sent.join("") +
				requestText("GET /nothing", undefined, ["Connection: close"]),
		);
		const all = answers((await wire.ended).text);
		const bodies = all.map(({ body }) => body);
		assert.equal(bodies.length, 10);
		assert.match(bodies[0] ?? "", /slept 0\.5/);
		for (const status of [0, 1, 2, 3]) {
			assert.match(bodies[1 + 2 * status] ?? "", new RegExp(`exit ${status}`));
			assert.equal(bodies[2 + 2 * status], "OK");
		}
		assert.equal(all[9]?.status, 404);
	});

	it("an incomplete request does not lose the answer of the one before", async (t) => {
		const { port } = await startTestAgent(t, {
			"headers-timeout-seconds": 1,
		});
		const wire = openWire(t, { port });
		wire.socket.write(
			`${requestText("POST /monitor", check("check_sleep", "3"))}GET / HT`,
		);
		const [first] = answers((await wire.ended).text);
		// no answer at all, or its own
		if (first) assert.equal(first.status, 200, first.body);
	});

	it("answers Expect: 100-continue with 100, then with the answer", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port });
		const body = check("check_exit", "2");
		wire.socket.write(
			requestText("POST /monitor", undefined, [
				"Expect: 100-continue",
				`Content-Length: ${body.length}`,
			]),
		);
		await wire.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
		wire.socket.write(body);
		assert.match(await wire.until(/\}$/), /HTTP\/1\.1 200 [\s\S]*exit 2 says/);
	});

	it("answers 400 to anything but HTTP, and closes the connection", async (t) => {
		const { port } = await startTestAgent(t);
		for (const text of [
			"nonsense\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n",
			"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
			"POST /monitor HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
			"GET / HTTP/9.9\r\n\r\n",
		]) {
			const wire = openWire(t, { port });
			wire.socket.write(text);
			const { text: answer } = await wire.ended;
			assert.match(answer, /^HTTP\/1\.1 400 [\s\S]*"status":400/, text);
		}
	});
});

describe("Happo-Milliseconds-Left", () => {
	const asked = (port: number, option: string, left: string) =>
		send({
			port,
			method: "POST",
			path: "/monitor",
			body: check("check_sleep", option),
			headers: { "Happo-Milliseconds-Left": left },
		});

	it("limits how long a command waits for a place, not how long it runs", async (t) => {
		const { port } = await startTestAgent(t, { "max-commands": 1 });
		const running = asked(port, "2", "300");
		await eventually("it runs", async () => {
			const { status, json } = await asked(port, "0", "200");
			return status === 503 && /max-commands/.test(JSON.stringify(json));
		});
		const { status, json } = await running;
		assert.equal(status, 200);
		assert.match(JSON.stringify(json), /slept 2/);
	});

	it("never raises that limit", async (t) => {
		const { port } = await startTestAgent(t, { "command-timeout": 1 });
		const from = performance.now();
		const { status } = await asked(port, "30", "999999999");
		assert.equal(status, 500);
		assert.ok(performance.now() - from < 10_000);
	});

	it("does not affect a plugin that is in time", async (t) => {
		const { port } = await startTestAgent(t);
		assert.equal((await asked(port, "0", "9500")).status, 200);
	});
});

describe("a client that disconnects", () => {
	/** A plugin that writes its process id to a file, and its end to another. */
	async function slowPlugin(t: TestContext) {
		const directory = await temporaryDirectory(t);
		const file = join(directory, "check_slow");
		const begun = join(directory, "begun");
		const stopped = join(directory, "stopped");
		await writeFile(
			file,
			`#!/bin/sh
trap 'echo stopped > ${stopped}; exit 3' TERM
echo $$ > ${begun}.new && mv ${begun}.new ${begun}
while :; do sleep 0.1; done
`,
		);
		await chmod(file, 0o755);
		return { directory, begun, stopped };
	}

	it("stops its plugin and frees the place", async (t) => {
		const { directory, begun, stopped } = await slowPlugin(t);
		const { port, lines } = await startTestAgent(t, {
			"nagios-plugin-paths": [directory],
			"command-timeout": 60,
			"max-commands": 1,
		});
		const wire = openWire(t, { port });
		wire.socket.write(requestText("POST /monitor", check("check_slow", "")));
		await eventually("the plugin runs", () => existsSync(begun));
		const pid = (await readFile(begun, "utf8")).trim();
		wire.reset();
		await eventually("the plugin got SIGTERM", () => existsSync(stopped));
		await eventually("the plugin is gone", () => !existsSync(`/proc/${pid}`));
		const next = await post(port, "/inventory", { command: "true" });
		assert.equal(next.status, 200);
		assert.doesNotMatch(lines.join("\n"), /^error /m);
	});

	it("stops its plugin even if it has closed its side before", async (t) => {
		const { directory, begun, stopped } = await slowPlugin(t);
		const { port } = await startTestAgent(t, {
			"nagios-plugin-paths": [directory],
			"command-timeout": 60,
		});
		const wire = openWire(t, { port, allowHalfOpen: true });
		wire.socket.end(requestText("POST /monitor", check("check_slow", "")));
		await eventually("the plugin runs", () => existsSync(begun));
		// when this is answered, the agent has seen that the other has closed its side
		assert.equal((await send({ port })).status, 200);
		assert.equal(existsSync(stopped), false);
		wire.reset();
		await eventually("the plugin got SIGTERM", () => existsSync(stopped));
	});

	it("is forgotten while it waits for a place", async (t) => {
		const { directory, begun, stopped } = await slowPlugin(t);
		const marker = join(directory, "marker");
		const { port } = await startTestAgent(t, {
			"nagios-plugin-paths": [directory],
			"command-timeout": 60,
			"max-commands": 1,
		});
		const first = openWire(t, { port });
		first.socket.write(requestText("POST /monitor", check("check_slow", "")));
		await eventually("the plugin runs", () => existsSync(begun));
		const second = openWire(t, { port });
		const touch = { command: "touch", command_option: marker };
		second.socket.write(
			requestText("POST /inventory", JSON.stringify(touch)) +
				requestText("GET /"),
		);
		await second.opened;
		second.reset();
		first.reset();
		await eventually("the plugin got SIGTERM", () => existsSync(stopped));
		const next = await post(port, "/inventory", { command: "true" });
		assert.equal(next.status, 200);
		assert.equal(existsSync(marker), false);
	});
});

describe("a client that closes its side after the request", () => {
	it("gets its answer: a check, an append, a drain", async (t) => {
		const { port } = await startTestAgent(t);
		const ask = (line: string, body: string) => {
			const wire = openWire(t, { port, allowHalfOpen: true });
			wire.socket.end(requestText(line, body));
			return wire.ended;
		};
		const checked = await ask("POST /monitor", check("check_sleep", "0.5"));
		assert.match(checked.text, /^HTTP\/1\.1 200 [\s\S]*slept 0\.5/);
		const sample = { hostname: "h", timestamp: 1, metrics: { a: 1 } };
		const append = JSON.stringify({ metric_data: [sample] });
		const appended = await ask("POST /metric/append", append);
		assert.match(appended.text, /^HTTP\/1\.1 200 [\s\S]*"status":"ok"/);
		const drained = await ask("POST /metric", "{}");
		assert.match(drained.text, /^HTTP\/1\.1 200 [\s\S]*"hostname":"h"/);
		// it may have vanished, so the data is delivered again
		await eventually("it is there", async () => {
			const { text } = await post(port, "/metric/peek", {});
			return text.includes('"hostname":"h"');
		});
		const again = await post(port, "/metric", {});
		assert.match(again.text, /"hostname":"h"/);
	});
});
