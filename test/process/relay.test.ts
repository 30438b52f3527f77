import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fixtures, startTestAgent } from "../support/agent.ts";
import { startWithPlugins } from "../support/command-line.ts";
import type { StartedDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { post, send } from "../support/https.ts";
import { answering, json } from "../support/next-hop.ts";
import { countingDoor, local, relay, visible } from "../support/relaying.ts";
import { createScope } from "../support/scope.ts";

const check = (name: string, option = "") => ({
	apikey: "",
	plugin_name: name,
	plugin_option: option,
});

const hasIpv6 = Object.values(networkInterfaces())
	.flat()
	.some((found) => found?.address === "::1");

describe("a chain of agents", { concurrency: false }, () => {
	const scope = createScope();
	let daemons: StartedDaemon[];
	let [first, edge] = [0, 0];
	/** The three hops after the first agent. */
	let hops: string[];

	before(async () => {
		daemons = await Promise.all(
			[0, 1, 2, 3].map(() =>
				startWithPlugins(scope, [
					"--sensu-plugin-paths",
					join(fixtures, "sensu"),
				]),
			),
		);
		const ports = daemons.map(({ port }) => port);
		first = ports[0] ?? 0;
		edge = ports[3] ?? 0;
		hops = ports.slice(1).map(local);
	});
	after(async () => {
		for (const daemon of daemons) {
			assert.equal((await daemon.stop()).code, 0);
			assert.doesNotMatch(daemon.stdout(), / error /i);
		}
		await scope.end();
	});

	for (const [name, option] of [
		["check_exit", "0"],
		["check_exit", "2"],
		["check_unicode", ""],
		["check_badutf8", ""],
		["check_both", ""],
		["check_1mb", ""],
		["no_such_plugin", ""],
	] as const)
		it(`${name} ${option}: the same through three hops as directly, byte for byte`, async () => {
			const direct = await post(edge, "/monitor", check(name, option));
			const relayed = await relay(first, hops, "monitor", check(name, option));
			assert.deepEqual(visible(relayed), visible(direct));
			assert.equal(relayed.headers["x-content-type-options"], "nosniff");
		});

	for (const [path, request] of [
		["inventory", { command: "false" }],
		["inventory", { command: "echo a b" }],
		["inventory", {}],
		["metric/config", {}],
		["no/such/operation", {}],
	] as const)
		it(`POST /${path} ${JSON.stringify(request)}: the same as directly`, async () => {
			const direct = await post(edge, `/${path}`, request);
			const relayed = await relay(first, hops, path, request);
			assert.deepEqual(visible(relayed), visible(direct));
		});

	for (const path of [
		"metric/config",
		"machine-state/s-1",
		"machine-state",
		"metric/status",
	])
		it(`get/${path}: a GET at the end of the chain`, async () => {
			const direct = await send({ port: edge, path: `/${path}` });
			const relayed = await relay(first, hops, `get/${path}`);
			assert.deepEqual(visible(relayed), visible(direct));
		});

	it("stores and returns ten thousand samples, byte for byte", async () => {
		const metric_data = Array.from({ length: 10_000 }, (_, n) => ({
			hostname: `host-${n}`,
			timestamp: 1_700_000_000 + n,
			metrics: { "a.b": n / 7, ü: n },
		}));
		const sent = { api_key: "", metric_data };
		const appended = await relay(first, hops, "metric/append", sent);
		assert.equal(appended.status, 200, appended.text);
		const limit = { limit: 10_000 };
		const direct = await post(edge, "/metric/peek", limit);
		const relayed = await relay(first, hops, "metric/peek", limit);
		assert.deepEqual(visible(relayed), visible(direct));
		const drained = await relay(first, hops, "metric", {});
		const { metric_data: out } = drained.json as { metric_data: unknown };
		assert.deepEqual(out, metric_data);
	});

	it("the message names a dead hop", async () => {
		const down = local(await freePort());
		for (const through of [
			[down],
			[hops[0] ?? "", down],
			[hops[0] ?? "", down, hops[2] ?? ""],
			[...hops, down],
		]) {
			const failed = await relay(
				first,
				through,
				"monitor",
				check("check_exit"),
			);
			assert.equal(failed.status, 500);
			assert.deepEqual(failed.json, {
				return_value: 3,
				message: `${down}: connection refused`,
			});
		}
	});

	it("64 checks of one second run concurrently, over at most 64 connections", async (t) => {
		const door = await countingDoor(t, edge);
		const began = performance.now();
		const answers = await Promise.all(
			Array.from({ length: 64 }, () =>
				relay(
					first,
					[hops[0] ?? "", local(door.port)],
					"monitor",
					check("check_sleep", "1"),
				),
			),
		);
		const seconds = (performance.now() - began) / 1000;
		for (const { status, json } of answers) {
			assert.equal(status, 200);
			const message = "before sleep\nslept 1\n";
			assert.deepEqual(json, { return_value: 0, message });
		}
		t.diagnostic(`${seconds} s, ${door.accepted()} connections`);
		// sequentially 64 seconds, four at a time 16
		assert.ok(seconds < 16, `${seconds} s`);
		assert.ok(door.accepted() <= 64, `${door.accepted()} connections`);
	});

	it("a hundred sequential requests use one connection", async (t) => {
		const door = await countingDoor(t, edge);
		for (let n = 0; n < 100; n++) {
			const asked = await relay(first, [local(door.port)], "get/metric/config");
			assert.equal(asked.status, 200);
		}
		assert.equal(door.accepted(), 1);
	});

	it("an agent can be its own next hop 16 times", async () => {
		const request = check("check_exit", "1");
		const direct = await post(first, "/monitor", request);
		const own = (times: number) => Array(times).fill(local(first)) as string[];
		for (const times of [2, 16]) {
			const relayed = await relay(first, own(times), "monitor", request);
			assert.deepEqual(visible(relayed), visible(direct));
		}
		const refused = await relay(first, own(17), "monitor", request);
		assert.equal(refused.status, 400);
		assert.match(refused.text, /proxy_hostport: /);
	});

	it("nested relays count as hops: 16 pass, 17 do not", async () => {
		const request = check("check_exit", "1");
		const nested = (times: number): unknown =>
			times === 0
				? request
				: {
						proxy_hostport: [local(first)],
						request_type: times === 1 ? "monitor" : "proxy",
						request_json: JSON.stringify(nested(times - 1)),
					};
		const direct = await post(first, "/monitor", request);
		const most = await post(first, "/proxy", nested(16));
		assert.deepEqual(visible(most), visible(direct));
		const refused = await post(first, "/proxy", nested(17));
		assert.equal(refused.status, 400);
		assert.match(refused.text, /over 16 hops in all: 16 passed and 1 to go/);
	});

	it("IPv6: an address in brackets", async (t) => {
		if (!hasIpv6) return t.skip("::1 is not an address of this machine");
		const six = await startWithPlugins(t, ["--listen-address", "::1"]);
		const through = [`[::1]:${six.port}`, local(edge), `[::1]:${six.port}`];
		const request = check("check_exit", "1");
		const direct = await post(edge, "/monitor", request);
		for (const to of [through.slice(0, 1), through]) {
			const relayed = await relay(first, to, "monitor", request);
			assert.deepEqual(visible(relayed), visible(direct));
		}
		await six.stop();
		const down = await relay(first, through, "monitor", request);
		assert.match(down.text, new RegExp(`"\\[::1\\]:${six.port}: connection`));
	});
});

describe("a kept connection that ends when a request has been sent", () => {
	for (const [type, times] of [
		["monitor", 3],
		["get/status", 3],
		["metric/append", 2],
		["inventory", 2],
	] as const)
		it(`${type}: is sent ${times - 1} times`, async (t) => {
			const { port } = await startTestAgent(t);
			let arrived = 0;
			const hop = await answering(t, (response) => {
				if (++arrived === 2) response.socket?.destroy();
				else json(response, {});
			});
			// the next hop relays it, too
			const hops = [local(hop.port), "192.0.2.1"];
			await relay(port, [local(hop.port)], "get/status");
			const { status } = await relay(port, hops, type);
			assert.equal(status, times === 3 ? 200 : 500);
			assert.equal(hop.arrived.length, times);
			assert.equal(hop.arrived.at(-1)?.path, "/proxy");
		});
});
