import { spawn, spawnSync } from "node:child_process";
import { constants as files } from "node:fs";
import { access, stat } from "node:fs/promises";
import { constants } from "node:os";
import {
	createCloser,
	PROBE,
	SHELL_NAME,
	SHELLS,
	type SpawnLine,
} from "./closer.ts";
import { streamPipe } from "./pipe.ts";
import { atProgram } from "./program-paths.ts";
import type { Engine, Started } from "./started.ts";

/**
 * Starts processes through node:child_process, and a shell that closes descriptors. Three things are beyond it: the
 * outputs are sockets, a death by a real-time signal looks like exit status 0, and a start blocks for milliseconds.
 * @param parts.environment of the search for that shell
 * @param parts.openFiles soft limit of open files that the processes get; this process's own unless given
 */
export function createChildProcessEngine({
	environment,
	log,
	openFiles,
}: {
	environment: Readonly<Record<string, string>>;
	log: { warning(message: string): void };
	openFiles?: number | undefined;
}): Engine {
	const shell = findClosingShell(environment);
	if (!shell)
		log.warning(
			"no shell found that can close descriptors: plugins may inherit open files of this process",
		);
	const throughCloser = createCloser(shell, openFiles);
	return {
		name: "child_process",
		startsBlock: true,
		async startProcess(line, commandEnvironment) {
			// the shell would answer 126 or 127
			await atProgram(line.file, commandEnvironment, checkFile);
			return startThrough(
				throughCloser(line, commandEnvironment),
				commandEnvironment,
			);
		},
		startFailure: ({ file, merged }, { exitStatus, stdout, stderr }) => {
			if (exitStatus !== 126) return undefined;
			const said = merged ? stdout.text : stderr.text;
			if (!said.startsWith(`${SHELL_NAME}: `) || !said.includes(`${file}: `))
				return undefined;
			const [line = ""] = said.split("\n", 1);
			return [...shellReasons].find(([words]) => line.endsWith(words))?.[1];
		},
	};
}

/** How the shell in front of a program ends its complaint, by the C library. */
const shellReasons: ReadonlyMap<string, string> = new Map([
	[": Text file busy", "ETXTBSY"],
	[": Operation not permitted", "EPERM"],
]);

/** Throws what keeps a file from being run. */
async function checkFile(file: string) {
	if ((await stat(file)).isDirectory())
		throw Object.assign(new Error(`is a directory: ${file}`), {
			code: "EACCES",
		});
	await access(file, files.X_OK);
}

function startThrough(
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
			stdout: streamPipe(stdout),
			stderr: streamPipe(stderr),
			onExit: (callback) =>
				child.once("exit", (status, signal) =>
					callback({
						exitStatus: status ?? undefined,
						signal: signal ?? undefined,
						...(signal && { signalNumber: constants.signals[signal] }),
					}),
				),
			unref: () => child.unref(),
		});
	});
}

/** A shell that can be the closer; undefined if there is none. Run once, when the daemon starts, so it may block. */
function findClosingShell(environment: Readonly<Record<string, string>>) {
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
