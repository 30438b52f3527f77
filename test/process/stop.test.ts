import assert from "node:assert/strict";
import { Agent } from "node:https";
import { test } from "node:test";
import { startWithPlugins } from "../support/command-line.ts";
import { ownNode, startDaemon } from "../support/daemon.ts";
import { post, send } from "../support/https.ts";
import { testSignals } from "../support/node-cases.ts";
import {
	startSleepingChecks,
	waitingPlugin,
} from "../support/sleeping-checks.ts";
import { openWire, requestText } from "../support/wire.ts";

testSignals(ownNode);

const waitingCheck = { plugin_name: "check_waiting" };
const finished = { return_value: 0, message: "finished\n" };

test("a plugin that is running at SIGTERM may end by itself, and its result is sent", async (t) => {
	const plugin = await waitingPlugin(t);
	const daemon = await startDaemon(t, plugin.flags);
	const agent = new Agent({ keepAlive: true });
	t.after(() => agent.destroy());
	const answer = send({
		...{ port: daemon.port, method: "POST", path: "/monitor", agent },
		body: JSON.stringify(waitingCheck),
	});
	await plugin.runs();
	// only to the agent, like systemd with KillMode=mixed
	daemon.process.kill("SIGTERM");
	await daemon.printed(/SIGTERM: stopping/);
	await plugin.letGo();
	const { status, headers, text } = await answer;
	assert.equal(status, 200, text);
	assert.deepEqual(JSON.parse(text), finished);
	// the client must not send another request over this connection
	assert.equal(headers.connection, "close");
	assert.equal((await daemon.exited).code, 0);
});

test("a plugin that exceeds stop-grace-seconds is stopped", async (t) => {
	const plugin = await waitingPlugin(t);
	const daemon = await startDaemon(t, [
		...plugin.flags,
		...["--stop-grace-seconds", "0"],
	]);
	const answer = post(daemon.port, "/monitor", waitingCheck);
	await plugin.runs();
	const begun = performance.now();
	assert.equal((await daemon.stop()).code, 0);
	const took = performance.now() - begun;
	assert.ok(took < 2_900, `took ${took} ms`);
	const { status, text } = await answer;
	assert.equal(status, 503, text);
	assert.match(text, /the agent is stopping/);
});

test("a check is answered if its connection was open at SIGTERM, or waited for a place", async (t) => {
	const plugin = await waitingPlugin(t);
	const daemon = await startDaemon(t, [
		...plugin.flags,
		...["--max-connections", "2", "--log-level", "info"],
	]);
	const check = requestText("POST /monitor", JSON.stringify(waitingCheck));
	const running = openWire(t, daemon);
	await running.opened;
	running.socket.write(check);
	await plugin.runs();
	const open = openWire(t, daemon);
	await open.opened;
	const waiting = openWire(t, daemon);
	waiting.socket.write(check);
	await daemon.printed(/2 connections are open .* more are waiting/);
	daemon.process.kill("SIGTERM");
	await daemon.printed(/SIGTERM: stopping/);
	open.socket.write(check);
	await plugin.letGo();
	for (const wire of [running, open, waiting])
		assert.match((await wire.ended).text, /^HTTP\/1\.1 200 .*finished/s);
	assert.equal((await daemon.exited).code, 0);
});

test("idle connections are closed while others are still answered", async (t) => {
	const plugin = await waitingPlugin(t);
	const daemon = await startDaemon(t, plugin.flags);
	const idle = openWire(t, daemon);
	idle.socket.write(requestText("GET /"));
	await idle.until(/OK$/);
	const answer = post(daemon.port, "/monitor", waitingCheck);
	await plugin.runs();
	daemon.process.kill("SIGTERM");
	assert.match((await idle.ended).text, /OK$/);
	await plugin.letGo();
	assert.equal((await answer).status, 200);
	assert.equal((await daemon.exited).code, 0);
});

test("a second signal ends the agent at once, with a failure status", async (t) => {
	const daemon = await startWithPlugins(t);
	const checks = await startSleepingChecks(daemon);
	daemon.process.kill("SIGTERM");
	await daemon.printed(/SIGTERM: stopping/);
	daemon.process.kill("SIGINT");
	const { code } = await daemon.exited;
	await checks.answers;
	assert.equal(code, 1);
	await checks.gone();
});
