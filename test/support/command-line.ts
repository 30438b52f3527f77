import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fixtures } from "./agent.ts";
import {
	type Exited,
	type StartOptions,
	startDaemon,
	startProgram,
} from "./daemon.ts";
import { happoAgent, runHere } from "./run-here.ts";
import { temporaryDirectory } from "./temporary.ts";

type Test = Pick<TestContext, "after">;

/**
 * Runs a command of happo-agent to its end, by default for at most 20 seconds. The agent itself,
 * and commands that need a directory or a Node of their own, run as the built program; other
 * commands run in this process.
 */
export async function run(
	t: Test,
	args: readonly string[],
	options: StartOptions & { milliseconds?: number } = {},
): Promise<Exited> {
	const { node, directory, nodeFlags, program, ...here } = options;
	const isProcess =
		args.includes("daemon") ||
		[node, directory, nodeFlags, program].some(
			(value) => value !== undefined,
		) ||
		process.env.HAPPO_TEST_NODE !== undefined;
	if (isProcess) return runProcess(t, args, options);
	return runHere(happoAgent, args, { milliseconds: 20_000, ...here });
}

/** Runs the built program to its end, in a directory of its own, by default for at most 20 seconds. */
export async function runProcess(
	t: Test,
	args: readonly string[],
	options: StartOptions & { milliseconds?: number } = {},
): Promise<Exited> {
	const directory = options.directory ?? (await temporaryDirectory(t));
	const started = startProgram(t, args, { ...options, directory });
	const tooLong = setTimeout(
		() => started.process.kill("SIGKILL"),
		options.milliseconds ?? 20_000,
	);
	const exited = await started.exited;
	clearTimeout(tooLong);
	return exited;
}

/** Runs a command line that is refused or asks for help, in this process; it must not start an agent. */
export const answerTo = (
	args: readonly string[],
	environment: Record<string, string> = {},
): Promise<Exited> =>
	runHere(happoAgent, args, { environment, milliseconds: 20_000 });

/** Expects a refusal: an exit status, and reasons on standard error, one line each. */
export function assertRefused(
	{ code, signal, stdout, stderr }: Exited,
	status: 1 | 2 | 78,
	...reasons: RegExp[]
) {
	const lines = stderr.split("\n");
	assert.equal(lines.pop(), "", `the last line has no end: ${stderr}`);
	assert.equal(lines.length, reasons.length, stderr);
	for (const [index, line] of lines.entries()) {
		assert.match(line, /^happo-agent: /);
		assert.match(line, reasons[index] ?? /^$/);
	}
	assert.equal(stdout, "");
	assert.equal(code ?? signal, status);
}

/** Ids of processes whose arguments contain a text. */
export async function processesWith(text: string): Promise<number[]> {
	const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
	const found = ids.map(async (id) => {
		const line = await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
		return line.includes(text) ? [Number(id)] : [];
	});
	return (await Promise.all(found)).flat();
}

/** Starts the built agent with the plugins of the recorded cases. */
export const startWithPlugins = (
	t: Test,
	flags: readonly string[] = [],
	options: StartOptions = {},
) =>
	startDaemon(
		t,
		["--nagios-plugin-paths", join(fixtures, "plugins"), ...flags],
		options,
	);
