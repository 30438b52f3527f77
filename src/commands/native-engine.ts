import { Socket } from "node:net";
import { Readable } from "node:stream";
import { getSystemErrorName } from "node:util";
import { createChildren } from "./children.ts";
import type { NativeAddon } from "./native-addon.ts";
import { atProgram } from "./program-paths.ts";
import { signalName } from "./signal-name.ts";
import type { Engine, Exit, Started } from "./started.ts";

/** What runs a file that the kernel cannot, as in execvp. */
const SHELL = "/bin/sh";

/** Starts processes through posix_spawn, in a fraction of the time that node:child_process takes. */
export function createNativeEngine(addon: NativeAddon): Engine {
	const children = createChildren(addon.reap);
	const environments = new WeakMap<object, Uint8Array>();

	const environmentBlock = (environment: Readonly<Record<string, string>>) => {
		const known = environments.get(environment);
		if (known) return known;
		const entries = Object.entries(environment);
		const block = blockOf(entries.map(([name, value]) => `${name}=${value}`));
		environments.set(environment, block);
		return block;
	};

	const start = (
		file: string,
		argv: readonly string[],
		envp: Uint8Array,
		merged: boolean,
	): Started => {
		let exit: Exit | undefined;
		let exited = (ended: Exit) => {
			exit = ended;
		};
		const [pid, stdout, stderr] = children.start(
			() => {
				const answer = addon.spawn(
					blockOf([file]),
					blockOf(argv),
					envp,
					merged,
				);
				if (typeof answer === "number")
					throw systemError(getSystemErrorName(-answer), file);
				return answer;
			},
			(end) => exited(exitOf(end, addon.firstRealTimeSignal)),
		);
		return {
			pid,
			stdout: pipeOf(stdout),
			stderr: merged ? Readable.from([]) : pipeOf(stderr),
			onExit: (callback) => {
				if (exit) callback(exit);
				else exited = callback;
			},
			// nothing of it keeps the process alive but its outputs
			unref: () => {},
		};
	};

	return {
		name: "native",
		startProcess: ({ file, args, merged = false }, environment) =>
			atProgram(file, environment, (path) => {
				const envp = environmentBlock(environment);
				try {
					return start(path, [file, ...args], envp, merged);
				} catch (error) {
					if ((error as NodeJS.ErrnoException).code !== "ENOEXEC") throw error;
					return start(SHELL, [SHELL, path, ...args], envp, merged);
				}
			}),
	};
}

function exitOf(
	[status, signal]: readonly [status: number, signal: number],
	firstRealTimeSignal: number | undefined,
): Exit {
	return {
		exitStatus: status < 0 ? undefined : status,
		...(signal < 0
			? { signal: undefined }
			: {
					signal: signalName(signal, firstRealTimeSignal),
					signalNumber: signal,
				}),
	};
}

/** Strings as the addon takes them; EINVAL for one with a NUL, which would end it. */
function blockOf(strings: readonly string[]): Uint8Array {
	for (const string of strings)
		if (string.includes("\0")) throw systemError("EINVAL", "a string with NUL");
	return Buffer.from(strings.map((string) => `${string}\0`).join(""));
}

function pipeOf(fd: number) {
	return new Socket({ fd, readable: true, writable: false });
}

function systemError(code: string, file: string) {
	return Object.assign(new Error(`posix_spawn ${file}: ${code}`), { code });
}
