import assert from "node:assert/strict";
import { test } from "node:test";
import { startWithPlugins } from "../support/command-line.ts";
import { ownNode, startProgram } from "../support/daemon.ts";
import { testSignals } from "../support/node-cases.ts";
import { startSleepingChecks } from "../support/sleeping-checks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

testSignals(ownNode);

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
