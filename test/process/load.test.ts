import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fixtures } from "../support/agent.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { processesOf, stubbornPlugin } from "../support/stubborn-plugin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const plugins = ["--nagios-plugin-paths", join(fixtures, "plugins")];

describe("the built program under load", () => {
	it("answers 64 concurrent quick checks, each with its own result", async (t) => {
		const { port } = await startDaemon(t, plugins);
		const answers = await Promise.all(
			Array.from({ length: 64 }, (_, n) =>
				post(port, "/monitor", {
					plugin_name: "check_exit",
					plugin_option: `${n}`,
				}),
			),
		);
		answers.forEach(({ status, json }, n) => {
			assert.equal(status, 200);
			assert.deepEqual(json, {
				return_value: n,
				message: `exit ${n} says hello\n`,
			});
		});
	});

	it("checks above max-commands wait for a place", async (t) => {
		const { port } = await startDaemon(t, [...plugins, "--max-commands", "2"]);
		const answers = await Promise.all(
			Array.from({ length: 20 }, () =>
				post(port, "/monitor", {
					plugin_name: "check_sleep",
					plugin_option: "0.1",
				}),
			),
		);
		for (const { status } of answers) assert.equal(status, 200);
	});

	it("answers all of more connections than max-connections", async (t) => {
		const { port } = await startDaemon(t, ["--max-connections", "4"]);
		const answers = await Promise.all(
			Array.from({ length: 100 }, () => send({ port })),
		);
		for (const { text } of answers) assert.equal(text, "OK");
	});

	it("survives NUL in 100000 arrays, in 100000 objects and in 14 MB of numbers", async (t) => {
		const { port } = await startDaemon(t, plugins, {
			environment: { NODE_OPTIONS: "--max-old-space-size=256" },
		});
		for (const body of [
			`${"[".repeat(100_000)}"\\u0000"${"]".repeat(100_000)}`,
			`${'{"a":'.repeat(100_000)}"\\u0000"${"}".repeat(100_000)}`,
			`[${"0,".repeat(7_000_000)}"\\u0000"]`,
		]) {
			const sent = { port, method: "POST", path: "/metric/append", body };
			assert.equal((await send(sent)).status, 400);
			assert.equal((await send({ port })).text, "OK");
		}
	});

	it("stops within its grace while checks run, and leaves no process behind", async (t) => {
		const directory = await temporaryDirectory(t);
		await writeFile(join(directory, "check_stubborn"), stubbornPlugin);
		await chmod(join(directory, "check_stubborn"), 0o755);
		const marker = `LOAD_TEST_MARKER=${directory}`;
		const daemon = await startDaemon(
			t,
			["--nagios-plugin-paths", directory, "--command-timeout", "60"],
			{ environment: { LOAD_TEST_MARKER: directory } },
		);
		const checks = Array.from({ length: 20 }, () =>
			post(daemon.port, "/monitor", { plugin_name: "check_stubborn" }).catch(
				() => undefined,
			),
		);
		await eventually(
			"all run",
			() => processesOf(marker).length >= 1 + 20 * 3,
			30_000,
		);
		const from = performance.now();
		const { code } = await daemon.stop();
		assert.equal(code, 0);
		assert.ok(performance.now() - from < 10_000);
		await Promise.all(checks);
		await eventually("none is left", () => processesOf(marker).length === 0);
	});
});
