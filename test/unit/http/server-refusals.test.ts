import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { type Received, type Sent, send } from "../../support/https.ts";
import { declaredOperations } from "../../support/reply-check.ts";
import { openWire, requestText } from "../../support/wire.ts";

/** Further fields of a problem body, for the clients of a path. */
function assertShape(path: string, status: number, refused: Received) {
	assert.equal(refused.status, status, refused.text);
	assert.equal(
		String(refused.headers["content-type"]).split(";")[0],
		"application/problem+json",
	);
	const { type, title, detail, ...rest } = refused.json as Record<
		string,
		unknown
	>;
	assert.match(String(type), /^urn:happo:problem:[a-z-]+$/);
	assert.equal(typeof title, "string");
	assert.ok(typeof detail === "string" && detail !== "");
	assert.deepEqual(
		rest,
		path.startsWith("/inventory")
			? { status, return_code: 125, return_value: detail }
			: { status, return_value: 3, message: detail },
	);
}

const requests = {
	"/monitor": { plugin_name: "check_exit", plugin_option: "0" },
	"/inventory": { command: "true" },
	"/proxy": { proxy_hostport: ["127.0.0.1:1"], request_type: "monitor" },
} as const;

for (const [path, body] of Object.entries(requests)) {
	describe(`refusals on ${path}`, () => {
		const text = JSON.stringify(body);
		const to = (port: number, more: Partial<Sent> = {}) =>
			send({ port, method: "POST", path, body: text, ...more });

		it("400, also with a trailing slash and a query", async (t) => {
			const { port } = await startTestAgent(t);
			for (const at of [path, `${path}/`, `${path}?x=1`, `${path}/?x=1`]) {
				assertShape(path, 400, await to(port, { path: at, body: "{" }));
				assertShape(path, 400, await to(port, { path: at, body: "{}" }));
			}
		});

		it("400 for a malformed Happo-Milliseconds-Left", async (t) => {
			const { port } = await startTestAgent(t);
			for (const left of [
				"",
				"abc",
				"-1",
				"1.5",
				"1e3",
				"0x10",
				"1234567890",
			]) {
				const refused = await to(port, {
					headers: { "Happo-Milliseconds-Left": left },
				});
				assertShape(path, 400, refused);
				assert.match(refused.text, /happo-milliseconds-left: /i, left);
			}
		});

		it("403 for a web page", async (t) => {
			const { port } = await startTestAgent(t);
			assertShape(path, 403, await to(port, { headers: { origin: "null" } }));
		});

		it("403 of a denied peer has the text of v1", async (t) => {
			const { port } = await startTestAgent(t);
			const { status, text: denied } = await to(port, {
				localAddress: "127.0.0.2",
			});
			assert.equal(status, 403);
			assert.equal(denied, "Access Denied\n");
		});

		it("405", async (t) => {
			const { port } = await startTestAgent(t);
			const refused = await to(port, { method: "PUT" });
			assertShape(path, 405, refused);
			assert.equal(refused.headers.allow, "POST");
		});

		it("413, declared and chunked; the connection can be used again", async (t) => {
			const { port } = await startTestAgent(t, { "max-body-bytes": 1024 });
			const large = JSON.stringify({ ...body, pad: "x".repeat(2000) });
			assertShape(path, 413, await to(port, { body: large }));
			const wire = openWire(t, { port });
			wire.socket.write(requestText(`POST ${path}`, large));
			await wire.until(/HTTP\/1\.1 413 /);
			wire.socket.write(
				requestText(`POST ${path}`, undefined, ["Transfer-Encoding: chunked"]),
			);
			wire.socket.write(
				`${large.length.toString(16)}\r\n${large}\r\n0\r\n\r\n`,
			);
			await wire.until(/HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 413 /);
			wire.socket.write(requestText("GET /"));
			await wire.until(/OK$/);
		});

		it("503 over max-buffered-bytes", async (t) => {
			const { port } = await startTestAgent(t, { "max-buffered-bytes": 1024 });
			const large = JSON.stringify({ ...body, pad: "x".repeat(2000) });
			const refused = await to(port, { body: large });
			assertShape(path, 503, refused);
			assert.match(String(refused.headers["retry-after"]), /^\d+$/);
		});
	});
}

