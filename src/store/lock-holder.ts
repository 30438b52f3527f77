import { readFile } from "node:fs/promises";
import { basename } from "node:path";

/** A process that holds a lock on a file. */
export interface Holder {
	pid: number;
	/** Its program's name, empty if nobody may tell. */
	program: string;
}

/** A file as /proc/locks names it. */
export interface FileNumbers {
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
export async function holder(pid: number): Promise<Holder> {
	return { pid, program: await programOf(pid) };
}

/**
 * Who else holds a lock on a file, as far as this process can see: another
 * container's processes, and other systems than Linux, show nothing.
 */
export async function otherHolder(
	file: FileNumbers,
): Promise<Holder | undefined> {
	const locks = await readFile("/proc/locks", "utf8").catch(() => "");
	const pid = holdersIn(locks, file).find((of) => of !== process.pid);
	if (pid === undefined) return undefined;
	return pid > 0 ? holder(pid) : { pid, program: "" };
}
