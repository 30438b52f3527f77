import { spawn, spawnSync } from "node:child_process";
import { PROBE, SHELL_NAME, SHELLS, type SpawnLine } from "./closer.ts";
import type { Started } from "./execution.ts";

/** Starts a process through node:child_process. Another engine gives the same answer. */
export function startProcess(
	{ file, args, argv0 }: SpawnLine,
	environment: Readonly<Record<string, string>>,
): Promise<Started> {
	const child = spawn(file, args, {
		argv0,
		detached: true,
		env: environment,
		stdio: ["ignore", "pipe", "pipe"],
	});
	return new Promise((resolve, reject) => {
		const { pid, stdout, stderr } = child;
		child.on("error", (error) => {
			// without a descriptor left there are no streams either, whatever the types say
			stdout?.destroy();
			stderr?.destroy();
			reject(error);
		});
		if (pid === undefined) return;
		resolve({
			pid,
			stdout,
			stderr,
			onExit: (callback) =>
				child.once("exit", (status, signal) =>
					callback(status ?? undefined, signal ?? undefined),
				),
			unref: () => child.unref(),
		});
	});
}

/**
 * A shell that can be the closer; undefined if there is none. Run once, when the
 * daemon starts, so it may block for some milliseconds.
 */
export function findClosingShell(
	environment: Readonly<Record<string, string>>,
) {
	return SHELLS.find(({ file, args }) => {
		const { status, stdout, stderr } = spawnSync(
			file,
			[...args, "-c", PROBE, SHELL_NAME],
			{
				argv0: SHELL_NAME,
				env: environment,
				stdio: ["ignore", "pipe", "pipe"],
				timeout: 5000,
			},
		);
		return status === 0 && stdout.length === 0 && stderr.length === 0;
	});
}
