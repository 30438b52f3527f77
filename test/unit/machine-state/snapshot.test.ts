import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCommands } from "../../../src/commands/command.ts";
import { createRunner } from "../../../src/commands/runner.ts";
import { createSlots } from "../../../src/commands/slots.ts";
import { createSnapshots } from "../../../src/machine-state/snapshot.ts";
import { fixtures, recordingLog } from "../../support/agent.ts";
import { testEngine } from "../../support/engine.ts";

/** Snapshots with the recorded commands, and what was saved. */
function open(
	t: TestContext,
	intervalSeconds: number,
	commands = ["w", "ps auxwwf", "nosuchcommand", "ss -anp", "lsof"],
) {
	const { log, lines } = recordingLog();
	const runs = createCommands({
		engine: testEngine(),
		outputLimitBytes: 1024 * 1024,
		environment: {
			PATH: `${join(fixtures, "fakebin")}:/usr/bin:/bin`,
		},
		log,
	});
	t.after(() => runs.close());
	const saved: string[] = [];
	const clock = { milliseconds: 0, set: 0 };
	const start = Date.UTC(2026, 10, 22, 10, 16, 46);
	const snapshots = createSnapshots({
		commands,
		runCommand: createRunner({
			commands: runs,
			slots: createSlots({ limit: 1 }),
			maxCommands: 1,
			timeoutSeconds: 1,
		}),
		save: async (text) => {
			saved.push(text);
		},
		intervalSeconds,
		now: () => start + clock.milliseconds + clock.set,
		elapsed: () => clock.milliseconds,
		log,
	});
	return { snapshots, saved, clock, lines };
}

test("the original's form; what is missing, fails or hangs is left out and said", async (t) => {
	const { snapshots, saved, lines } = open(t, 0, [
		"w",
		"sleep 30",
		"nosuchcommand",
		"ss -anp",
		"ps auxwwf",
		"lsof",
	]);
	snapshots.take();
	await snapshots.settled();
	const time = /\((\S+)\)/.exec(saved[0] ?? "")?.[1] ?? "";
	assert.match(time, /^2026-11-2[123]T\d\d:\d\d:46(Z|[+-]\d\d:\d\d)$/);
	assert.equal(Date.parse(time), Date.UTC(2026, 10, 22, 10, 16, 46));
	assert.equal(
		saved[0],
		[
			`********** w  (${time}) **********\nW[]\n\n\n`,
			`********** ps auxwwf (${time}) **********\nPS[auxwwf]\n\n\n`,
			`********** lsof  (${time}) **********\nLSOF[] no newline\n\n`,
		].join(""),
	);
	const said = lines.filter((line) => /left out/.test(line)).join("\n");
	assert.match(said, /sleep 30 left out: timeout/);
	assert.match(
		said,
		/nosuchcommand left out: cannot start nosuchcommand: ENOENT/,
	);
	assert.match(said, /ss -anp left out: exit status 1/);
});

test("never two at once, and not before the interval has passed", async (t) => {
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

test("the interval does not depend on a clock that is set", async (t) => {
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

test("below 0 none is taken", async (t) => {
	const { snapshots, saved } = open(t, -1, ["w"]);
	snapshots.take();
	await snapshots.settled();
	assert.deepEqual(saved, []);
});
