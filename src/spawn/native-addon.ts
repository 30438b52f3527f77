import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What native/spawn.c exports. */
export interface NativeAddon {
	/**
	 * Starts a program without blocking; the first three are blocks: strings in UTF-8, each with a NUL at its end.
	 * @param started is called in a later turn with the process id and the reading ends of its outputs, the second -1 when
	 * merged; or with an error number
	 * @param openFiles soft limit of open files to give it, at most the hard one; 0 or nothing leaves it
	 * @param ownThread on a thread of its own, which does not keep this process alive, in place of one of libuv's pool;
	 * throws EAGAIN if none can be had
	 */
	spawn(
		file: Uint8Array,
		argv: Uint8Array,
		envp: Uint8Array,
		merged: boolean,
		started: (
			answer: [pid: number, stdout: number, stderr: number] | number,
		) => void,
		openFiles?: number,
		ownThread?: boolean,
	): void;
	/** A child that has ended and that nobody has waited for; 0 if there is none. It is not waited for. */
	peek(): number;
	/** Whether orphans below this process become its children: it is the first of its container, or has asked for them. */
	isReaper(): boolean;
	/** Has real-time signals and SIGPROF change nothing from now on; programs that are started get the default action. */
	disarmSignals(): void;
	/** Ends the process at once, without waiting for the threads of libuv's pool. */
	exit(status: number): never;
	/**
	 * Waits for a child without blocking: undefined while it runs, then once its end, of which one is -1; both when
	 * somebody else has waited for it. `left` is 0 when nobody of the child's group is left.
	 */
	reap(pid: number): [status: number, signal: number, left: number] | undefined;
	/**
	 * Reads what is in a pipe, at most 64 KiB, without waiting.
	 * @returns the bytes, undefined for none, and whether that was all there will ever be: then it has closed the pipe
	 */
	drain(fd: number): [bytes: Buffer | undefined, ended: boolean];
	/**
	 * Locks a file, without waiting, with fcntl and, if wanted, with flock.
	 * @returns 0 or an error number, and the process that holds an fcntl lock, 0 if nobody can tell
	 */
	lockFile(fd: number, byFlock: boolean): [error: number, holder: number];
	/**
	 * Looks a host name up as the system does (getaddrinfo), on a thread of its own.
	 * @param found is called in a later turn with the addresses in their order, at least one, or with the code of an error
	 * @returns false if no thread can be had: nothing is called then
	 */
	lookup(host: string, found: (answer: string[] | string) => void): boolean;
	/**
	 * Looks at a file (stat and access), on a thread of its own.
	 * @param found is called in a later turn; with nothing for a file that is not there or cannot be read
	 * @returns false if no thread can be had: nothing is called then
	 */
	look(
		file: string,
		found: (answer?: [mode: number, size: number, mayRun: boolean]) => void,
	): boolean;
	/** The C library keeps the first ones of the kernel's for itself. */
	firstRealTimeSignal?: number;
}

/** The package this file is in, however it was bundled: the nearest folder with a package.json. */
function packageFolder(): string | undefined {
	let folder = dirname(fileURLToPath(import.meta.url));
	while (!existsSync(join(folder, "package.json"))) {
		if (folder === dirname(folder)) return undefined;
		folder = dirname(folder);
	}
	return folder;
}

/**
 * Loads the addon that the package has for this platform, shipped or compiled when it was installed.
 * @returns the reason, one line, when there is none that can be loaded
 */
export function loadNativeAddon(): NativeAddon | { reason: string } {
	const folder = packageFolder();
	if (!folder) return { reason: "the program lies outside its package" };
	// contrib/native/addon.mjs puts it there
	const file = join(
		folder,
		`dist/native/${process.platform}-${process.arch}/spawn.node`,
	);
	if (!existsSync(file)) return { reason: `${file} is not there` };
	const module = { exports: {} };
	try {
		process.dlopen(module, file);
	} catch (error) {
		const [line = ""] = (error as Error).message.split("\n", 1);
		return { reason: line };
	}
	return module.exports as NativeAddon;
}

/**
 * Has signals that end a process and that Node has no listener for, real-time signals and SIGPROF, change nothing from
 * now on. Without the addon they keep their effect.
 */
export function disarmSignals(): void {
	const addon = loadNativeAddon();
	if (!("reason" in addon)) addon.disarmSignals();
}
