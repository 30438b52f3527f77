import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCommands } from "../../../src/commands/command.ts";
import { createRunner } from "../../../src/commands/runner.ts";
import { createFairLimit } from "../../../src/fair-limit.ts";
import { createSnapshots } from "../../../src/machine-state/snapshot.ts";
import { fixtures, recordingLog } from "../../support/agent.ts";
import { testEngine } from "../../support/engine.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

/** Snapshots over the recorded commands, with what they save. */
function open(
	t: TestContext,
	intervalSeconds: number,
	commands = ["w", "ps auxwwf", "nosuchcommand", "ss -anp", "lsof"],
	outputLimitBytes = 1024 * 1024,
) {
	const { log, lines } = recordingLog();
	const runs = createCommands({
		engine: testEngine(),
		outputLimitBytes,
		environment: {
			PATH: `${join(fixtures, "fakebin")}:/usr/bin:/bin`,
		},
		log,
	});
	t.after(() => runs.close());
	const saved: string[] = [];
	const disk: { failure?: Error | undefined } = {};
	const clock = { milliseconds: 0, set: 0 };
	const start = Date.UTC(2026, 10, 22, 10, 16, 46);
	const snapshots = createSnapshots({
		commands,
		runCommand: createRunner({
			commands: runs,
			places: createFairLimit({ limit: 1 }),
			maxCommands: 1,
			timeoutSeconds: 1,
		}),
		save: async (text) => {
			if (disk.failure) throw disk.failure;
			saved.push(text);
		},
		intervalSeconds,
		timeoutSeconds: 1,
		now: () => start + clock.milliseconds + clock.set,
		elapsed: () => clock.milliseconds,
		log,
	});
	return { snapshots, saved, clock, lines, disk };
}

test("the text has v1's format; a command's failure follows its output", async (t) => {
	const directory = await temporaryDirectory(t);
	const command = async (name: string, script: string) => {
		await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
		await chmod(join(directory, name), 0o755);
		return join(directory, name);
	};
	const hangs = await command("hangs", "echo begun; exec sleep 30");
	const fails = await command("fails", "printf half; echo why >&2; exit 7");
	const dies = await command("dies", "echo here; kill -9 $$");
	const long = await command("long", "printf %03000d 0");
	const { snapshots, saved, lines } = open(
		t,
		0,
		["w", hangs, "nosuchcommand", fails, dies, "ps auxwwf", long, "lsof"],
		2048,
	);
	snapshots.take();
	await snapshots.settled();
	const time = /\((\S+)\)/.exec(saved[0] ?? "")?.[1] ?? "";
	assert.match(time, /^2026-11-2[123]T\d\d:\d\d:46(Z|[+-]\d\d:\d\d)$/);
	assert.equal(Date.parse(time), Date.UTC(2026, 10, 22, 10, 16, 46));
	assert.equal(
		saved[0],
		[
			`********** w  (${time}) **********\nW[]\n\n\n`,
			`********** ${hangs}  (${time}) **********\nbegun\n(timed out after 1 s)\n\n\n`,
			`********** ${fails}  (${time}) **********\nhalf\nwhy\n(exit status 7)\n\n\n`,
			`********** ${dies}  (${time}) **********\nhere\n(terminated by SIGKILL)\n\n\n`,
			`********** ps auxwwf (${time}) **********\nPS[auxwwf]\n\n\n`,
			`********** ${long}  (${time}) **********\n${"0".repeat(2048)}\noutput cut: 2048 of 3000 bytes kept\n\n\n`,
			`********** lsof  (${time}) **********\nLSOF[] no newline\n\n`,
		].join(""),
	);
	const said = lines.join("\n");
	assert.match(
		said,
		/nosuchcommand left out: cannot start nosuchcommand: ENOENT/,
	);
	assert.match(said, /machine state: \S+hangs: timed out after 1 s/);
});

test("snapshots never overlap, and keep the interval", async (t) => {
	const { snapshots, saved, clock } = open(t, 3, ["w"]);
	snapshots.take();
	snapshots.take();
	await snapshots.settled();
	clock.milliseconds += 2_999;
	snapshots.take();
	await snapshots.settled();
	assert.equal(saved.length, 1);
	clock.milliseconds += 1;
	snapshots.take();
	await snapshots.settled();
	assert.equal(saved.length, 2);
});

test("the interval does not depend on the wall clock", async (t) => {
	const { snapshots, saved, clock } = open(t, 3, ["w"]);
	snapshots.take();
	await snapshots.settled();
	for (const set of [3_600_000, -3_600_000]) {
		clock.set = set;
		snapshots.take();
		await snapshots.settled();
		assert.equal(saved.length, 1, `set by ${set} ms`);
	}
	clock.milliseconds += 3_000;
	snapshots.take();
	await snapshots.settled();
	assert.equal(saved.length, 2);
});

test("a negative interval disables snapshots", async (t) => {
	const { snapshots, saved } = open(t, -1, ["w"]);
	snapshots.take();
	await snapshots.settled();
	assert.deepEqual(saved, []);
});

test("a failing store is logged once, and once on recovery", async (t) => {
	const { snapshots, lines, disk } = open(t, 0, ["w"]);
	disk.failure = new Error("the store is full");
	for (let n = 0; n < 3; n++) {
		if (n === 2) disk.failure = undefined;
		snapshots.take();
		await snapshots.settled();
	}
	assert.deepEqual(lines, [
		"error machine state is not saved: the store is full",
		"warning machine state: works again after 2 failures",
	]);
});
