import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { send } from "../support/https.ts";

test("SIGHUP reloads metrics.yaml, and a broken one changes nothing", async (t) => {
	const daemon = await startDaemon(t, [
		...["--collection-interval-seconds", "3600"],
	]);
	const file = join(daemon.directory, "metrics.yaml");
	const write = (hostname: string) =>
		writeFile(file, `metrics:\n- hostname: ${hostname}\n  plugins: []\n`);
	const change = async (make: () => Promise<void>, expected: RegExp) => {
		const from = daemon.stdout().length;
		await make();
		daemon.process.kill("SIGHUP");
		await eventually(`${expected} is logged`, () =>
			expected.test(daemon.stdout().slice(from)),
		);
	};
	await write("one");
	// the first reading is not a change
	const { port } = daemon;
	assert.equal((await send({ port, path: "/metric/config" })).status, 200);
	await change(() => write("two"), /metrics\.yaml: has changed, now in use\n/);
	await change(
		() => writeFile(file, "metrics: ["),
		/\[error\] .*metrics\.yaml line 1: .*; the last good version stays\n/,
	);
	await change(
		() => write("three"),
		/metrics\.yaml: has changed, now in use\n/,
	);
	const { json } = await send({ port, path: "/metric/config" });
	assert.match(JSON.stringify(json), /"three"/);
	assert.equal((await daemon.stop()).code, 0);
});
