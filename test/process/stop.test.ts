import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { test } from "node:test";
import {
	processesWith,
	startWithPlugins,
	until,
} from "../support/command-line.ts";
import { nodes } from "../support/daemon.ts";
import { post, send } from "../support/https.ts";

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
			await until(
				"both plugins sleep",
				async () => (await processesWith(`sleep\0${marker}`)).length === 2,
			);
			const began = Date.now();
			daemon.process.kill(signal);
			const { code, stderr } = await daemon.exited;
			assert.equal(code, 0);
			assert.equal(stderr, "");
			assert.ok(Date.now() - began < 6_000, `took ${Date.now() - began} ms`);
			await until(
				"nothing is left of the plugins",
				async () => (await processesWith(marker)).length === 0,
			);
			t.diagnostic(`clients got ${(await Promise.all(answers)).join(", ")}`);
			for (const answer of await Promise.all(answers))
				assert.notEqual(answer, 200);
		});
	}

test("a second signal ends it at once, with a failure status", async (t) => {
	const daemon = await startWithPlugins(t);
	const marker = markedSeconds();
	const answer = post(daemon.port, "/monitor", {
		plugin_name: "check_ignoreterm",
		plugin_option: marker,
	}).catch(() => undefined);
	await until(
		"the plugin sleeps",
		async () => (await processesWith(`sleep\0${marker}`)).length === 1,
	);
	daemon.process.kill("SIGTERM");
	await daemon.printed(/SIGTERM: stopping/);
	daemon.process.kill("SIGINT");
	const { code } = await daemon.exited;
	t.after(async () => {
		for (const id of await processesWith(marker)) process.kill(id, "SIGKILL");
	});
	await answer;
	assert.ok(code === 1 || code === 0, `exit status ${code}`);
});
