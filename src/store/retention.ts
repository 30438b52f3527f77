import type { Log } from "../log.ts";
import type { Database } from "./database.ts";
import { kind, leaseKey, olderThan, partsOf, retentionKey } from "./keys.ts";
import type { Lease, LeaseBook } from "./lease-book.ts";
import type { Acknowledgements } from "./readers.ts";

/** How far the clocks may diverge between two readings without doubt: NTP corrections and drift. */
const toleranceMilliseconds = 60_000;

/** Maximum age of the newest entry at a start without doubt about the clock. */
const startToleranceMilliseconds = 3_600_000;

/** How long a clock that jumped ahead must run before retention trusts it. */
const settleMilliseconds = 86_400_000;

/** How often the time is recorded in the store; a restart forgets what came later. */
const recordEveryMilliseconds = 600_000;

/** The clock that retention uses. */
export interface RetentionClock {
	/**
	 * Milliseconds since 1970, never later than the wall clock. After the wall clock has jumped
	 * ahead, this clock counts only elapsed time until the wall clock has run for a day. Throws what
	 * reading the store throws.
	 */
	time(): Promise<number>;
	/** Why `time` is behind the wall clock; undefined while the two agree. */
	readonly doubt: string | undefined;
}

interface StoredTime {
	/** Milliseconds since 1970, by this clock. */
	time: number;
	/** The wall clock at that time. */
	wall: number;
	/** How long the wall clock had run since it jumped ahead; `null` if it was trusted. */
	settled: number | null;
}

interface Doubt {
	/** Wall clock minus monotonic clock. */
	offset: number;
	/** Monotonic time of the jump. */
	since: number;
	reason: string;
}

/** `2 days`, `3 hours`, `90 seconds`; rounded down. */
function inWords(milliseconds: number): string {
	const seconds = Math.floor(milliseconds / 1000);
	for (const [unit, length] of [
		["days", 86_400],
		["hours", 3600],
	] as const)
		if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
	return `${seconds} seconds`;
}

/** Second of the newest metric or machine state stored, in milliseconds. */
async function newestStored(
	database: Pick<Database, "keys">,
): Promise<number | undefined> {
	const found: number[] = [];
	for (const range of [kind.metrics, kind.machineStates])
		for await (const key of database.keys({
			...range,
			reverse: true,
			limit: 1,
		}))
			found.push(partsOf(key).seconds * 1000);
	return found.length > 0 ? Math.max(...found) : undefined;
}

/**
 * Compares the wall clock with the monotonic one, so that a temporarily wrong wall clock deletes
 * nothing. The monotonic clock does not span restarts; after one, the recorded time, or else the
 * newest entry in the store, is the reference.
 * @param parts.now wall clock, milliseconds since 1970
 * @param parts.elapsed monotonic clock, milliseconds
 */
