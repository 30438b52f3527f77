import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startWithPlugins } from "../support/command-line.ts";
import { ownNode, startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/https.ts";
import { testSignals } from "../support/node-cases.ts";
import { startSleepingChecks } from "../support/sleeping-checks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

testSignals(ownNode);

test("a plugin that is running at SIGTERM may end by itself, and its result is sent", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(
		join(directory, "check_waiting"),
		'#!/bin/sh\ncd "$(dirname "$0")"\n: >started\nuntil [ -e go ]; do sleep 0.05; done\necho finished\n',
		{ mode: 0o755 },
	);
	const daemon = await startDaemon(t, [
		...["--nagios-plugin-paths", directory],
		...["--log-level", "info"],
	]);
	const answer = post(daemon.port, "/monitor", {
		plugin_name: "check_waiting",
	});
	await eventually("the plugin runs", () =>
		existsSync(join(directory, "started")),
	);
	// only to the agent, like systemd with KillMode=mixed
	daemon.process.kill("SIGTERM");
	await daemon.printed(/SIGTERM: stopping/);
	await writeFile(join(directory, "go"), "");
	const { status, text } = await answer;
	assert.equal(status, 200, text);
	assert.deepEqual(JSON.parse(text), {
		return_value: 0,
		message: "finished\n",
	});
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
