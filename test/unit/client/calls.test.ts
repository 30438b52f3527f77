import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { CheckResult } from "../../../src/client/index.ts";
import {
	createAgentClient,
	UnexpectedAnswer,
} from "../../../src/client/index.ts";
import { startTestAgent } from "../../support/agent.ts";
import { clientOf, unreachable } from "../../support/client.ts";
import { freePort } from "../../support/free-port.ts";
import { answering, json } from "../../support/next-hop.ts";
import { countingDoor } from "../../support/relaying.ts";

const check = (plugin_option: string) => ({
	body: { plugin_name: "check_exit", plugin_option },
});

describe("a client of one agent", () => {
	it("returns answers and refusals with their types", async (t) => {
		const client = clientOf(t, (await startTestAgent(t)).port);
		const answer = await client.POST("/monitor", check("1"));
		const result: CheckResult | undefined = answer.data;
		assert.deepEqual(result, {
			return_value: 1,
			message: "exit 1 says hello\n",
		});
		assert.equal(answer.response.status, 200);
		const refused = await client.POST("/monitor", {
			body: { plugin_name: "../x" },
		});
		assert.equal(refused.response.status, 400);
		assert.equal(refused.data, undefined);
		assert.match(
			typeof refused.error === "object" && "detail" in refused.error
				? refused.error.detail
				: "",
			/^plugin_name: /,
		);
		const { data: status } = await client.GET("/status");
		assert.equal(status?.app_version.includes("2."), true);
	});

	it("reads texts as texts and bytes as bytes", async (t) => {
		const { port } = await startTestAgent(t);
		const client = clientOf(t, port);
		assert.equal((await client.GET("/")).data, "OK");
		assert.match((await client.GET("/metrics")).data ?? "", /^# TYPE /m);
		const open = await client.GET("/metrics", {
			headers: { accept: "application/openmetrics-text" },
		});
		assert.match(open.data ?? "", /# EOF\n$/);
		const moved = await client.GET("/metric/status");
		assert.equal(moved.response.headers.get("location"), "/status");
		const whole = await client.request("get", "/", { parseAs: "arrayBuffer" });
		assert.equal(whole.data?.byteLength, 2);
	});

	it("adds the API key to bodies that have none", async (t) => {
		const server = await answering(t, (r) => json(r, {}));
		const trust = { ca: server.certificate };
		const client = clientOf(t, server.port, { apiKey: "secret", trust });
		await client.POST("/monitor", { body: { plugin_name: "a" } });
		await client.POST("/monitor", { body: { plugin_name: "a", apikey: "b" } });
		await client.POST("/metric");
		await client.GET("/status");
		assert.deepEqual(
			server.arrived.map(({ body }) => body.toString()),
			[
				'{"apikey":"secret","plugin_name":"a"}',
				'{"plugin_name":"a","apikey":"b"}',
				'{"apikey":"secret"}',
				"",
			],
		);
		// a GET has no body
		assert.deepEqual(
			server.arrived.map(({ headers }) => headers.authorization),
			[undefined, undefined, undefined, "Bearer secret"],
		);
	});

	it("refuses a key that is none, or without verification, before it connects", () => {
		const fingerprint = "ab".repeat(32);
		for (const apiKey of ["a b", "ä", "a\nb", "k".repeat(1_025)])
			assert.throws(
				() => createAgentClient({ agent: "a", apiKey, trust: { fingerprint } }),
				{ name: "OptionsError", message: /^apiKey: not a key: / },
			);
		assert.throws(
			() => createAgentClient({ agent: "a", apiKey: "k", trust: "unverified" }),
			{
				name: "OptionsError",
				message:
					"apiKey: a key is only sent to an agent whose certificate is verified or pinned",
			},
		);
	});

	it("keeps its connection; many calls at once share the pool", async (t) => {
		const door = await countingDoor(t, (await startTestAgent(t)).port);
		const client = clientOf(t, door.port);
		for (let n = 0; n < 5; n++) await client.GET("/status");
		assert.equal(door.accepted(), 1);
		const many = Array.from({ length: 300 }, () => client.GET("/"));
		for (const { data } of await Promise.all(many)) assert.equal(data, "OK");
		assert.ok(door.accepted() <= 64, `${door.accepted()} connections`);
	});

	it("tells the agent how long it will wait, and then gives up", async (t) => {
		const server = await answering(t, () => {});
		const client = clientOf(t, server.port, { timeoutMilliseconds: 300 });
		const begun = performance.now();
		await unreachable(
			client.POST("/monitor", check("0")),
			/^127\.0\.0\.1:\d+: no answer within 0\.3 seconds$/,
			{ isTimeout: true, isUnsent: false },
		);
		assert.ok(performance.now() - begun < 2_000);
		const told = server.arrived[0]?.headers["happo-milliseconds-left"];
		assert.ok(Number(told) > 100 && Number(told) <= 285, `${told}`);
	});

	it("rejects with the reason of an aborted signal", async (t) => {
		const server = await answering(t, () => {});
		const client = clientOf(t, server.port);
		const controller = new AbortController();
		const { signal } = controller;
		const asked = client.POST("/monitor", { ...check("0"), signal });
		await pause(100);
		const reason = new Error("enough");
		controller.abort(reason);
		await assert.rejects(asked, (error) => error === reason);
		await assert.rejects(
			client.GET("/", { signal }),
			(error) => error === reason,
		);
	});

	it("reports a server that is not an agent", async (t) => {
		const html = await answering(t, (response) => {
			response.writeHead(200, { "Content-Type": "text/html" });
			response.end("<html>");
		});
		await unreachable(
			clientOf(t, html.port).GET("/status"),
			/^127\.0\.0\.1:\d+: the answer is not JSON$/,
		);
		const large = await answering(t, (r) => r.end("x".repeat(5000)));
		await unreachable(
			clientOf(t, large.port, { maxAnswerBytes: 4096 }).GET("/"),
			/over 4096 bytes \(maxAnswerBytes\)$/,
		);
		await unreachable(
			clientOf(t, await freePort(), { retries: 0 }).GET("/"),
			/^127\.0\.0\.1:\d+: connection refused$/,
			{ isUnsent: true },
		);
	});

	it("204 and empty answers have no data", async (t) => {
		for (const status of [200, 204, 205, 304]) {
			const empty = await answering(t, (r) => r.writeHead(status).end());
			const { data, response } = await clientOf(t, empty.port).GET("/status");
			assert.equal(data, undefined);
			assert.equal(response.status, status);
		}
	});

	it("an error status without a body still has an error", async (t) => {
		for (const [status, title] of [
			[500, "Internal Server Error"],
			[502, "Bad Gateway"],
			[503, "Service Unavailable"],
		] as const) {
			const empty = await answering(t, (r) => r.writeHead(status).end());
			for (const asked of [
				clientOf(t, empty.port).GET("/status"),
				clientOf(t, empty.port).POST("/monitor", check("0")),
			]) {
				const { data, error } = await asked;
				assert.equal(data, undefined);
				assert.deepEqual(error, { type: "about:blank", title, status });
			}
		}
	});

	it("with checkAnswers, reports an answer that does not fit the contract", async (t) => {
		const server = await answering(t, (r) =>
			json(r, { return_value: "0", message: "x" }),
		);
		const { data } = await clientOf(t, server.port).POST(
			"/monitor",
			check("0"),
		);
		assert.equal(data?.message, "x");
		const error = await unreachable(
			clientOf(t, server.port, { checkAnswers: true }).POST(
				"/monitor",
				check("0"),
			),
			/^127\.0\.0\.1:\d+: the answer does not fit the contract: return_value: a string, not an integer$/,
		);
		assert.ok(error instanceof UnexpectedAnswer);
		assert.equal(error.status, 200);
	});

	it("only GET and POST exist", async (t) => {
		const client = clientOf(t, 1);
		const put = client.PUT as unknown as (path: string) => Promise<unknown>;
		await assert.rejects(put("/status"), /PUT: agents have only GET and POST/);
	});
});
