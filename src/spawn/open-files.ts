import { readFileSync } from "node:fs";

/** The default of the kernel and of systemd. */
const defaultSoftLimit = 1024;

/**
 * Finds the soft limit of open files (`ulimit -Sn`) that this process was started with. Node raises
 * its own to the hard limit before any of our code runs, so the limit is read from the parent, from
 * which it was inherited. systemd sets another limit for its services than its own: under it, the
 * default of 1024 is assumed. Never above the hard limit.
 *
 * @param read returns the text of a file in /proc; throws if there is none
 * @returns undefined if the system does not say
 */
export function startingOpenFiles(
	parent: number = process.ppid,
	read: (file: string) => string = (file) => readFileSync(file, "utf8"),
): number | undefined {
	const own = openFilesOf("self", read);
	if (!own) return undefined;
	const above = isSystemd(parent, read)
		? undefined
		: openFilesOf(String(parent), read);
	return Math.min(above?.soft ?? defaultSoftLimit, own.hard);
}

function openFilesOf(process: string, read: (file: string) => string) {
	try {
		const text = read(`/proc/${process}/limits`);
		const [, soft, hard] = /^Max open files +(\d+) +(\d+)/m.exec(text) ?? [];
		return soft === undefined
			? undefined
			: { soft: Number(soft), hard: Number(hard) };
	} catch {
		return undefined;
	}
}

function isSystemd(process: number, read: (file: string) => string) {
	try {
		return read(`/proc/${process}/comm`).trim() === "systemd";
	} catch {
		return false;
	}
}
