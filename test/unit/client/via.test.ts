import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { problemType } from "../../../src/client/index.ts";
import { startTestAgent } from "../../support/agent.ts";
import { clientOf, unreachable } from "../../support/client.ts";
import { freePort } from "../../support/free-port.ts";
import { answering, json } from "../../support/next-hop.ts";
import { countingDoor, local } from "../../support/relaying.ts";

const check = { body: { plugin_name: "check_exit", plugin_option: "2" } };

describe("through bastions", () => {
	for (const hops of [1, 2, 3])
		it(`${hops}: every call works as without bastions`, async (t) => {
			const agent = await startTestAgent(t);
			const bastions = await Promise.all(
				Array.from({ length: hops }, () => startTestAgent(t)),
			);
			const via = bastions.map(({ port }) => local(port));
			const { fingerprint256: fingerprint } = (bastions[0] ?? agent).keyPair;
			const trust = { fingerprint };
			const far = clientOf(t, agent.port, { via, apiKey: "k", trust });
			const near = clientOf(t, agent.port);
			assert.deepEqual(
				(await far.POST("/monitor", check)).data,
				(await near.POST("/monitor", check)).data,
			);
			assert.equal((await far.GET("/")).data, "OK");
			const inventory = await far.POST("/inventory", {
				body: { command: "echo", command_option: "a" },
			});
			assert.deepEqual(inventory.data, { return_code: 0, return_value: "a\n" });
			const failed = await far.POST("/inventory", {
				body: { command: "false" },
			});
			assert.equal(failed.response.status, 400);
			assert.equal(
				(await far.GET("/status")).data?.settings?.port,
				(await near.GET("/status")).data?.settings?.port,
			);
			assert.match((await far.GET("/metrics")).data ?? "", /^# TYPE /m);
			const sample = { hostname: "h", timestamp: 1, metrics: { a: 1 } };
			await far.POST("/metric/append", { body: { metric_data: [sample] } });
			const peeked = await far.POST("/metric/peek", { body: {} });
			assert.deepEqual(peeked.data?.metric_data, [sample]);
			const states = await far.GET("/machine-state");
			assert.equal(
				states.response.status,
				(await near.GET("/machine-state")).response.status,
			);
		});

	it("the key is in the body for the bastion and in the one for the agent", async (t) => {
		const bastion = await answering(t, (response) => json(response, {}));
		const trust = { ca: bastion.certificate };
		const via = [local(bastion.port)];
		const far = clientOf(t, 1, { via, apiKey: "k", trust });
		await far.POST("/monitor", check);
		await far.GET("/status");
		const [first, second] = bastion.arrived.map(({ body, headers }) => {
			assert.equal(headers.authorization, undefined);
			return JSON.parse(body.toString());
		});
		assert.equal(first.apikey, "k");
		const inner = Buffer.from(first.request_json, "base64").toString();
		assert.equal(JSON.parse(inner).apikey, "k");
		// bastions pass on neither headers nor the body of a GET
		assert.equal(second.apikey, "k");
		assert.equal(second.request_json, null);
	});

	it("the agent's refusals and failures are its answers", async (t) => {
		const agent = await startTestAgent(t, { "command-timeout": 1 });
		const bastion = await startTestAgent(t);
		const far = clientOf(t, agent.port, { via: [local(bastion.port)] });
		const bad = await far.POST("/monitor", { body: { plugin_name: "../a" } });
		assert.equal(bad.response.status, 400);
		const slow = await far.POST("/monitor", {
			body: { plugin_name: "check_sleep", plugin_option: "30" },
		});
		assert.equal(slow.response.status, 500);
		assert.match(JSON.stringify(slow.error), /Exec timeout/);
		const none = await far.GET("/machine-state/{key}", {
			params: { path: { key: "s-1" } },
		});
		assert.equal(none.response.status, 404);
		const wrong = await far.POST("/metric/lease", {
			body: { seconds: 1, consumer: "nobody" },
		});
		assert.equal(wrong.response.status, 400);
		const denying = await answering(t, (response) => {
			response.writeHead(403, { "Content-Type": "text/plain; charset=utf-8" });
			response.end("Access Denied\n");
		});
		const denied = await clientOf(t, denying.port, {
			via: [local(bastion.port)],
		}).POST("/monitor", check);
		assert.equal(denied.response.status, 403);
		assert.equal(denied.error, "Access Denied\n");
	});

	it("a failure of a bastion is not an answer of the agent", async (t) => {
		const closed = await freePort();
		const near = await startTestAgent(t);
		const other = await startTestAgent(t);
		const narrow = await startTestAgent(t, {
			"proxy-destinations": ["192.0.2.1"],
		});
		for (const via of [[near.port], [near.port, other.port]]) {
			const client = clientOf(t, closed, { via: via.map(local), retries: 0 });
			const refused = new RegExp(
				`^127\\.0\\.0\\.1:${closed}: connection refused$`,
			);
			await unreachable(client.POST("/monitor", check), refused);
			await unreachable(client.POST("/metric/peek", { body: {} }), refused);
			await unreachable(client.GET("/status"), refused);
		}
		for (const via of [[narrow.port], [near.port, narrow.port]]) {
			const client = clientOf(t, other.port, { via: via.map(local) });
			const refused =
				/^through 127\.0\.0\.1:\d+: proxy_hostport\[0\]: not one of proxy-destinations/;
			await unreachable(client.POST("/monitor", check), refused);
			await unreachable(client.GET("/status"), refused);
		}
		const silent = await answering(t, () => {});
		await unreachable(
			clientOf(t, silent.port, {
				via: [local(near.port), local(other.port)],
				timeoutMilliseconds: 2_000,
			}).POST("/monitor", check),
			new RegExp(`^127\\.0\\.0\\.1:${silent.port}: no answer within `),
			{ isTimeout: true },
		);
		const far = Array.from({ length: 20 }, () => local(near.port));
		await unreachable(
			clientOf(t, other.port, { via: far }).GET("/"),
			/^through 127\.0\.0\.1:\d+: proxy_hostport: /,
		);
	});

	it("a problem type of relays means that a bastion refused, whatever the text says", async (t) => {
		const problem = (code: string) => ({
			type: `urn:happo:problem:${code}`,
			title: "Service Unavailable",
			status: 503,
			detail: "sorry",
			return_value: 3,
			message: "sorry",
		});
		const asked = (code: string, headers: Record<string, string>) =>
			answering(t, (response) => {
				const type = { "Content-Type": "application/problem+json" };
				response.writeHead(503, { ...type, ...headers });
				response.end(JSON.stringify(problem(code)));
			}).then(({ port }) =>
				clientOf(t, 1, { via: [local(port)] }).POST("/monitor", check),
			);
		const passedOn = { "X-Content-Type-Options": "nosniff" };
		for (const code of ["relay-busy", "destination-forbidden", "bad-relay"])
			await unreachable(
				asked(code, passedOn),
				/^through 127\.0\.0\.1:\d+: sorry$/,
			);
		// passed on from the agent, and of the bastion itself
		const busy = await asked("busy", passedOn);
		assert.equal(problemType(busy.error), "urn:happo:problem:busy");
		await unreachable(asked("busy", {}), /^through .*: sorry$/);
	});

	it("the text of an agent without types does not turn its refusal into a bastion's", async (t) => {
		const detail = "64 relayed requests are in progress";
		const agent = await answering(t, (response) => {
			response.writeHead(503, {
				"Content-Type": "application/problem+json",
				"X-Content-Type-Options": "nosniff",
			});
			response.end(
				JSON.stringify({
					...{ title: "Service Unavailable", status: 503, detail },
					...{ return_value: 3, message: detail },
				}),
			);
		});
		const client = clientOf(t, 1, { via: [local(agent.port)] });
		assert.equal((await client.POST("/monitor", check)).response.status, 503);
	});

	it("a GET that was posted is recognised by the type of the answer", async (t) => {
		const agent = await startTestAgent(t);
		// v1 as the last bastion posts the request there
		const v1 = await answering(t, async (response) => {
			const answer = await clientOf(t, agent.port).POST(
				"/get/status" as "/metric",
			);
			assert.equal(
				problemType(answer.error),
				"urn:happo:problem:misrelayed-get",
			);
			json(
				response,
				{ ...(answer.error as object), detail: "in other words" },
				404,
			);
		});
		await unreachable(
			clientOf(t, 1, { via: [local(v1.port)] }).GET("/status"),
			/^through 127\.0\.0\.1:\d+: the last bastion is v1 \(Go\), which cannot relay GET$/,
		);
	});

	it("v1 as the last bastion cannot relay GET", async (t) => {
		// v1 posts to /get/status, a path that no agent has
		for (const answer of [
			"404 page not found\n",
			'{"title":"Not Found","status":404,"detail":"/get/status: no such path"}',
		]) {
			const v1 = await answering(t, (response) => {
				response.writeHead(404, { "Content-Type": "text/plain" });
				response.end(answer);
			});
			await unreachable(
				clientOf(t, 1, { via: [local(v1.port)] }).GET("/status"),
				/the last bastion is v1 \(Go\), which cannot relay GET$/,
			);
		}
	});

	it("v1 as a bastion: its message for a hop that does not answer", async (t) => {
		const message = "Post https://10.0.0.1:6777/monitor: dial tcp: no route";
		const v1 = await answering(t, (response) =>
			json(response, { return_value: 3, message }, 500),
		);
		await unreachable(
			clientOf(t, 1, { via: [local(v1.port)] }).POST("/monitor", check),
			/^Post https:.*no route$/,
		);
		assert.equal(v1.arrived.length, 1);
		const [{ method, path, body } = assert.fail()] = v1.arrived;
		assert.equal(`${method} ${path}`, "POST /proxy");
		assert.deepEqual(JSON.parse(body.toString()), {
			proxy_hostport: ["127.0.0.1:1"],
			request_type: "monitor",
			request_json: Buffer.from(JSON.stringify(check.body)).toString("base64"),
		});
	});

	it("keeps one connection to the first bastion", async (t) => {
		const [agent, bastion] = [await startTestAgent(t), await startTestAgent(t)];
		const door = await countingDoor(t, bastion.port);
		const client = clientOf(t, agent.port, { via: [local(door.port)] });
		for (let n = 0; n < 4; n++) await client.POST("/monitor", check);
		assert.equal(door.accepted(), 1);
	});
});
