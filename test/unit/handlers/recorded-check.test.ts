import assert from "node:assert/strict";
import { test } from "node:test";
import type { CommandResult } from "../../../src/commands/command.ts";
import type { CheckEnd } from "../../../src/handlers/monitor.ts";
import { recordCheck } from "../../../src/handlers/recorded-check.ts";
import type { Call, Facts, Permit } from "../../../src/operation.ts";
import type { CheckRun } from "../../../src/status/check-results.ts";

const captured = (text: string, cut = false) => ({
	...{ text, cut, bytes: text.length, kept: text.length },
});

const result: CommandResult = {
	...{ exitStatus: 2, signal: undefined, cpuSeconds: 0.5, maxRssBytes: 7 },
	...{ stdout: captured("bad | x=1"), stderr: captured("oh") },
	...{ timedOut: false, started: true, cancelled: false, survived: false },
	...{ lacksMemory: false, durationMilliseconds: 250 },
};

const ofDisk: Permit = {
	hasSecrets: false,
	run: { command: "disk", argv: ["check_disk"], slots: {}, secrets: [] },
};

const askedBy = { who: ["nagios"], address: "192.0.2.10", unprovedHops: 0 };

/** What is recorded of a check that ends like this. */
async function recorded(end: CheckEnd, found: Facts, permit?: Permit) {
	const runs: CheckRun[] = [];
	const check = recordCheck(
		async (_requested, _call, facts) => {
			Object.assign(facts, found);
			return end;
		},
		{ record: (run) => runs.push(run) },
	);
	const call: Partial<Call> = { permit, askedBy };
	const requested = { name: "check_disk", option: "-p /" };
	assert.equal(await check(requested, call as Call, {}), end);
	return runs;
}

const found: Facts = {
	...{ plugin: "check_disk", pluginFound: true },
	...{ exitStatus: 2, ranMilliseconds: 250, timedOut: false },
};

test("a check is known by the policy's command, otherwise by its plugin", async () => {
	const run: CheckRun = {
		...{ check: "check_disk", plugin: "check_disk", exitStatus: 2 },
		...{ timedOut: false, durationSeconds: 0.25, cpuSeconds: 0.5 },
		...{ maxRssBytes: 7, stdout: "bad | x=1", isCut: false },
		...{ otherOutput: "oh", secrets: undefined, askedBy },
		options: "check_disk\0-p /",
	};
	assert.deepEqual(await recorded({ ended: result }, found), [run]);
	assert.deepEqual(await recorded({ ended: result }, found, ofDisk), [
		{ ...run, check: "disk", options: "check_disk" },
	]);
});

test("a name that a client may have invented is not recorded; one of the policy is", async () => {
	const end = { missing: { missing: "not found", file: "/p/gone" } } as const;
	const facts = {
		plugin: "gone",
		exitStatus: 127,
		reason: "not found: /p/gone",
	};
	assert.deepEqual(await recorded(end, facts), []);
	const [run] = await recorded(end, facts, ofDisk);
	assert.deepEqual(
		[run?.check, run?.exitStatus, run?.otherOutput, run?.cpuSeconds],
		["disk", 127, "not found: /p/gone", undefined],
	);
});

test("a plugin that was stopped has no exit status", async () => {
	const { exitStatus: _, ...facts } = found;
	const [run] = await recorded(
		{
			late: { file: "/p/check_disk", option: "" },
			why: "",
			stopped: { ...result, stdout: captured("still", true), timedOut: true },
		},
		{ ...facts, timedOut: true },
	);
	assert.deepEqual(
		[run?.exitStatus, run?.timedOut, run?.stdout, run?.isCut],
		[undefined, true, "still", true],
	);
});

test("the values of secret slots are told, or that nobody knows them", async () => {
	const withSecrets: Permit = {
		hasSecrets: true,
		run: {
			...{ command: "disk", argv: ["check_disk"] },
			slots: { user: "u", password: "geheim", more: ["a", ""], empty: "" },
			secrets: ["password", "more", "empty"],
		},
	};
	const secrets = async (permit: Permit) =>
		(await recorded({ ended: result }, found, permit))[0]?.secrets;
	assert.deepEqual(await secrets(withSecrets), ["geheim", "a"]);
	assert.equal(await secrets({ hasSecrets: true }), "unknown");
});
