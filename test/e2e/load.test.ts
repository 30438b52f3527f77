import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { processesOf, stubbornPlugin } from "../support/stubborn-plugin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

describe("the built program under load", () => {
	it("200 checks at once with a plugin that ignores SIGTERM and forks: all answered, no process left", async (t) => {
		const directory = await temporaryDirectory(t);
		await writeFile(join(directory, "check_stubborn"), stubbornPlugin);
		await chmod(join(directory, "check_stubborn"), 0o755);
		const marker = `LOAD_TEST_MARKER=${directory}`;
		const daemon = await startDaemon(
			t,
			["--nagios-plugin-paths", directory, "--command-timeout", "1"],
			{ environment: { LOAD_TEST_MARKER: directory } },
		);
		const left = () =>
			processesOf(marker).filter((pid) => pid !== daemon.process.pid);
		const checks = Array.from({ length: 200 }, () =>
			post(daemon.port, "/monitor", { plugin_name: "check_stubborn" }),
		);
		await eventually("checks run", () => left().length > 20, 30_000);
		// the agent answers other requests in between
		assert.equal((await send({ port: daemon.port })).text, "OK");
		const answers = await Promise.all(checks);
		for (const { status, json } of answers) {
			assert.equal(status, 500);
			assert.deepEqual(json, {
				return_value: 2,
				message: `Exec timeout: ${directory}/check_stubborn `,
			});
		}
		await eventually("no process is left", () => left().length === 0, 15_000);
		assert.equal((await send({ port: daemon.port })).text, "OK");
		const { code, stderr } = await daemon.stop();
		assert.equal(code, 0);
		assert.equal(stderr, "");
	});
});
