import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { startServerOfCallers } from "../../support/callers.ts";
import { send } from "../../support/https.ts";

const digest = (key: string) =>
	`sha256:${createHash("sha256").update(key).digest("hex")}`;

const key = "Xh3vY0mO-_qJ8sGf7dTzR1wKc5uNbLpAeVi2yQ4tU6E";

test("a caller has its address, and the key of the header or of the body", async (t) => {
	const { port, callers } = await startServerOfCallers(t);
	const check = { plugin_name: "check_disk", plugin_option: "" };
	const relay = { proxy_hostport: ["a"], request_type: "monitor" };
	const bearer = (text: string) => ({ authorization: text });
	const long = "k".repeat(1_024);
	const cases: [
		string,
		{ path: string; body?: unknown; headers?: Record<string, string> },
		string | undefined,
	][] = [
		["nothing", { path: "/" }, undefined],
		["bearer", { path: "/", headers: bearer(`Bearer ${key}`) }, key],
		["case", { path: "/", headers: bearer(`bEARER  ${key}`) }, key],
		["other scheme", { path: "/", headers: bearer(`Basic ${key}`) }, undefined],
		["no scheme", { path: "/", headers: bearer(key) }, undefined],
		["two words", { path: "/", headers: bearer("Bearer a b") }, undefined],
		["empty bearer", { path: "/", headers: bearer("Bearer ") }, undefined],
		["other header", { path: "/", headers: { "x-api-key": key } }, undefined],
		["query", { path: `/?apikey=${key}` }, undefined],
		["check", { path: "/monitor", body: { ...check, apikey: key } }, key],
		[
			"as Go reads it",
			{ path: "/monitor", body: { ...check, ApiKey: key } },
			key,
		],
		["relay", { path: "/proxy", body: { ...relay, apikey: key } }, key],
		["drain", { path: "/metric", body: { apikey: key } }, key],
		["v1's", { path: "/monitor", body: { ...check, apikey: "" } }, undefined],
		["null", { path: "/monitor", body: { ...check, apikey: null } }, undefined],
		["long", { path: "/metric", body: { apikey: long } }, long],
		["too long", { path: "/metric", body: { apikey: `${long}k` } }, undefined],
		[
			"both",
			{
				path: "/metric",
				body: { apikey: "other" },
				headers: bearer(`Bearer ${key}`),
			},
			key,
		],
		[
			"a header without a key",
			{ path: "/metric", body: { apikey: key }, headers: bearer("Basic eA==") },
			key,
		],
	];
	for (const [name, { path, body, headers }, expected] of cases) {
		const { status } = await send({
			...{ port, path, method: body ? "POST" : "GET" },
			...(body !== undefined && { body: JSON.stringify(body) }),
			...(headers && { headers }),
		});
		assert.equal(status, 200, name);
		assert.deepEqual(
			callers.at(-1),
			{
				isAdmin: false,
				address: "127.0.0.1",
				certificate: undefined,
				keyDigest: expected && digest(expected),
			},
			name,
		);
	}
	assert.equal(callers.length, cases.length);
});

test("a caller has its own key on a connection that several use", async (t) => {
	const { port, callers } = await startServerOfCallers(t);
	const { Agent } = await import("node:https");
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	t.after(() => agent.destroy());
	for (const apikey of ["one", "", "two"])
		await send({
			...{ port, agent, method: "POST", path: "/metric" },
			body: JSON.stringify({ apikey }),
		});
	assert.deepEqual(
		callers.map(({ keyDigest }) => keyDigest),
		[digest("one"), undefined, digest("two")],
	);
});
