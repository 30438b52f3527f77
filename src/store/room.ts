import { statfs } from "node:fs/promises";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import type { Database } from "./database.ts";

/** A size that was measured counts for so long. */
const freshMilliseconds = 10_000;

/** The store has taken as much as it may; what is stored stays. */
export class StoreFull extends AgentError {
	constructor(reason: string) {
		super("store-full", `the store is full: ${reason}`);
	}
}

/** The disk space that the store may take. */
export interface Room {
	/** Throws StoreFull where so many bytes more go over a limit; otherwise they count. `anew`: as the disk is now. */
	need(bytes: number, anew?: boolean): Promise<void>;
	/** Counts writes that were refused. */
	refused(): void;
	/** Why writes are refused now; undefined while they are not. */
	readonly full: string | undefined;
	/** Writes that were refused since the start. */
	readonly refusals: number;
}

/** Bytes that a file system has free for us; undefined when it cannot tell. */
async function freeBytesOf(directory: string): Promise<number | undefined> {
	try {
		const { bavail, bsize } = await statfs(directory);
		return bavail * bsize;
	} catch {
		return undefined;
	}
}

/**
 * Holds the store to its limits, cheaply: sizes are measured every ten seconds at
 * most, or when what was written since goes over a limit. Once full, it stays so
 * until there is room for the largest write that was refused and a 64th of the limit
 * besides: so that it does not change with every write.
 * @param parts.maxBytes of the store's files; 0 is no limit
 * @param parts.minFreeBytes of its file system; 0 is no limit
 * @param parts.elapsed milliseconds of the monotonic clock
 */
export function createRoom(parts: {
	database: Pick<Database, "directory" | "diskBytes">;
	maxBytes: number;
	minFreeBytes: number;
	elapsed: () => number;
	log: Pick<Log, "info" | "warning">;
	freeBytes?: (directory: string) => Promise<number | undefined>;
}): Room {
	const { database, maxBytes, minFreeBytes, elapsed, log } = parts;
	const { freeBytes = freeBytesOf } = parts;
	let measured = { at: Number.NEGATIVE_INFINITY, used: 0, free: Infinity };
	/** Bytes written since. */
	let written = 0;
	let full: string | undefined;
	/** Bytes of the largest write that was refused since it is full. */
	let wanted = 0;
	let refusals = 0;
	let refusalsBefore = 0;

	const measure = async () => {
		const [used, free = Infinity] = await Promise.all([
			database.diskBytes(),
			freeBytes(database.directory),
		]);
		measured = { at: elapsed(), used, free };
		written = 0;
	};

	/** Why there is no room; no figures that change: it is one line in the log. */
	const reasonFor = (bytes: number): string | undefined => {
		const more = written + Math.max(bytes, wanted);
		const slack = (limit: number) => (full === undefined ? 0 : limit / 64);
		if (maxBytes > 0 && measured.used + more + slack(maxBytes) > maxBytes)
			return `it has reached max-store-bytes (${maxBytes})`;
		if (
			minFreeBytes > 0 &&
			measured.free - more - slack(minFreeBytes) < minFreeBytes
		)
			return `its file system has less than min-free-bytes (${minFreeBytes}) free`;
		return undefined;
	};

	const enter = (reason: string | undefined, bytes: number) => {
		if (reason !== undefined && full === undefined) {
			refusalsBefore = refusals;
			log.warning(
				`the store is full: ${reason}; new metrics and machine states are refused, nothing is taken away: ${database.directory}`,
			);
		}
		if (reason === undefined && full !== undefined)
			log.warning(
				`the store has room again; ${refusals - refusalsBefore} writes were refused: ${database.directory}`,
			);
		full = reason;
		wanted = reason === undefined ? 0 : Math.max(wanted, bytes);
	};

	return {
		need: async (bytes, anew = false) => {
			const isFresh = elapsed() - measured.at < freshMilliseconds;
			if (anew || !isFresh) await measure();
			// what is in the log is larger than its table will be
			else if (full === undefined && reasonFor(bytes) !== undefined)
				await measure();
			const reason = reasonFor(bytes);
			enter(reason, bytes);
			if (reason !== undefined) throw new StoreFull(reason);
			written += bytes;
		},
		refused: () => {
			refusals++;
		},
		get full() {
			return full;
		},
		get refusals() {
			return refusals;
		},
	};
}
