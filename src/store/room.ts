import { statfs } from "node:fs/promises";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import type { Database } from "./database.ts";

/** How long a measured size stays valid. */
const freshMilliseconds = 10_000;

/** A write would exceed the store's limits. Data already stored stays. */
export class StoreFull extends AgentError {
	constructor(reason: string) {
		super("store-full", `the store is full: ${reason}`);
	}
}

/** The disk space that the store may use. */
export interface Room {
	/**
	 * Reserves space for a write. Throws StoreFull if it would exceed a limit. `anew`: measure the
	 * disk first.
	 */
	need(bytes: number, anew?: boolean): Promise<void>;
	/** Counts a refused write. */
	refused(): void;
	/** Why writes are refused now; undefined while they are accepted. */
	readonly full: string | undefined;
	/** Writes refused since the start. */
	readonly refusals: number;
}

/** Bytes available to us on the file system; undefined if unknown. */
async function freeBytesOf(directory: string): Promise<number | undefined> {
	try {
		const { bavail, bsize } = await statfs(directory);
		return bavail * bsize;
	} catch {
		return undefined;
	}
}

/**
 * Enforces the store's limits at low cost: sizes are measured at most every ten seconds, or when
 * the writes since then would exceed a limit. A full store stays full until there is room for the
 * largest refused write plus 1/64 of the limit, to avoid flapping.
 * @param parts.maxBytes of the store's files; 0 means no limit
 * @param parts.minFreeBytes of its file system; 0 means no limit
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
	/** Bytes written since the measurement. */
	let written = 0;
	let full: string | undefined;
	/** Bytes of the largest write refused while full. */
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

	/** Why there is no room. Without varying numbers, so that repeats are one line in the log. */
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
				`the store is full: ${reason}; new metrics and machine states are refused, stored ones are kept: ${database.directory}`,
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
			// measure before refusing: tables are smaller than the log they came from
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
