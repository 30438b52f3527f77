import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Scope } from "../../../test/support/scope.ts";
import { temporaryDirectory } from "../../../test/support/temporary.ts";

/** The throttle of cgroup v1, whose root also holds what the kernel writes back later. */
const throttle = "/sys/fs/cgroup/blkio/blkio.throttle";

/** Writing operations a second, as of a disk that turns; fsync of a small file takes several. */
export const diskOperations = 50;

/** Size of the disk, which takes only what is written to it. */
const diskBytes = 32 * 2 ** 30;

const sectorBytes = 512;

/** A disk that the kernel slows down. */
export interface SlowDisk {
	/** Where it is mounted. */
	path: string;
	/** Bytes that were written to it so far. */
	writtenBytes(): number;
	/** Ends the limits. */
	release(): void;
}

/**
 * Mounts a new ext4 on a loop device with limits for writing, until the scope ends. Needs root and
 * cgroup v1 with blkio; throws without.
 * @param mebibytes that it writes at most in a second
 */
export async function mountSlowDisk(
	scope: Scope,
	mebibytes: number,
): Promise<SlowDisk> {
	const directory = await temporaryDirectory(scope);
	const file = join(directory, "disk");
	const path = join(directory, "mounted");
	mkdirSync(path);
	writeFileSync(file, "");
	truncateSync(file, diskBytes);
	const run = (program: string, ...words: string[]) =>
		execFileSync(program, words, { encoding: "utf8" }).trim();
	const device = run("losetup", "--find", "--show", file);
	scope.after(() => run("losetup", "--detach", device));
	run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0", device);
	run("mount", device, path);
	scope.after(() => run("umount", path));
	const state = `/sys/block/${basename(device)}`;
	const number = readFileSync(`${state}/dev`, "utf8").trim();
	const limit = (bytes: number, operations: number) => {
		writeFileSync(`${throttle}.write_bps_device`, `${number} ${bytes}`);
		writeFileSync(`${throttle}.write_iops_device`, `${number} ${operations}`);
	};
	limit(mebibytes * 2 ** 20, diskOperations);
	const release = () => limit(0, 0);
	scope.after(release);
	const writtenBytes = () =>
		sectorBytes *
		Number(readFileSync(`${state}/stat`, "utf8").trim().split(/ +/)[6]);
	const before = writtenBytes();
	return { path, release, writtenBytes: () => writtenBytes() - before };
}
