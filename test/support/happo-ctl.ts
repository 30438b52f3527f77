import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { type Exited, program } from "./daemon.ts";
import { happoCtl, runHere } from "./run-here.ts";
import { temporaryDirectory } from "./temporary.ts";

/** The built program. */
export const ctlProgram = join(dirname(program), "happo-ctl.js");

export const testNode = process.env.HAPPO_TEST_NODE ?? process.execPath;

export interface CtlOptions {
	/** Standard input. */
	input?: string;
	environment?: Record<string, string>;
	/** Its home directory; an empty one by default. */
	home?: string;
	/** Called with all of standard output so far; a returned signal is sent. */
	onOutput?: (text: string) => NodeJS.Signals | undefined;
	/** Close standard output after the first chunk. */
	closesOutput?: boolean;
}

/**
 * Runs happo-ctl to its end, for at most 30 seconds. With a signal or a closed pipe it runs as the
 * built program.
 */
export async function ctl(
	t: Pick<TestContext, "after">,
	args: readonly string[],
	options: CtlOptions = {},
): Promise<Exited> {
	const home = options.home ?? (await temporaryDirectory(t));
	const { onOutput, closesOutput, input = "" } = options;
	// the default may be that of an agent of this machine
	const environment = {
		HAPPO_CTL_ADMIN_SOCKET: "none",
		...options.environment,
	};
	if (!onOutput && !closesOutput && !process.env.HAPPO_TEST_NODE)
		return runHere(happoCtl, args, {
			stdin: input,
			environment: { HOME: home, ...environment },
		});
	const child = spawn(testNode, [ctlProgram, ...args], {
		stdio: ["pipe", "pipe", "pipe"],
		env: {
			PATH: process.env.PATH,
			HOME: home,
			LANG: "C",
			...environment,
		},
		timeout: 30_000,
		killSignal: "SIGKILL",
	});
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => {
		stdout += text;
		if (closesOutput) child.stdout.destroy();
		const signal = onOutput?.(stdout);
		if (signal) child.kill(signal);
	});
	child.stderr.setEncoding("utf8").on("data", (text: string) => {
		stderr += text;
	});
	child.stdin.on("error", () => {});
	child.stdin.end(input);
	const [code, signal] = (await once(child, "close")) as [
		number | null,
		NodeJS.Signals | null,
	];
	return { code, signal, stdout, stderr };
}
