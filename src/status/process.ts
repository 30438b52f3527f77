import { readdir } from "node:fs/promises";

/** Open descriptors of this process; undefined where the system does not tell. */
async function openDescriptors(): Promise<number | undefined> {
	const names = await readdir("/proc/self/fd").catch(() => undefined);
	// one of them is the reading itself
	return names && names.length - 1;
}

/** What the system says of this process, now: seconds and bytes. */
export async function processFigures() {
	const { user, system } = process.cpuUsage();
	const memory = process.memoryUsage();
	return {
		cpuSeconds: (user + system) / 1e6,
		residentBytes: memory.rss,
		heapTotalBytes: memory.heapTotal,
		heapUsedBytes: memory.heapUsed,
		externalBytes: memory.external,
		openDescriptors: await openDescriptors(),
	};
}
