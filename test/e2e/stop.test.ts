import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { post } from "../support/https.ts";
import { waitingPlugin } from "../support/sleeping-checks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

for (const signal of ["SIGINT", "SIGTERM"] as const)
	test(`${signal} works at the moment when the agent reports that it is running`, async (t) => {
		const directory = await temporaryDirectory(t);
		const args = ["--quick-start", "data", "-P", "0"];
		// the moment is short; several starts make it likely to hit
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

test("stop-grace-seconds is how long plugins may end by themselves", async (t) => {
	const plugin = await waitingPlugin(t);
	const daemon = await startDaemon(t, [
		...plugin.flags,
		...["--stop-grace-seconds", "10"],
	]);
	const answer = post(daemon.port, "/monitor", {
		plugin_name: "check_waiting",
	});
	await plugin.runs();
	daemon.process.kill("SIGTERM");
	// longer than the default, with all that follows
	await setTimeout(7_000);
	await plugin.letGo();
	const { status, text } = await answer;
	assert.equal(status, 200, text);
	assert.equal((await daemon.exited).code, 0);
});
