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

/**
 * Commands with a limit, and a function that runs one which leaves a process behind and returns its
 * group.
 */
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

describe("processes that answered commands leave behind", {
	concurrency: true,
}, () => {
	test("keep running and are counted, whether or not they hold outputs open", async (t) => {
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

	test("are stopped, the oldest first, beyond the limit, and the log says why", async (t) => {
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
			"/bin/sh: stopping the processes it left behind, as more than 2 commands have left some (max-left-behind)",
		]);
	});

	test("are stopped for the client that has most, not the one that was first", async (t) => {
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

	test("are killed at once beyond twice the limit", async (t) => {
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
