import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import { processesWith, startWithPlugins } from "../support/command-line.ts";
import { nodes, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** Seconds to sleep that no other process has among its arguments. */
const markedSeconds = () => `30.${randomInt(1e9, 1e10)}`;

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
			const marker = markedSeconds();
			const answers = [marker, `${marker} | cat`].map((plugin_option) =>
				post(daemon.port, "/monitor", {
					plugin_name: "check_ignoreterm",
					plugin_option,
				}).then(
					({ status }) => status,
					(error: NodeJS.ErrnoException) => error.code,
				),
			);
			// of each the script and its sleep, of the second the shell as well
			await eventually(
				"both plugins sleep",
				async () => (await processesWith(`sleep\0${marker}`)).length === 2,
			);
			const began = Date.now();
			daemon.process.kill(signal);
			const { code, stderr } = await daemon.exited;
			assert.equal(code, 0);
			assert.equal(stderr, "");
			assert.ok(Date.now() - began < 15_000, `took ${Date.now() - began} ms`);
			await eventually(
				"nothing is left of the plugins",
				async () => (await processesWith(marker)).length === 0,
			);
			// the commands are ended before the server is: nobody is cut off
			assert.deepEqual(await Promise.all(answers), [503, 503]);
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
	const marker = markedSeconds();
	const answer = post(daemon.port, "/monitor", {
		plugin_name: "check_ignoreterm",
		plugin_option: marker,
	}).catch(() => undefined);
	await eventually(
		"the plugin sleeps",
		async () => (await processesWith(`sleep\0${marker}`)).length === 1,
	);
	daemon.process.kill("SIGTERM");
	await daemon.printed(/SIGTERM: stopping/);
	daemon.process.kill("SIGINT");
	const { code } = await daemon.exited;
	await answer;
	assert.equal(code, 1);
	await eventually(
		"nothing is left of the plugin",
		async () => (await processesWith(marker)).length === 0,
	);
});
