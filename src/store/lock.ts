import { constants, statSync } from "node:fs";
import { type FileHandle, open, stat, statfs } from "node:fs/promises";
import { constants as os } from "node:os";
import { join } from "node:path";
import { loadNativeAddon, type NativeAddon } from "../spawn/native-addon.ts";
import {
	type FileNumbers,
	type Holder,
	holder,
	otherHolder,
} from "./lock-holder.ts";

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
