import assert from "node:assert/strict";
import { it } from "node:test";
import { processesWith, startWithPlugins } from "../support/command-line.ts";
import { eventually } from "../support/eventually.ts";
import { answering, json, listening } from "../support/next-hop.ts";
import { local, relay, relayBody } from "../support/relaying.ts";
import { openWire, requestText } from "../support/wire.ts";

it("an inner hop gives up before the outer one, and names the slow hop", async (t) => {
	// the outer hop waits a second longer, enough for a slow machine
	const outer = await startWithPlugins(t, ["--proxy-timeout-seconds", "10"]);
	const inner = await startWithPlugins(t);
	// warm up, so that nothing runs for the first time under the short limit
	for (const hop of [inner.port, 1]) {
		const hops = [local(inner.port), local(hop)];
		await relay(outer.port, hops, "monitor", { plugin_name: "check_exit" });
	}
	const gaveUp = async (
		kind: string,
		start: () => Promise<{ port: number }>,
	) => {
		const slow = local((await start()).port);
		const began = performance.now();
		const hops = [local(inner.port), slow];
		const late = await relay(outer.port, hops, "monitor", {});
		const seconds = (performance.now() - began) / 1000;
		assert.equal(late.status, 504, kind);
		const { return_value, message } = late.json as Record<string, string>;
		assert.equal(return_value, 3);
		assert.match(
			message ?? "",
			new RegExp(`^${slow}: no answer within (9|8\\.9)`),
		);
		assert.ok(seconds > 8.5 && seconds < 20, `${kind}: ${seconds} s`);
	};
	await Promise.all([
		gaveUp("does not speak", () => listening(t, (socket) => socket.resume())),
		gaveUp("does not answer", () => answering(t, () => {})),
		gaveUp("does not end its answer", () =>
			answering(t, (response) => response.write("{")),
		),
	]);
});

it("proxy-timeout-seconds of 0 or less means no time limit", async (t) => {
	for (const limit of ["0", "-1"]) {
		const agent = await startWithPlugins(t, [
			`--proxy-timeout-seconds=${limit}`,
		]);
		const next = await answering(t, (response, { headers }) => {
			assert.equal(headers["happo-milliseconds-left"], undefined);
			setTimeout(json, 500, response, { ok: true });
		});
		const answer = await relay(agent.port, [local(next.port)], "monitor");
		assert.deepEqual(answer.json, { ok: true });
	}
});

it("a client that resets its connection stops the plugin at the last hop", async (t) => {
	// far longer than the test waits, so that only the reset can stop the plugin
	const longer = ["--command-timeout", "60"];
	const [first, second, edge] = await Promise.all([
		startWithPlugins(t, longer),
		startWithPlugins(t, longer),
		startWithPlugins(t, longer),
	]);
	const seconds = `54.${edge.port}`;
	const hops = [local(second.port), local(edge.port)];
	const body = relayBody(hops, "monitor", {
		plugin_name: "check_sleep",
		plugin_option: seconds,
	});
	const client = openWire(t, { port: first.port });
	await client.opened;
	client.socket.write(requestText("POST /proxy", body));
	const running = async () => (await processesWith(`\0${seconds}`)).length > 0;
	await eventually("the plugin runs", running);
	// a reset: a client that only closes its side still gets its answer
	client.reset();
	await eventually("the plugin has ended", async () => !(await running()));
});

it("proxy-destinations: each agent refuses other destinations", async (t) => {
	const next = await answering(t, (response) => json(response, { ok: true }));
	const agent = await startWithPlugins(t, [
		"--proxy-destinations=localhost,127.0.0.2",
	]);
	const free = await startWithPlugins(t);
	const hop = local(next.port);
	const refused = await relay(agent.port, [hop], "monitor");
	assert.equal(refused.status, 403);
	assert.match(refused.text, new RegExp(`proxy-destinations: ${hop}`));
	const inner = await relay(free.port, [local(agent.port), hop], "monitor");
	assert.deepEqual(inner.body, refused.body);
	assert.equal(inner.status, 403);
	assert.equal(next.accepted(), 0);
	const allowed = await relay(
		agent.port,
		[`LOCALHOST:${next.port}`],
		"monitor",
	);
	assert.deepEqual(allowed.json, { ok: true });
});

it("proxy-max-answer-bytes: a larger answer gives a clear error", async (t) => {
	const agent = await startWithPlugins(t, ["--proxy-max-answer-bytes=2048"]);
	for (const [bytes, status] of [
		[2048, 200],
		[2049, 500],
		[5_000_000, 500],
	] as const) {
		const next = await answering(t, (response) => {
			response.end("x".repeat(bytes));
		});
		const answer = await relay(agent.port, [local(next.port)], "monitor");
		assert.equal(answer.status, status, String(bytes));
		if (status === 200) assert.equal(answer.text, "x".repeat(bytes));
		else
			assert.deepEqual(answer.json, {
				return_value: 3,
				message: `${local(next.port)}: the answer is over 2048 bytes (proxy-max-answer-bytes)`,
			});
	}
});

it("warns of unverified hops at startup", async (t) => {
	const agent = await startWithPlugins(t);
	assert.match(agent.stdout(), /certificates of next hops are not verified/);
});
