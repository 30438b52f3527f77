import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { createCommands } from "../../src/commands/command.ts";
import type { StopTimes } from "../../src/commands/execution.ts";
import type { Kill } from "../../src/spawn/process-group.ts";
import type { Engine } from "../../src/spawn/started.ts";
import { testEngine } from "./engine.ts";

const PLUGINS = join(process.cwd(), "test/fixtures/conformance/plugins");
const ENVIRONMENT = { PATH: process.env.PATH ?? "/usr/bin:/bin" };
/** Longer than any test. */
export const patient = { timeoutMilliseconds: 60_000 };

/** Commands with an engine, closed at the end of the test; `logged` has their log lines. */
export function commandsOf(
	engineName: Engine["name"],
	t: Pick<TestContext, "after">,
	{
		outputLimitBytes = 1 << 20,
		environment = ENVIRONMENT,
		...parts
	}: {
		outputLimitBytes?: number;
		environment?: Record<string, string>;
		kill?: Kill;
		times?: StopTimes;
		maxLeftBehind?: number;
	} = {},
) {
	const logged: string[] = [];
	const commands = createCommands({
		engine: testEngine(engineName, environment),
		outputLimitBytes,
		environment,
		log: {
			error: (message) => logged.push(message),
			warning: (message) =>
				/left behind/.test(message)
					? logged.push(message)
					: assert.fail(message),
		},
		...parts,
	});
	t.after(() => commands.close());
	return Object.assign(commands, { logged });
}

export const sh = (script: string, ...args: string[]) => ({
	file: "/bin/sh",
	args: ["-c", script, "sh", ...args],
});
export const plugin = (name: string, ...args: string[]) => ({
	file: join(PLUGINS, name),
	args,
});

/** The living processes of a group, without zombies. */
export function groupMembers(groupId: number) {
	return readdirSync("/proc").filter((entry) => {
		if (!/^\d+$/.test(entry)) return false;
		try {
			const stat = readFileSync(`/proc/${entry}/stat`, "latin1");
			const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
			return state !== "Z" && Number(group) === groupId;
		} catch {
			return false;
		}
	});
}

/** Polls until the condition is true; fails after the time. */
export async function until(
	what: string,
	holds: () => boolean | Promise<boolean>,
	milliseconds = 20_000,
) {
	const deadline = performance.now() + milliseconds;
	while (!(await holds())) {
		assert.ok(performance.now() < deadline, `not in time: ${what}`);
		await pause(20);
	}
}
