import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** CPU seconds of a process, and of the children that it has waited for. */
export interface CpuSeconds {
	own: number;
	children: number;
}

/** Ticks a second in /proc: USER_HZ is 100 wherever Node runs. */
const ticksPerSecond = 100;

/** Reads `/proc/PID/stat`. */
export function parseCpu(stat: string): CpuSeconds {
	// after the name, which can contain blanks and parentheses
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

/** CPU time so far. Throws if the process has ended. */
export const cpuOf = (pid: number) =>
	parseCpu(readFileSync(`/proc/${pid}/stat`, "utf8"));

/** Resident memory and its peak, in KB. Throws if the process has ended. */
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
	/** Time that the hypervisor gave to other guests. */
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

/** CPU time of the whole machine so far. */
export const machineTicks = () =>
	parseMachine(readFileSync("/proc/stat", "utf8"));

/** Total size of the files in a directory, in KB. Files may change meanwhile. */
export function kilobytesIn(directory: string): number {
	let bytes = 0;
	for (const name of readdirSync(directory))
		bytes +=
			statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0;
	return bytes / 1024;
}
