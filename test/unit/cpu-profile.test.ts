import assert from "node:assert/strict";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startCpuProfile } from "../../src/cpu-profile.ts";
import { temporaryDirectory } from "../support/temporary.ts";

/** A function that the profile must name. */
function spinForTheProfile(milliseconds: number) {
	const until = performance.now() + milliseconds;
	let sum = 0;
	while (performance.now() < until)
		for (let n = 0; n < 1_000; n++) sum += Math.sqrt(n);
	return sum;
}

test("writes a profile of the code that ran, in the format of DevTools", async (t) => {
	const file = join(await temporaryDirectory(t), "agent.cpuprofile");
	const profile = startCpuProfile(file);
	assert.equal((await stat(file)).size, 0);
	assert.equal((await stat(file)).mode & 0o777, 0o640 & ~process.umask());
	spinForTheProfile(200);
	profile.write();
	const { nodes, samples, timeDeltas, startTime, endTime } = JSON.parse(
		await readFile(file, "utf8"),
	);
	assert.ok(startTime < endTime);
	assert.ok(samples.length > 10, `${samples.length} samples`);
	assert.equal(timeDeltas.length, samples.length);
	const ids = new Set(nodes.map(({ id }: { id: number }) => id));
	assert.ok(samples.every((id: number) => ids.has(id)));
	assert.ok(
		nodes.some(
			({ callFrame }: { callFrame: { functionName: string } }) =>
				callFrame.functionName === "spinForTheProfile",
		),
	);
});

test("replaces an older, longer file", async (t) => {
	const file = join(await temporaryDirectory(t), "agent.cpuprofile");
	for (const milliseconds of [300, 1]) {
		const profile = startCpuProfile(file);
		spinForTheProfile(milliseconds);
		profile.write();
		JSON.parse(await readFile(file, "utf8"));
	}
});

test("throws the system's error at once for a file that cannot be written", async (t) => {
	const directory = await temporaryDirectory(t);
	const taken = join(directory, "directory");
	await mkdir(taken);
	assert.throws(() => startCpuProfile(taken), { code: "EISDIR" });
	const nowhere = join(directory, "none", "file");
	assert.throws(() => startCpuProfile(nowhere), {
		code: "ENOENT",
		path: nowhere,
	});
});
