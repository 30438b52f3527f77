import { constants, statSync } from "node:fs";
import {
	type FileHandle,
	open,
	readFile,
	stat,
	statfs,
} from "node:fs/promises";
import { constants as os } from "node:os";
import { basename, join } from "node:path";
import { loadNativeAddon, type NativeAddon } from "../spawn/native-addon.ts";

/** The database is open in another process, or elsewhere in this one. */
export class StoreLocked extends Error {
	constructor(directory: string, by?: Holder | "this process") {
		super(`the store is in use by ${whoIs(by)}: ${directory}`);
	}
}

function whoIs(by: Holder | "this process" | undefined): string {
	if (by === "this process") return "this process already";
	if (!by || by.pid <= 0) return "another process";
	return `process ${by.pid}${by.program && ` (${by.program})`}`;
}

/** The addon's locking function. Without the addon (undefined), /proc/locks is read instead. */
export type LockFile = NativeAddon["lockFile"];

/** The addon's function; undefined without the addon. */
export function nativeLockFile(): LockFile | undefined {
	const addon = loadNativeAddon();
	return "reason" in addon ? undefined : addon.lockFile;
}

/**
 * The database's LOCK file, kept open and locked with both `flock` and `fcntl`: LevelDB in C++ only
 * sees fcntl locks, LevelDB in Go only flock.
 */
export interface DirectoryLock {
	/**
	 * Takes the lock. Call it again after a LevelDB was closed: closing any descriptor of a file
	 * drops the process's fcntl locks on it, so nothing else in this process may open LOCK. Throws
	 * StoreLocked with the holder, before any file of the directory has changed, or the system's
	 * error.
	 */
	take(): Promise<void>;
	/** Whether LOCK is still the file that is locked. Synchronous. */
	isInPlace(): boolean;
	/** Releases the lock; only after LevelDB is closed. */
	release(): Promise<void>;
}

/** File systems that implement flock as an fcntl lock, which would conflict with LevelDB's own. */
const remoteFileSystems = new Set([0x6969, 0xff534d42, 0xfe534d42]);

/** The LOCK files that this process holds. */
const held = new Set<string>();

const nameOf = ({ dev, ino }: FileNumbers) => `${dev}:${ino}`;

/** Creates the lock of a directory without taking it. `lockFile` is undefined without the addon. */
export function createDirectoryLock(
	directory: string,
	lockFile: LockFile | undefined,
): DirectoryLock {
	const path = join(directory, "LOCK");
	let file: { handle: FileHandle; numbers: FileNumbers } | undefined;

	const release = async () => {
		const last = file;
		file = undefined;
		if (!last) return;
		held.delete(nameOf(last.numbers));
		await last.handle.close();
	};

	const isInPlace = () => {
		const there = statSync(path, { bigint: true, throwIfNoEntry: false });
		return (
			there !== undefined &&
			file !== undefined &&
			nameOf(there) === nameOf(file.numbers)
		);
	};

	/** Throws StoreLocked if another process has the lock. */
	const lock = async ({ handle, numbers }: NonNullable<typeof file>) => {
		if (lockFile) {
			const { type } = await statfs(path);
			const [error, pid] = lockFile(handle.fd, !remoteFileSystems.has(type));
			// any other error means that the file system has no locks, which LevelDB reports
			if (error !== os.errno.EAGAIN && error !== os.errno.EACCES) return;
			throw new StoreLocked(
				directory,
				pid > 0 ? await holder(pid) : await otherHolder(numbers),
			);
		}
		const by = await otherHolder(numbers);
		if (by) throw new StoreLocked(directory, by);
	};

	return {
		take: async () => {
			if (file && !isInPlace()) await release();
			if (!file) {
				const there = await stat(path, { bigint: true }).catch(() => undefined);
				// opening and closing it would drop the lock that we hold
				if (there && held.has(nameOf(there)))
					throw new StoreLocked(directory, "this process");
				const handle = await open(
					path,
					constants.O_RDWR | constants.O_CREAT,
					0o644,
				);
				const numbers = await handle.stat({ bigint: true });
				file = { handle, numbers };
				held.add(nameOf(numbers));
			}
			await lock(file).catch(async (error) => {
				await release();
				throw error;
			});
		},
		isInPlace,
		release,
	};
}

/** A process that has a lock on a file. */
export interface Holder {
	pid: number;
	/** The program's name; empty if not readable. */
	program: string;
}

/** A file's device and inode. */
interface FileNumbers {
	dev: bigint;
	ino: bigint;
}

/** `08:01`: a device in hexadecimal, as the kernel prints it (glibc's makedev). */
function deviceText(dev: bigint): string {
	const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
	const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
	const two = (value: bigint) => value.toString(16).padStart(2, "0");
	return `${two(major)}:${two(minor)}`;
}

/**
 * Finds the processes that have any kind of lock on a file in the text of /proc/locks. On overlayfs
 * and btrfs the device there differs from the one that `stat` reports: if no line matches the
 * device, the inode number decides.
 */
export function holdersIn(locks: string, file: FileNumbers): number[] {
	const found = locks.split("\n").flatMap((line) => {
		// `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; a line with `->` is only waiting
		const match =
			/^\d+: (?:FLOCK|POSIX|OFDLCK)\s+\S+\s+\S+\s+(-?\d+) ([0-9a-f]+:[0-9a-f]+):(\d+) /.exec(
				line,
			);
		const [, pid = "", device = "", inode = ""] = match ?? [];
		return BigInt(inode) === file.ino && match
			? [{ pid: Number(pid), exact: device === deviceText(file.dev) }]
			: [];
	});
	const exact = found.filter((lock) => lock.exact);
	return (exact.length > 0 ? exact : found).map(({ pid }) => pid);
}

/** The program's name; for Node, with the name of the script. */
export async function programOf(pid: number): Promise<string> {
	const read = (name: string) =>
		readFile(`/proc/${pid}/${name}`, "utf8").catch(() => "");
	const name = (await read("comm")).trim();
	const [interpreter = "", ...words] = (await read("cmdline")).split("\0");
	// Node names its main thread, not its program
	if (!/^node(js)?$/.test(basename(interpreter))) return name;
	const script = words.find((word) => !word.startsWith("-")) ?? "";
	return ["node", basename(script)].filter((part) => part !== "").join(" ");
}

/** A process with its program's name. */
async function holder(pid: number): Promise<Holder> {
	return { pid, program: await programOf(pid) };
}

/**
 * Another process that has a lock on the file, if visible: other containers' processes are not, and
 * only Linux has /proc/locks.
 */
async function otherHolder(file: FileNumbers): Promise<Holder | undefined> {
	const locks = await readFile("/proc/locks", "utf8").catch(() => "");
	const pid = holdersIn(locks, file).find((of) => of !== process.pid);
	if (pid === undefined) return undefined;
	return pid > 0 ? holder(pid) : { pid, program: "" };
}

/**
 * The process that has locked a store; undefined if none has, or none that is visible. Does not open
 * LOCK: closing it again would drop a lock of this process.
 */
export async function lockHolder(
	directory: string,
): Promise<Holder | undefined> {
	const numbers = await stat(join(directory, "LOCK"), { bigint: true }).catch(
		() => undefined,
	);
	return numbers && otherHolder(numbers);
}
