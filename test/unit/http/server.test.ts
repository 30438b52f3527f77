import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startTestAgent } from "../../support/agent.ts";
import { type Sent, send } from "../../support/https.ts";
import { declaredOperations } from "../../support/reply-check.ts";
import { openWire, requestText } from "../../support/wire.ts";

const methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"];

const check = JSON.stringify({
	plugin_name: "check_exit",
	plugin_option: "0",
});

const pathOf = (path: string) => path.replace("{key}", "s-1498112479");

describe("paths", () => {
	it("tolerates one trailing slash on every path", async (t) => {
		const { port } = await startTestAgent(t);
		for (const { method, path } of declaredOperations) {
			if (path === "/") continue;
			const sent: Sent = {
				port,
				method,
				path: pathOf(path),
				...(method === "POST" && { body: "{}" }),
			};
			const plain = await send(sent);
			const slash = await send({ ...sent, path: `${pathOf(path)}/` });
			// a 404 from an operation is fine, one for the path is not
			assert.doesNotMatch(plain.text, /no such path/, path);
			assert.equal(slash.status, plain.status, path);
			// numbers change from one request to the next
			if (!/^\/(status|metrics)/.test(path))
				assert.equal(slash.text, plain.text, path);
		}
	});

	it("answers 404 to two slashes, unknown paths and other spellings", async (t) => {
		const { port } = await startTestAgent(t);
		const twice = declaredOperations
			.filter(({ path }) => path !== "/")
			.flatMap(({ path }) => [`${pathOf(path)}//`, `/${pathOf(path)}`]);
		for (const path of [
			...twice,
			"/nothing",
			"/Monitor",
			"/monitor/x",
			"/monitor.html",
			"/metric/../monitor",
			"/./monitor",
			"/machine-state/a/b",
			"/manage/add",
			"*",
		])
			for (const method of ["GET", "POST"]) {
				const { status, json } = await send({ port, method, path });
				assert.equal(status, 404, `${method} ${path}`);
				assert.equal((json as { status: number }).status, 404);
			}
	});

	it("decodes an escaped path", async (t) => {
		const { port } = await startTestAgent(t);
		const ran = await send({
			port,
			method: "POST",
			path: "/%6donitor",
			body: check,
		});
		assert.equal(ran.status, 200);
		const refused = await send({
			port,
			method: "POST",
			path: "/%6Donitor/",
			body: "{}",
		});
		assert.equal((refused.json as { return_value: number }).return_value, 3);
	});

	it("accepts a whole URL instead of the path (RFC 9112 3.2.2)", async (t) => {
		const { port } = await startTestAgent(t);
		const root = await send({ port, path: "https://agent/" });
		assert.equal(root.text, "OK");
		const refused = await send({
			port,
			method: "POST",
			path: "https://agent/monitor?x=1",
			body: "{}",
		});
		assert.equal(refused.status, 400);
		assert.equal((refused.json as { return_value: number }).return_value, 3);
	});

	it("ignores a query string", async (t) => {
		const { port } = await startTestAgent(t);
		for (const query of ["?", "?a=1&b", "?%zz", "?a=%00", "??", "?/../x"]) {
			const root = await send({ port, path: `/${query}` });
			assert.equal(root.text, "OK", query);
			const ran = await send({
				port,
				method: "POST",
				path: `/monitor${query}`,
				body: check,
			});
			assert.equal(ran.status, 200, query);
		}
	});

	it("answers 400 to a bad escape", async (t) => {
		const { port } = await startTestAgent(t);
		for (const path of ["/%zz", "/monitor%", "/machine-state/%e0%a4%a"])
			for (const method of ["GET", "POST"]) {
				const { status, json } = await send({ port, method, path });
				assert.equal(status, 400, `${method} ${path}`);
				assert.match((json as { detail: string }).detail, /^path: /);
			}
	});

	it("looks up a machine state's long key like a short one", async (t) => {
		const { port } = await startTestAgent(t);
		const ask = (key: string) => send({ port, path: `/machine-state/${key}` });
		const short = await ask("s-1");
		assert.equal((await ask(`s-${"1".repeat(2000)}`)).status, short.status);
	});
});

describe("methods", () => {
	it("a wrong one is 405 with Allow, and GET includes HEAD", async (t) => {
		const { port } = await startTestAgent(t);
		for (const { method: declared, path } of declaredOperations) {
			const allowed = declared === "GET" ? ["GET", "HEAD"] : ["POST"];
			for (const method of [...methods, "HEAD"]) {
				if (allowed.includes(method)) continue;
				const refused = await send({ port, method, path: pathOf(path) });
				assert.equal(refused.status, 405, `${method} ${path}`);
				assert.equal(refused.headers.allow, allowed.join(", "), path);
				if (method === "HEAD") assert.equal(refused.body.length, 0);
				else
					assert.equal(
						(refused.json as { detail: string }).detail,
						`${pathOf(path)}: no ${method}, only ${allowed.join(", ")}`,
					);
			}
		}
	});

	it("a wrong one with a body is refused, and the connection can be used again", async (t) => {
		const { port } = await startTestAgent(t);
		const wire = openWire(t, { port });
		wire.socket.write(
			requestText("PUT /monitor", check) + requestText("GET /"),
		);
		const text = await wire.until(/OK$/);
		assert.match(text, /^HTTP\/1\.1 405 /);
		assert.match(text, /\nHTTP\/1\.1 200 OK\r\n|\}HTTP\/1\.1 200 OK\r\n/);
	});

	it("CONNECT and invalid methods do no harm", async (t) => {
		const { port } = await startTestAgent(t);
		for (const line of ["CONNECT 127.0.0.1:22", "BREW /", "PRI *"]) {
			const wire = openWire(t, { port });
			wire.socket.write(requestText(line));
			assert.doesNotMatch((await wire.ended).text, /^HTTP\/1\.1 2/, line);
		}
		assert.equal((await send({ port })).text, "OK");
	});
});

describe("requests of web pages", () => {
	it("an Origin of any kind is 403", async (t) => {
		const { port, lines } = await startTestAgent(t);
		for (const origin of ["https://example.net", "null", ""]) {
			const get = await send({ port, headers: { origin } });
			assert.equal(get.status, 403, origin);
			const refused = await send({
				port,
				method: "POST",
				path: "/monitor",
				body: check,
				headers: { origin },
			});
			assert.equal(refused.status, 403, origin);
			const { detail, message, return_value } = refused.json as Record<
				string,
				unknown
			>;
			assert.match(String(detail), /^origin: /);
			assert.equal(message, detail);
			assert.equal(return_value, 3);
		}
		assert.match(
			lines.join("\n"),
			/warning Access client=127\.0\.0\.1:.*origin: .*https:\/\/example\.net/,
		);
	});

	it("Sec-Fetch-Site: allows addresses typed by the user, but not other sites", async (t) => {
		const { port } = await startTestAgent(t);
		const ask = async (site: string) =>
			(await send({ port, headers: { "sec-fetch-site": site } })).status;
		assert.equal(await ask("none"), 200);
		assert.equal(await ask("same-origin"), 200);
		for (const site of ["cross-site", "same-site", "", "other"])
			assert.equal(await ask(site), 403, site);
	});
});
