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

/** Another process, or another part of this one, has the database open. */
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

/** The part of the native addon that locks; undefined: /proc/locks is read in its place. */
export type LockFile = NativeAddon["lockFile"];

/** The addon's, where there is an addon. */
export function nativeLockFile(): LockFile | undefined {
	const addon = loadNativeAddon();
	return "reason" in addon ? undefined : addon.lockFile;
}

/**
 * The file LOCK of a database, kept open and locked with `flock` and `fcntl`:
 * LevelDB in C++ sees only the second, LevelDB in Go only the first.
 */
export interface DirectoryLock {
	/**
	 * Takes the lock, or takes again what a LevelDB gave up as it was closed:
	 * closing any descriptor of a file ends a process's fcntl locks on it, so
	 * nothing else in this process may open LOCK. Throws StoreLocked with the
	 * holder, before any file of the directory has changed, or the system's error.
	 */
	take(): Promise<void>;
	/** Whether the directory still has the file that is locked. Blocks. */
	isInPlace(): boolean;
	/** Gives it up; only after LevelDB is closed. */
	release(): Promise<void>;
}

/** File systems that turn flock into a lock that LevelDB's own would meet. */
const remoteFileSystems = new Set([0x6969, 0xff534d42, 0xfe534d42]);

/** The LOCK files this process holds. */
const held = new Set<string>();

const nameOf = ({ dev, ino }: FileNumbers) => `${dev}:${ino}`;

/** The lock of a directory, not taken yet. `lockFile` is undefined without the addon. */
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

	/** Throws StoreLocked when others have it. */
	const lock = async ({ handle, numbers }: NonNullable<typeof file>) => {
		if (lockFile) {
			const { type } = await statfs(path);
			const [error, pid] = lockFile(handle.fd, !remoteFileSystems.has(type));
			// LevelDB itself says what a file system without locks means
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
				// opening and closing it would end the lock that is held
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

/** A process that holds a lock on a file. */
interface Holder {
	pid: number;
	/** Its program's name, empty if nobody may tell. */
	program: string;
}

/** A file as /proc/locks names it. */
interface FileNumbers {
	dev: bigint;
	ino: bigint;
}

/** `08:01` in hexadecimal, as the kernel prints a device (glibc's makedev). */
function deviceText(dev: bigint): string {
	const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
	const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
	const two = (value: bigint) => value.toString(16).padStart(2, "0");
	return `${two(major)}:${two(minor)}`;
}

/**
 * The processes that hold a lock of any kind on a file, from the text of
 * /proc/locks. Overlay file systems and btrfs have another device there than
 * `stat` gives: without a line of the right device, the inode's number decides.
 */
export function holdersIn(locks: string, file: FileNumbers): number[] {
	const found = locks.split("\n").flatMap((line) => {
		// `1: FLOCK  ADVISORY  WRITE 1234 08:01:5678 0 EOF`; `->` waits only
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

/** The program's name; of one that an interpreter runs, the script's as well. */
async function programOf(pid: number): Promise<string> {
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
 * Who else holds a lock on a file, as far as this process can see: another
 * container's processes, and other systems than Linux, show nothing.
 */
async function otherHolder(file: FileNumbers): Promise<Holder | undefined> {
	const locks = await readFile("/proc/locks", "utf8").catch(() => "");
	const pid = holdersIn(locks, file).find((of) => of !== process.pid);
	if (pid === undefined) return undefined;
	return pid > 0 ? holder(pid) : { pid, program: "" };
}
