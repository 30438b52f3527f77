import { mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log } from "../log.ts";
import { inTurn } from "../turn.ts";
import type { Tally } from "./acknowledged-mark.ts";
import { sizeOf } from "./directory.ts";
import { writtenKey } from "./keys.ts";
import { createLedger, isCounted } from "./ledger.ts";
import {
	createFlushing,
	deleteKeys,
	everything,
	type Level,
	type LevelIterator,
	tableSizes,
} from "./level.ts";
import { type LockFile, nativeLockFile, StoreLocked } from "./lock.ts";
import { createReclaiming } from "./reclaiming.ts";
import {
	createReopening,
	type Damages,
	StoreUnavailable,
} from "./reopening.ts";
import { DamagedValue, openSealed, sealValue } from "./sealed-value.ts";
import { createTableCheck, type TableCheckTimes } from "./table-check.ts";

export { StoreLocked, StoreUnavailable };

export type Write =
	| { put: string; value: string | Uint8Array }
	| { delete: string };

export interface Row {
	key: string;
	value: Buffer;
}

/** Keys from `from` to, and without, `before`. */
export interface Range {
	from: string;
	before: string;
	reverse?: boolean;
	limit?: number;
}

/**
 * One LevelDB directory. Every operation but `properties` throws
 * StoreUnavailable, and tries to open the database again when it is closed.
 * Values have a checksum: one that is damaged is moved to `x-<key>`, which is
 * logged, and is not there any more for `read` and `rows`.
 */
export interface Database {
	/**
	 * All of them or none, on disk (fdatasync) when it resolves. One that was
	 * refused may be there nevertheless, as after a crash.
	 */
	write(writes: readonly Write[]): Promise<void>;
	read(key: string): Promise<Buffer | undefined>;
	/**
	 * In the order of the keys, from one snapshot: when the database had to be
	 * reopened meanwhile, what follows is from a later one.
	 */
	rows(range: Range): AsyncIterable<Row>;
	keys(range: Range): AsyncIterable<string>;
	/**
	 * Deletes a range, but for the keys to keep, and gives its disk space back;
	 * false: nothing was there to delete. While someone reads rows or keys from
	 * before, the space is given back behind the last of them.
	 */
	clear(range: Range, keeps?: (key: string) => boolean): Promise<boolean>;
	/** Gives the disk space back of a range whose entries were all deleted; as `clear` does. */
	reclaim(range: Range): Promise<void>;
	compact(): Promise<void>;
	/**
	 * Checks every block of every table now, slowly, as is done a minute after each
	 * opening and once a day; repairs the database when one is damaged. Resolves
	 * early when the database is closed meanwhile. Throws nothing: the log and
	 * `damages` say what was found.
	 */
	checkTables(): Promise<void>;
	/** LevelDB's `leveldb.<name>`; `""` for unknown names, and while closed. */
	properties(names: readonly string[]): Record<string, string>;
	/** Moves a value that is damaged to `x-<key>`, which is logged and counted. */
	moveAside(key: string, value: Uint8Array, reason: string): Promise<void>;
	/** Size of its files; 0 when they cannot be looked at. */
	diskBytes(): Promise<number>;
	readonly directory: string;
	/** What was found damaged since the start. */
	readonly damages: Readonly<Damages>;
	/** Why it cannot be used now; after a failed write until one succeeds. */
	readonly unavailable: string | undefined;
	/**
	 * Opens it before the first operation would. Throws StoreLocked when it is open
	 * already, here or in another process, and has changed nothing then; resolves
	 * in any other case, with `unavailable` set when it cannot be used yet.
	 */
	open(): Promise<void>;
	/** Waits for writes; can be called again. */
	close(): Promise<void>;
}

/**
 * The directories that this process has open. LevelDB refuses to open one
 * twice, but gives up the lock against other processes as it does so: closing
 * any descriptor of a file ends a process's fcntl locks on it.
 */
const inUse = new Set<string>();

/** A key that nobody uses, for a write that only asks whether writing works. */
const noKey = "\0";

/** What is sealed between two turns of the event loop. */
const BYTES_AT_ONCE = 1_048_576;

function bounds({ from, before, reverse = false, limit = -1 }: Range) {
	return { gte: from, lt: before, reverse, limit };
}

