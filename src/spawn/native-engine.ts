import { constants } from "node:os";
import { dirname } from "node:path";
import { createChildren } from "./children.ts";
import type { NativeAddon } from "./native-addon.ts";
import { createNativePipe } from "./native-pipe.ts";
import { closedPipe } from "./pipe.ts";
import { atProgram } from "./program-paths.ts";
import { createStartLanes } from "./start-lanes.ts";
import type { Engine, Exit, Started } from "./started.ts";

/** Most checks have ended by then, and their outputs need not be watched. One that fills a pipe (64 KiB) waits so long. */
const WATCH_AFTER_MILLISECONDS = 20;

/** Starts at once, and threads of libuv's pool, which has four, that they hold: the store and the file system need the others. */
const STARTS_AT_ONCE = 2;

/** What runs a file that the kernel cannot, as in execvp. */
const SHELL = "/bin/sh";

/**
 * Starts processes through the addon, in a fraction of the time that node:child_process takes.
 * @param openFiles soft limit of open files that they get; this process's own unless given
 */
export function createNativeEngine(
	addon: NativeAddon,
	openFiles?: number,
): Engine {
	const children = createChildren(
		addon.reap,
		process,
		addon.isReaper() ? addon.peek : undefined,
	);
	const environments = new WeakMap<object, Uint8Array>();
	const lanes = createStartLanes({ atOnce: STARTS_AT_ONCE });

	const environmentBlock = (environment: Readonly<Record<string, string>>) => {
		const known = environments.get(environment);
		if (known) return known;
		const entries = Object.entries(environment);
		const block = blockOf(entries.map(([name, value]) => `${name}=${value}`));
		environments.set(environment, block);
		return block;
	};

	const spawn = (
		file: string,
		argv: readonly string[],
		envp: Uint8Array,
		merged: boolean,
	) => {
		const fileBlock = blockOf([file]);
		const argvBlock = blockOf(argv);
		return lanes(
			dirname(file),
			(ownThread) =>
				new Promise<[pid: number, stdout: number, stderr: number]>(
					(resolve, reject) =>
						addon.spawn(
							fileBlock,
							argvBlock,
							envp,
							merged,
							(answer) =>
								typeof answer === "number"
									? reject(systemError(errorName(answer), file))
									: resolve(answer),
							openFiles,
							ownThread,
						),
				),
		);
	};

	const start = async (
		file: string,
		argv: readonly string[],
		envp: Uint8Array,
		merged: boolean,
	): Promise<Started> => {
		let exit: Exit | undefined;
		let exited = (ended: Exit) => {
			exit = ended;
		};
		let drain = () => {};
		let watchLater: NodeJS.Timeout | undefined;
		const [pid, out, err] = await children.start(
			async () => spawn(file, argv, envp, merged),
			(end) => {
				clearTimeout(watchLater);
				drain();
				exited(exitOf(end, addon.firstRealTimeSignal));
			},
		);
		const stdout = createNativePipe(out, addon.drain);
		const stderr = merged ? undefined : createNativePipe(err, addon.drain);
		watchLater = setTimeout(() => {
			stdout.watch();
			stderr?.watch();
		}, WATCH_AFTER_MILLISECONDS);
		drain = () => {
			stdout.drain();
			stderr?.drain();
		};
		return {
			pid,
			stdout,
			stderr: stderr ?? closedPipe,
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
		startsBlock: false,
		exit: addon.exit,
		startProcess: ({ file, args, merged = false }, environment) =>
			atProgram(file, environment, async (path) => {
				const envp = environmentBlock(environment);
				try {
					return await start(path, [file, ...args], envp, merged);
				} catch (error) {
					if ((error as NodeJS.ErrnoException).code !== "ENOEXEC") throw error;
					return start(SHELL, [SHELL, path, ...args], envp, merged);
				}
			}),
	};
}

function exitOf(
	[status, signal, left]: readonly [
		status: number,
		signal: number,
		left: number,
	],
	firstRealTimeSignal: number | undefined,
): Exit {
	return {
		wasLast: left === 0,
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
	if (strings.length === 0) return Buffer.alloc(0);
	const block = Buffer.from(`${strings.join("\0")}\0`);
	let ends = 0;
	for (let at = 0; at < block.length; at++) if (block[at] === 0) ends++;
	if (ends !== strings.length) throw systemError("EINVAL", "a string with NUL");
	return block;
}

/** Node's util.getSystemErrorName does not know ENOEXEC. */
function errorName(number: number): string {
	const names = Object.entries(constants.errno);
	return names.find(([, known]) => known === number)?.[0] ?? `error ${number}`;
}

function systemError(code: string, file: string) {
	return Object.assign(new Error(`start of ${file}: ${code}`), { code });
}

/** Names of signals by their number. */
const signalNames = new Map<number, string>();
// IOT comes before ABRT, POLL before IO: the first name of a number is the usual one, but for these
for (const [name, number] of Object.entries(constants.signals))
	if (!signalNames.has(number) && name !== "SIGIOT" && name !== "SIGPOLL")
		signalNames.set(number, name);

/**
 * The name of a signal. Node knows none for real-time signals: they are counted as in shells, `SIGRTMIN+3`.
 * @param firstRealTimeSignal which depends on the C library
 */
export function signalName(
	number: number,
	firstRealTimeSignal = Number.POSITIVE_INFINITY,
): string {
	const name = signalNames.get(number);
	if (name) return name;
	const above = number - firstRealTimeSignal;
	if (above < 0) return `signal ${number}`;
	return above === 0 ? "SIGRTMIN" : `SIGRTMIN+${above}`;
}
