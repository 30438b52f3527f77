import assert from "node:assert/strict";
import { test } from "node:test";
import { startWithPlugins } from "../support/command-line.ts";
import { nodes, startProgram } from "../support/daemon.ts";
import { send } from "../support/https.ts";
import { startSleepingChecks } from "../support/sleeping-checks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

for (const { name, path } of nodes)
	for (const signal of ["SIGINT", "SIGTERM"] as const) {
		test(`${name}: ${signal} ends an idle agent with exit status 0`, async (t) => {
			const daemon = await startWithPlugins(t, [], { node: path });
			assert.equal((await send(daemon)).status, 200);
			const began = Date.now();
			daemon.process.kill(signal);
			const { code, stderr } = await daemon.exited;
			assert.equal(code, 0);
			assert.equal(stderr, "");
			assert.ok(Date.now() - began < 2_000, `took ${Date.now() - began} ms`);
			await assert.rejects(send(daemon), { code: "ECONNREFUSED" });
		});

		test(`${name}: ${signal} ends it while plugins that ignore SIGTERM run, and them, too`, async (t) => {
			const daemon = await startWithPlugins(t, [], { node: path });
			const checks = await startSleepingChecks(daemon, ["", " | cat"]);
			const began = Date.now();
			daemon.process.kill(signal);
			const { code, stderr } = await daemon.exited;
			assert.equal(code, 0);
			assert.equal(stderr, "");
			assert.ok(Date.now() - began < 15_000, `took ${Date.now() - began} ms`);
			await checks.gone();
			// the commands are ended before the server is: nobody is cut off
			assert.deepEqual(await checks.answers, [503, 503]);
		});
	}

for (const signal of ["SIGINT", "SIGTERM"] as const)
	test(`${signal} at the moment it says that it runs is obeyed, too`, async (t) => {
		const directory = await temporaryDirectory(t);
		const args = ["--quick-start", "data", "-P", "0"];
		// the moment is short: several starts, so that it is met
		for (let start = 0; start < 5; start++) {
			const started = startProgram(
				t,
				["daemon", ...args, "--listen-address", "127.0.0.1"],
				{ directory },
			);
			started.process.stdout?.on("data", () => {
				if (/is running/.test(started.stdout())) started.process.kill(signal);
			});
			const { code, signal: killedBy } = await started.exited;
			assert.deepEqual({ code, killedBy }, { code: 0, killedBy: null });
		}
	});

test("a second signal ends it at once, with a failure status", async (t) => {
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
