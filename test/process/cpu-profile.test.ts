import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import {
	assertRefused,
	run,
	startWithPlugins,
} from "../support/command-line.ts";
import { post } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

interface Profile {
	nodes: { id: number; callFrame: { functionName: string; url: string } }[];
	samples: number[];
	timeDeltas: number[];
	startTime: number;
	endTime: number;
}

for (const signal of ["SIGTERM", "SIGINT"] as const)
	test(`--cpu-profile: ${signal} writes a profile of the whole run`, async (t) => {
		const directory = await temporaryDirectory(t);
		const file = join(directory, "agent.cpuprofile");
		// an older one is replaced, even a longer one
		await writeFile(file, "x".repeat(5_000_000));
		const began = Date.now();
		const daemon = await startWithPlugins(t, ["-C", file], { directory });
		for (let n = 0; n < 20; n++)
			await post(daemon.port, "/monitor", {
				plugin_name: "check_exit",
				plugin_option: "0",
			});
		assert.match(await readFile(file, "utf8"), /^x+$/, "not before the end");
		daemon.process.kill(signal);
		const { code, stderr } = await daemon.exited;
		assert.equal(code, 0);
		assert.equal(stderr, "");
		const profile: Profile = JSON.parse(await readFile(file, "utf8"));
		const { nodes, samples, timeDeltas, startTime, endTime } = profile;
		assert.ok(startTime < endTime);
		// microseconds
		assert.ok((endTime - startTime) / 1000 <= Date.now() - began);
		assert.ok(samples.length > 100, `${samples.length} samples`);
		assert.equal(timeDeltas.length, samples.length);
		const ids = new Set(nodes.map(({ id }) => id));
		assert.ok(samples.every((id) => ids.has(id)));
		assert.ok(
			nodes.some(({ callFrame }) => callFrame.url.includes("run-daemon-")),
			"nothing of the agent is in it",
		);
	});

test("--cpu-profile: a file that cannot be written aborts startup with one line", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	await mkdir(join(directory, "taken"));
	for (const [file, reason] of [
		[
			"none/agent.cpuprofile",
			/none\/agent\.cpuprofile: no such file or directory$/i,
		],
		["taken", /taken: is a directory$/i],
	] as const)
		assertRefused(
			await run(
				t,
				[
					...["daemon", "-P", "0", "--listen-address", "127.0.0.1"],
					...["-B", pair["public-key"], "-R", pair["private-key"]],
					`--cpu-profile=${file}`,
				],
				{ directory },
			),
			1,
			reason,
		);
	// the log has it, too
	const log = await readFile(join(directory, "happo-agent.log"), "utf8");
	assert.match(log, /\[error\] .*taken: is a directory$/im);
});