export function createRetentionClock(parts: {
	database: Pick<Database, "keys" | "read" | "write">;
	now: () => number;
	elapsed: () => number;
	log: Pick<Log, "info" | "warning">;
}): RetentionClock {
	const { database, now, elapsed, log } = parts;
	let base: { time: number; at: number } | undefined;
	let doubt: Doubt | undefined;
	let recordedAt = elapsed();
	let loading: Promise<void> | undefined;

	const begin = (wall: number, at: number, ahead: number, settled: number) => {
		doubt = {
			offset: wall - at,
			since: at - settled,
			reason: `the clock jumped ahead by ${inWords(ahead)}; retention will trust it after ${inWords(settleMilliseconds - settled)}`,
		};
		log.warning(
			`${doubt.reason}; until then metrics and machine states are kept longer`,
		);
	};

	/** Loads the reference time from the store. */
	const load = async () => {
		const value = await database.read(retentionKey);
		const stored = value && (JSON.parse(value.toString()) as StoredTime);
		const evidence = stored?.time ?? (await newestStored(database));
		const wall = now();
		const at = elapsed();
		const ahead = evidence === undefined ? 0 : wall - evidence;
		if (evidence === undefined || ahead <= startToleranceMilliseconds) {
			base = { time: wall, at };
			return;
		}
		const ranOn =
			stored?.settled != null &&
			wall >= stored.wall &&
			wall - stored.wall <= startToleranceMilliseconds;
		base = { time: evidence, at };
		begin(wall, at, ahead, ranOn ? (stored.settled ?? 0) : 0);
	};

	const agree = (wall: number, at: number, said: string) => {
		if (doubt) log.info(said);
		doubt = undefined;
		base = { time: wall, at };
		return wall;
	};

	/** Advances the clock, and decides whether the wall clock can be trusted. */
	const observe = ({ time, at: before }: { time: number; at: number }) => {
		const wall = now();
		const at = elapsed();
		const passed = time + (at - before);
		const ahead = wall - passed;
		if (ahead <= toleranceMilliseconds) {
			if (ahead < -toleranceMilliseconds)
				log.warning(`the clock was set back by ${inWords(-ahead)}`);
			return agree(wall, at, "the clock agrees with the elapsed time again");
		}
		const offset = wall - at;
		if (!doubt || Math.abs(offset - doubt.offset) > toleranceMilliseconds)
			begin(wall, at, ahead, 0);
		else if (at - doubt.since >= settleMilliseconds)
			return agree(wall, at, "retention trusts the clock again");
		else doubt.offset = offset;
		base = { time: passed, at };
		return passed;
	};

	const record = async (time: number) => {
		const at = elapsed();
		const stored: StoredTime = {
			time,
			wall: now(),
			settled: doubt ? at - doubt.since : null,
		};
		recordedAt = at;
		const value = JSON.stringify(stored);
		// the store reports its own failures
		await database.write([{ put: retentionKey, value }]).catch(() => {});
	};

	return {
		time: async () => {
			const before = doubt;
			if (!base) {
				loading ??= load().finally(() => {
					loading = undefined;
				});
				await loading;
			}
			const time = base ? observe(base) : 0;
			const isDue = elapsed() - recordedAt >= recordEveryMilliseconds;
			if (isDue || (before === undefined) !== (doubt === undefined))
				await record(time);
			return time;
		},
		get doubt() {
			return doubt?.reason;
		},
	};
}

/**
 * Deletes metrics that arrived before `seconds`, with their acknowledgements and leases, and
 * reclaims the disk space. Entries of running leases stay. Returns whether anything was deleted,
 * and whether anything stayed because of a lease.
 */
export async function retireMetrics(
	database: Database,
	readers: {
		leases: LeaseBook;
		acknowledged: Acknowledgements;
		running(): Lease[];
	},
	seconds: number,
): Promise<{ deleted: boolean; lent: boolean }> {
	const old = olderThan(kind.metrics, seconds);
	if (!old) return { deleted: false, lent: false };
	const { before } = old;
	const { leases, acknowledged } = readers;
	const lent = new Set(
		readers
			.running()
			.flatMap(({ keys }) => keys)
			.filter((key) => key < before),
	);
	const deleted = await database.clear(old, (key) => lent.has(key));
	if (!deleted) return { deleted, lent: lent.size > 0 };
	await database.clear({ ...kind.acknowledged, before: `c-${before}` }, (key) =>
		lent.has(key.slice(2).split("/", 1)[0] ?? ""),
	);
	acknowledged.forgetBefore(before, lent);
	const gone = [...leases.all()].filter(({ keys }) =>
		keys.every((key) => key < before && !lent.has(key)),
	);
	if (gone.length > 0)
		await database.write(
			gone.map(({ batchId }) => ({ delete: leaseKey(batchId) })),
		);
	for (const { batchId } of gone) leases.remove(batchId);
	return { deleted, lent: lent.size > 0 };
}