function operation(write: Write) {
	if ("delete" in write) return { type: "del", key: write.delete } as const;
	const { put: key, value } = write;
	return { type: "put", key, value: sealValue(key, value) } as const;
}

/** Values are sealed on the event loop: 10 MB at once would hold up everything else for 100 ms. */
async function operationsOf(writes: readonly Write[]) {
	const operations: ReturnType<typeof operation>[] = [];
	let bytes = 0;
	for (const write of writes) {
		operations.push(operation(write));
		bytes += sizeOfWrite(write);
		if (bytes < BYTES_AT_ONCE) continue;
		bytes = 0;
		await nextTurn();
	}
	return operations;
}

/** Bytes of a write, about: keys are ASCII, and metrics nearly all. */
function sizeOfWrite(write: Write): number {
	if ("delete" in write) return write.delete.length;
	return write.put.length + write.value.length;
}

/** What is left of a range after its next `count` keys, up to `last`. */
function rest(range: Range, last: string, count: number): Range {
	return {
		...range,
		...(range.reverse ? { before: last } : { from: `${last}\0` }),
		...(range.limit === undefined ? {} : { limit: range.limit - count }),
	};
}

interface DatabaseParts {
	directory: string;
	log: Pick<Log, "info" | "warning" | "error">;
	now?: () => Date;
	/** Largest size of all copies of it that are put aside when it is damaged; 0 is no limit. */
	maxCopiesBytes?: number;
	/** undefined: there is no addon. */
	lockFile?: LockFile | undefined;
	/** When its tables are checked. */
	tableCheckTimes?: TableCheckTimes | undefined;
}

/** A database as `createDatabase` makes it, opened. Throws StoreLocked. */
export async function openDatabase(parts: DatabaseParts): Promise<Database> {
	const database = createDatabase(parts);
	await database.open();
	return database;
}

/**
 * The database of a directory, which is not touched before it is opened, and then
 * made as needed with mode 0700. Only damage is repaired, after a copy was put
 * aside as `<directory>.damaged-<time>`.
 */
