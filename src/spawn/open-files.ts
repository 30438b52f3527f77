import { readFileSync } from "node:fs";

/** What the kernel and systemd give where nobody says otherwise. */
const USUAL_SOFT_LIMIT = 1024;

/**
 * The soft limit of open files (`ulimit -Sn`) that this process was started with. Node raises its own to the hard limit
 * before any code of ours runs, so it is read from the parent, which handed it down. systemd hands down another one than
 * its own: behind it the usual 1024 is assumed, never more than the hard limit.
 *
 * @param read gives the text of a file of /proc; throws where there is none
 * @returns undefined where the system does not tell
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
	return Math.min(above?.soft ?? USUAL_SOFT_LIMIT, own.hard);
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
