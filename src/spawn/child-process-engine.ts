import { spawn, spawnSync } from "node:child_process";
import { constants as files } from "node:fs";
import { access, stat } from "node:fs/promises";
import { constants } from "node:os";
import {
	createCloser,
	probe,
	type SpawnLine,
	shellName,
	shells,
} from "./closer.ts";
import { streamPipe } from "./output.ts";
import { atProgram } from "./program-paths.ts";
import type { Engine, Started } from "./started.ts";

/**
 * Starts processes through node:child_process, with a shell in front that closes descriptors. Its
 * limits: outputs are sockets, a death by a real-time signal looks like exit status 0, and a start
 * blocks the event loop for milliseconds.
 * @param parts.environment for the search for that shell
 * @param parts.openFiles soft limit of open files for the processes; this process's own by default
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
			// check first: the shell would report it only as exit status 126 or 127
			await atProgram(line.file, commandEnvironment, checkFile);
			return startThrough(
				throughCloser(line, commandEnvironment),
				commandEnvironment,
			);
		},
		startFailure: ({ file, merged }, { exitStatus, stdout, stderr }) => {
			if (exitStatus !== 126) return undefined;
			const said = merged ? stdout.text : stderr.text;
			if (!said.startsWith(`${shellName}: `) || !said.includes(`${file}: `))
				return undefined;
			const [line = ""] = said.split("\n", 1);
			return [...shellReasons].find(([words]) => line.endsWith(words))?.[1];
		},
	};
}

/** Ends of the shell's error messages (strerror of the C library), and their error names. */
const shellReasons: ReadonlyMap<string, string> = new Map([
	[": Text file busy", "ETXTBSY"],
	[": Operation not permitted", "EPERM"],
]);

/** Throws the error that execve would give for the file. */
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
			// undefined despite the types, if the process has no descriptor left
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

/** Finds a shell that can close descriptors. Runs once, when the agent starts, so it may block. */
function findClosingShell(environment: Readonly<Record<string, string>>) {
	return shells.find(({ file, args }) => {
		const { status, stdout, stderr } = spawnSync(
			file,
			[...args, "-c", probe, shellName],
			{
				argv0: shellName,
				env: environment,
				stdio: ["ignore", "pipe", "pipe"],
				timeout: 5000,
			},
		);
		return status === 0 && stdout.length === 0 && stderr.length === 0;
	});
}