export function createDatabase(parts: DatabaseParts): Database {
	const directory = resolve(parts.directory);
	const { log, now = () => new Date(), maxCopiesBytes = 0 } = parts;
	const { lockFile } = { lockFile: nativeLockFile(), ...parts };
	const damages: Damages = { count: 0, lostEntries: 0 };
	const ledger = createLedger({
		directory,
		log,
		now,
		lost: (entries) => {
			damages.lostEntries += entries;
		},
	});
	const store = createReopening({
		...{ directory, log, now, lockFile, ledger, damages, maxCopiesBytes },
		opened: () => tableCheck.opened(),
	});
	const tableCheck = createTableCheck({
		directory,
		log,
		level: () => store.level,
		damaged: store.damaged,
		times: parts.tableCheckTimes,
	});
	let place: string | undefined;

	const turn = inTurn();
	const flushing = createFlushing();
	let closed: Promise<void> | undefined;

	/** One write at a time: none may be answered after one that failed. */
	const writeCounted = async (
		work: (level: Level) => Promise<Tally | undefined>,
	) => {
		if (closed) throw new StoreUnavailable(`closed: ${directory}`);
		await turn(async () => {
			const tally = await store.use("write", work);
			if (tally) ledger.acknowledged(tally);
		});
	};

	const write = (work: (level: Level) => Promise<void>) =>
		writeCounted(async (level) => {
			await work(level);
			return undefined;
		});

	const moveAside: Database["moveAside"] = async (key, value, why) => {
		const reason = `${key} is damaged, moved to x-${key}: ${why}`;
		log.error(`store: ${reason}`);
		damages.count++;
		damages.last = { at: now().getTime(), reason };
		const moved = {
			type: "put",
			key: `x-${key}`,
			value: Buffer.from(value),
		} as const;
		await write(async (level) => {
			await level.batch([moved, { type: "del", key }], { sync: true });
		});
	};

	/** A value as it was stored; undefined: it is damaged, and was moved out of the way. */
	const openValue = async (key: string, stored: Buffer) => {
		try {
			return key.startsWith("x-") ? stored : openSealed(key, stored);
		} catch (error) {
			if (!(error instanceof DamagedValue)) throw error;
			await moveAside(key, stored, error.message);
			return undefined;
		}
	};

	/** The entries of a range; it goes on where it was when it is reopened. */
	async function* entries(
		range: Range,
		values: boolean,
	): AsyncGenerator<[string, Buffer]> {
		let left = range;
		let from: { level: Level; iterator: LevelIterator } | undefined;
		const closed = reclaiming.opened();
		try {
			for (;;) {
				const chunk = await store.use("read", async (level) => {
					if (from?.level !== level)
						from = {
							level,
							iterator: level.iterator({
								...bounds(left),
								values,
								highWaterMarkBytes: 65_536,
							}),
						};
					return from.iterator.nextv(1000);
				});
				for (const entry of chunk) if (entry[0] !== writtenKey) yield entry;
				const end = chunk.at(-1);
				if (!end) return;
				left = rest(left, end[0], chunk.length);
			}
		} finally {
			try {
				await from?.iterator.close();
			} finally {
				closed();
			}
		}
	}

	const compact = async (from: string, before: string) => {
		await store.use("read", (level) => level.compactRange(from, before));
		// it reports nothing, but after a failed one LevelDB refuses to write
		await write((level) => level.del(noKey, { sync: true }));
	};

	const reclaiming = createReclaiming({
		compact,
		sizeOf: (...range) =>
			store.use("read", (level) => level.approximateSize(...range)),
		deleteBoth: (...keys) =>
			write((level) =>
				level.batch(keys.map((key) => ({ type: "del", key }) as const)),
			),
	});

	return {
		write: (writes) =>
			writeCounted(async (level) => {
				const operations = await operationsOf(writes);
				const { tally, value } = ledger.next(
					writes.filter((one) => "put" in one && isCounted(one.put)).length,
					writes.filter((one) => "delete" in one && isCounted(one.delete))
						.length,
				);
				operations.push(operation({ put: writtenKey, value }));
				await level.batch(operations, { sync: true });
				const sizes = writes.map(sizeOfWrite);
				flushing.wrote(
					level,
					sizes.reduce((sum, size) => sum + size, 0),
				);
				return tally;
			}),
		read: async (key) => {
			const stored = await store.use("read", (level) => level.get(key));
			return stored && openValue(key, stored);
		},
		rows: async function* (range) {
			for await (const [key, stored] of entries(range, true)) {
				const value = await openValue(key, stored);
				if (value) yield { key, value };
			}
		},
		keys: async function* (range) {
			for await (const [key] of entries(range, false)) yield key;
		},
		clear: async (range, keeps = () => false) => {
			let found = false;
			let removed = 0;
			const keepsOrCounts = (key: string) => {
				if (key === writtenKey || keeps(key)) return true;
				if (isCounted(key)) removed++;
				return false;
			};
			await writeCounted(async (level) => {
				const deleted = await deleteKeys(level, bounds(range), keepsOrCounts);
				found ||= deleted;
				if (removed === 0) return undefined;
				const { tally, value } = ledger.next(0, removed);
				await level.batch([operation({ put: writtenKey, value })]);
				return tally;
			});
			if (found) await reclaiming.reclaim(range);
			return found;
		},
		reclaim: reclaiming.reclaim,
		compact: () => compact(...everything),
		checkTables: tableCheck.run,
		properties: (names) =>
			Object.fromEntries(
				names.map((name) => [
					name,
					store.level?.getProperty(`leveldb.${name}`) ?? "",
				]),
			),
		diskBytes: async () =>
			sizeOf(directory, store.level && tableSizes(store.level)),
		moveAside,
		directory,
		damages,
		get unavailable() {
			return store.unavailable;
		},
		open: async () => {
			// without this a new directory would have two names when a parent is a link
			await mkdir(directory, { mode: 0o700 }).catch(() => undefined);
			const real = await realpath(directory).catch(() => directory);
			if (inUse.has(real)) throw new StoreLocked(directory, "this process");
			inUse.add(real);
			await store.open().catch((error) => {
				inUse.delete(real);
				throw error;
			});
			place = real;
		},
		close: () => {
			closed ??= turn(async () => {
				await tableCheck.stop();
				await store.close();
			}).finally(() => {
				if (place !== undefined) inUse.delete(place);
			});
			return closed;
		},
	};
}
