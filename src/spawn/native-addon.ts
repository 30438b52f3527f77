import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The addon's exports; the sources are in native/. */
export interface NativeAddon {
	/**
	 * Starts a program without blocking. The first three arguments are blocks: UTF-8 strings, each
	 * terminated by NUL.
	 * @param started is called in a later turn with the process id and the read ends of its outputs,
	 * the second -1 if merged; or with an error number
	 * @param openFiles soft limit of open files for it, capped at the hard limit; 0 or undefined
	 * keeps the current one
	 * @param ownThread use a new thread, which does not keep this process alive, instead of libuv's
	 * pool; throws EAGAIN if no thread can be created
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
	/**
	 * Returns the id of a child that has ended and has not been reaped; 0 if there is none. Does not
	 * reap it.
	 */
	peek(): number;
	/**
	 * Whether orphaned descendants become children of this process: it is PID 1 of its container, or
	 * a subreaper.
	 */
	isReaper(): boolean;
	/**
	 * Makes this process ignore real-time signals and SIGPROF from now on; started programs get the
	 * default action.
	 */
	disarmSignals(): void;
	/**
	 * From now on, the C library returns freed blocks of at least this many bytes to the system at
	 * once. Only glibc needs it.
	 */
	returnLargeBlocks(bytes: number): void;
	/** Exits at once, without waiting for threads of libuv's pool. */
	exit(status: number): never;
	/**
	 * Reaps a child without blocking. Returns undefined while it runs, then once its exit status and
	 * signal, one of them -1; both are -1 if the child has already been reaped elsewhere. `left` is 0
	 * if the child's group is empty. `cpu` is its CPU time in seconds, `peak` the peak of its resident
	 * memory in bytes, with those of the children that it has waited for; -1 if unknown.
	 */
	reap(
		pid: number,
	):
		| [status: number, signal: number, left: number, cpu: number, peak: number]
		| undefined;
	/**
	 * Reads the contents of a pipe, at most 64 KiB, without waiting.
	 * @returns the bytes, undefined if there are none, and whether the pipe has ended; if so, it is
	 * closed
	 */
	drain(fd: number): [bytes: Buffer | undefined, ended: boolean];
	/**
	 * Locks a file, without waiting, with fcntl and optionally with flock.
	 * @returns 0 or an error number, and the id of the process that holds the fcntl lock, 0 if
	 * unknown
	 */
	lockFile(fd: number, byFlock: boolean): [error: number, holder: number];
	/**
	 * Looks a host name up as the system does (getaddrinfo), on its own thread.
	 * @param found is called in a later turn with the addresses in order, at least one, or with an
	 * error code
	 * @returns false if no thread can be created; then `found` is not called
	 */
	lookup(host: string, found: (answer: string[] | string) => void): boolean;
	/**
	 * Stats a file and checks access, on its own thread.
	 * @param found is called in a later turn; with undefined if the file does not exist or cannot be
	 * read
	 * @returns false if no thread can be created; then `found` is not called
	 */
	look(
		file: string,
		found: (answer?: [mode: number, size: number, mayRun: boolean]) => void,
	): boolean;
	/**
	 * The user id of the process at the other end of a Unix socket; undefined if the system does not
	 * tell.
	 */
	peerUser(fd: number): number | undefined;
	/** Makes another descriptor of the same socket; -1 if too many are open. */
	duplicate(fd: number): number;
	/** SIGRTMIN; it depends on the C library, which reserves the kernel's first real-time signals. */
	firstRealTimeSignal?: number;
}

/** The folder of this package, bundled or not: the nearest one with a package.json. */
function packageFolder(): string | undefined {
	let folder = dirname(fileURLToPath(import.meta.url));
	while (!existsSync(join(folder, "package.json"))) {
		if (folder === dirname(folder)) return undefined;
		folder = dirname(folder);
	}
	return folder;
}

let loaded: NativeAddon | { reason: string } | undefined;

/**
 * The package's addon for this platform, which was shipped or compiled at installation; loaded by
 * the first call.
 * @returns the addon, or the reason, in one line, why it cannot be loaded
 */
export function loadNativeAddon(): NativeAddon | { reason: string } {
	loaded ??= load();
	return loaded;
}

function load(): NativeAddon | { reason: string } {
	const folder = packageFolder();
	if (!folder) return { reason: "the program is not inside its package" };
	// contrib/native/addon.mjs puts it there
	const file = join(
		folder,
		`dist/native/${process.platform}-${process.arch}/spawn.node`,
	);
	if (!existsSync(file)) return { reason: `${file} does not exist` };
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
 * Makes this process ignore real-time signals and SIGPROF, which would end it and which Node cannot
 * listen for. Without the addon they keep their effect.
 */
export function disarmSignals(): void {
	const addon = loadNativeAddon();
	if (!("reason" in addon)) addon.disarmSignals();
}

/** Blocks of at least this size, in bytes, go back to the system; smaller ones are used again. */
const largeBlockBytes = 262_144;

/** Makes this process return the memory of large buffers to the system as soon as they are freed. */
export function returnLargeBlocks(): void {
	const addon = loadNativeAddon();
	if (!("reason" in addon)) addon.returnLargeBlocks(largeBlockBytes);
}
