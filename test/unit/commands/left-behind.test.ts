import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import {
	commandsOf,
	groupMembers,
	patient,
	sh,
	until,
} from "../../support/commands.ts";
import { testEngine } from "../../support/engine.ts";

const times = { killAfter: 60_000, giveUpAfter: 300 };

/** Commands with a limit, and what runs one for a client that leaves a process behind: its group. */
function limited(t: TestContext, maxLeftBehind: number) {
	const commands = commandsOf(testEngine().name, t, { maxLeftBehind, times });
	const leave = async (script: string, client?: string) => {
		const { stdout } = await commands.run(sh(`${script} & echo $$`), {
			...patient,
			...(client !== undefined && { client }),
		});
		return Number(stdout.text);
	};
	return { commands, leave };
}

const isGone = (group: number) => groupMembers(group).length === 0;

describe("what answered commands leave behind", { concurrency: true }, () => {
	test("lives on and is counted, outputs held open or not", async (t) => {
		const { commands, leave } = limited(t, 2);
		const groups = [
			await leave("sleep 300"),
			await leave("sleep 300 >&- 2>&-"),
		];
		assert.equal(commands.leftBehind, 2);
		assert.equal(commands.running, 0);
		await commands.run(sh(":"), patient);
		assert.equal(commands.leftBehind, 2);
		assert.equal(commands.leftBehindStoppedTotal, 0);
		for (const group of groups) assert.equal(groupMembers(group).length, 1);
		for (const group of groups) process.kill(-group, "SIGKILL");
		await until("none is left", () => commands.leftBehind === 0);
		assert.deepEqual(commands.logged, []);
	});

	test("the oldest of too many is stopped, and the log says why", async (t) => {
		const { commands, leave } = limited(t, 2);
		const [first = 0, ...others] = [
			await leave("sleep 300"),
			await leave("sleep 300"),
			await leave("sleep 300"),
		];
		await until("the first has gone", () => isGone(first));
		await until("two are left", () => commands.leftBehind === 2);
		for (const group of others) assert.equal(groupMembers(group).length, 1);
		assert.equal(commands.leftBehindStoppedTotal, 1);
		assert.deepEqual(commands.logged, [
			"/bin/sh: what it left behind is stopped: more than 2 commands have left something (max-left-behind)",
		]);
	});

	test("the client that has most gives way, not the one that was first", async (t) => {
		const { commands, leave } = limited(t, 3);
		const modest = await leave("sleep 300", "192.0.2.1");
		const own = await leave("sleep 300");
		const first = await leave("sleep 300", "192.0.2.2");
		await leave("sleep 300", "192.0.2.2");
		await until("the first of two has gone", () => isGone(first));
		await until("three are left", () => commands.leftBehind === 3);
		assert.equal(isGone(modest), false);
		assert.equal(isGone(own), false);
	});

	test("what ignores SIGTERM is killed at once when there are twice as many", async (t) => {
		const { commands, leave } = limited(t, 2);
		const stubborn = "(trap '' TERM; sleep 300; sleep 300)";
		const groups = [];
		for (let n = 0; n < 4; n++) groups.push(await leave(stubborn));
		const [first = 0, second = 0] = groups;
		assert.equal(commands.leftBehind, 4);
		assert.equal(isGone(first), false);
		await leave(stubborn);
		await until("the first has gone", () => isGone(first));
		assert.equal(isGone(second), false);
		await until("four are left", () => commands.leftBehind === 4);
	});
});
