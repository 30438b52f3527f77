import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** CPU seconds of a process, and of those of its children that it waited for. */
export interface CpuSeconds {
	own: number;
	children: number;
}

/** What /proc counts in: USER_HZ, 100 wherever Node runs. */
const ticksPerSecond = 100;

/** Reads `/proc/PID/stat`. */
export function parseCpu(stat: string): CpuSeconds {
	// after the name, which can hold blanks and parentheses
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields
		.slice(11, 15)
		.map((ticks) => Number(ticks) / ticksPerSecond);
	return { own: user + system, children: childUser + childSystem };
}

/** Reads a line of `/proc/PID/status` that is in KB. */
export function parseKilobytes(status: string, name: string): number {
	return Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]);
}

/** CPU time so far; throws when the process has ended. */
export const cpuOf = (pid: number) =>
	parseCpu(readFileSync(`/proc/${pid}/stat`, "utf8"));

/** Memory now and the most there was, in KB; throws when the process has ended. */
export function residentOf(pid: number) {
	const status = readFileSync(`/proc/${pid}/status`, "utf8");
	return {
		now: parseKilobytes(status, "VmRSS"),
		peak: parseKilobytes(status, "VmHWM"),
	};
}

/** Time of all cores since the machine started, in ticks. */
export interface MachineTicks {
	all: number;
	busy: number;
	/** Taken by other guests of the same host. */
	stolen: number;
}

/** Reads `/proc/stat`. */
export function parseMachine(stat: string): MachineTicks {
	const [user = 0, nice = 0, system = 0, idle = 0, waiting = 0, ...rest] = stat
		.slice(0, stat.indexOf("\n"))
		.split(/ +/)
		.slice(1)
		.map(Number);
	const [interrupts = 0, softInterrupts = 0, stolen = 0] = rest;
	const busy = user + nice + system + interrupts + softInterrupts;
	return { all: busy + idle + waiting + stolen, busy, stolen };
}

/** What the whole machine has done so far. */
export const machineTicks = () =>
	parseMachine(readFileSync("/proc/stat", "utf8"));

/** KB of the files in a directory that may be written to meanwhile. */
export function kilobytesIn(directory: string): number {
	let bytes = 0;
	for (const name of readdirSync(directory))
		bytes +=
			statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
	return bytes / 1024;
}
