import { constants } from "node:os";
import { dirname } from "node:path";
import { createChildren, type End } from "./children.ts";
import type { NativeAddon } from "./native-addon.ts";
import { closedPipe, createNativePipe } from "./output.ts";
import { atProgram } from "./program-paths.ts";
import { createStartLanes } from "./start-lanes.ts";
import type { Engine, Exit, Started } from "./started.ts";

/**
 * How long outputs stay unwatched: most checks have ended by then and never need a socket. A
 * command that fills its pipe (64 KiB) waits as long.
 */
const watchAfterMilliseconds = 20;

/**
 * Concurrent starts. Each holds one of libuv's four pool threads; the store and the file system
 * need the others.
 */
const maxStarts = 2;

/** Runs files without a shebang, as in execvp. */
const shell = "/bin/sh";

/**
 * Starts processes through the addon, in a fraction of the time that node:child_process takes.
 * @param openFiles soft limit of open files for them; this process's own by default
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
	const lanes = createStartLanes({ atOnce: maxStarts });

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
		}, watchAfterMilliseconds);
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
			// only its outputs keep the process alive
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
					return start(shell, [shell, path, ...args], envp, merged);
				}
			}),
	};
}

function exitOf(
	[status, signal, left, cpu, peak]: End,
	firstRealTimeSignal: number | undefined,
): Exit {
	return {
		wasLast: left === 0,
		...(cpu >= 0 && { cpuSeconds: cpu }),
		...(peak >= 0 && { maxRssBytes: peak }),
		exitStatus: status < 0 ? undefined : status,
		...(signal < 0
			? { signal: undefined }
			: {
					signal: signalName(signal, firstRealTimeSignal),
					signalNumber: signal,
				}),
	};
}

/** Encodes strings for the addon; EINVAL for a string with NUL. */
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

/** Signal names by number. */
const signalNames = new Map<number, string>();
// take the first name of each number, except that IOT comes before ABRT, and POLL before IO
for (const [name, number] of Object.entries(constants.signals))
	if (!signalNames.has(number) && name !== "SIGIOT" && name !== "SIGPOLL")
		signalNames.set(number, name);

/**
 * Names a signal. Node has no names for real-time signals; they are counted as in shells,
 * `SIGRTMIN+3`.
 * @param firstRealTimeSignal SIGRTMIN, which depends on the C library
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