it("403 by a setting: inventory, shell", async (t) => {
	const off = await startTestAgent(t, { inventory: false });
	const posted = (port: number, path: string, body: unknown) =>
		send({ port, method: "POST", path, body: JSON.stringify(body) });
	const inventory = await posted(off.port, "/inventory", { command: "true" });
	assertShape("/inventory", 403, inventory);
	const { port } = await startTestAgent(t, { shell: false });
	assertShape(
		"/inventory",
		403,
		await posted(port, "/inventory", { command: "true" }),
	);
	assertShape(
		"/monitor",
		403,
		await posted(port, "/monitor", {
			plugin_name: "check_exit",
			plugin_option: "$(true)",
		}),
	);
});

it("no refusal and no log line contains the API key", async (t) => {
	const { port, lines } = await startTestAgent(t, { "max-body-bytes": 4096 });
	const key = "7350413970";
	const bodies = [
		`{"apikey":"${key}"`,
		`{"apikey":"${key}",}`,
		`{"apikey":"${key}"} x`,
		`{"apikey":"${key}"}{"apikey":"${key}"}`,
		`{apikey:${key}}`,
		`apikey=${key}`,
		`${key}x`,
		`"${key}`,
		`{"apikey":"${key}\\u0000"}`,
		`{"apikey":${key}}`,
		`{"apikey":["${key}"]}`,
		`{"apikey":{"${key}":"${key}"}}`,
		`{"ApiKey":${key},"config":{}}`,
		`{"apikey":"${key}","plugin_name":5,"command":5,"config":5}`,
		`{"apikey":"${key}","plugin_name":"../x","command":"","metric_data":[5]}`,
		`{"apikey":"${key}","plugin_name":"not_there"}`,
		`{"apikey":"${key}","pad":"${"x".repeat(5000)}"}`,
		JSON.stringify(`{"apikey":"${key}"}`),
		JSON.stringify(`{"apikey":"${key}",}`),
		JSON.stringify(`{"apikey":${key}x}`),
		JSON.stringify(`apikey=${key}`),
		`[{"apikey":"${key}"}]`,
	];
	for (const { method, path, body } of declaredOperations) {
		if (!body) continue;
		for (const sent of bodies) {
			// the shell's own message goes to the caller
			const { text } = await send({ port, method, path, body: sent });
			assert.ok(!text.includes(key), `${path} ${sent}: ${text}`);
		}
	}
	for (const path of ["/", "/nothing", "/monitor", "/monitor%zz"])
		for (const more of [{}, { origin: "https://example.net" }]) {
			const { text } = await send({
				port,
				path: `${path}?apikey=${key}`,
				headers: more,
			});
			assert.ok(!text.includes(key), `${path}: ${text}`);
		}
	assert.ok(!lines.join("\n").includes(key), lines.join("\n"));
});

it("a request without Host, or with an unknown expectation, gets a problem body", async (t) => {
	const { port } = await startTestAgent(t);
	const withoutHost = openWire(t, { port });
	withoutHost.socket.write("GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
	const { text } = await withoutHost.ended;
	assert.match(text, /^HTTP\/1\.1 400 /);
	assert.match(text, /application\/problem\+json/);
	const unexpected = openWire(t, { port });
	unexpected.socket.write(
		requestText("GET /", undefined, ["Expect: miracles", "Connection: close"]),
	);
	const answer = (await unexpected.ended).text;
	// RFC 9110 10.1.1 lets a server ignore it
	assert.match(
		answer,
		/^HTTP\/1\.1 (417 [\s\S]*application\/problem\+json|200 )/,
	);
});
