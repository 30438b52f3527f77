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

/** Keys from `from` (included) to `before` (excluded). */
export interface Range {
	from: string;
	before: string;
	reverse?: boolean;
	limit?: number;
}

/**
 * One LevelDB directory. Every operation except `properties` may throw StoreUnavailable; when the
 * database is closed, the operation first tries to reopen it.
 * Every value carries a checksum. A damaged value is logged and moved to `x-<key>`; `read` and
 * `rows` then no longer return it.
 */
export interface Database {
	/**
	 * Atomic, and on disk (fdatasync) when it resolves. A rejected write may still have reached the
	 * disk, as after a crash.
	 */
	write(writes: readonly Write[]): Promise<void>;
	read(key: string): Promise<Buffer | undefined>;
	/**
	 * Yields entries in key order from one snapshot. If the database has to be reopened on the way,
	 * the rest comes from a later snapshot.
	 */
	rows(range: Range): AsyncIterable<Row>;
	keys(range: Range): AsyncIterable<string>;
	/**
	 * Deletes the keys of a range, except those to keep, and reclaims their disk space. Returns false
	 * if there was nothing to delete. While older iterators are open, reclaiming waits for the last
	 * of them to close.
	 */
	clear(range: Range, keeps?: (key: string) => boolean): Promise<boolean>;
	/** Reclaims the disk space of a range whose entries are all deleted, as `clear` does. */
	reclaim(range: Range): Promise<void>;
	compact(): Promise<void>;
	/**
	 * Checks every block of every table now, at low speed, and repairs the database if one is
	 * damaged. The same check runs a minute after each opening and once a day. Resolves early if the
	 * database is closed meanwhile. Never throws: the log and `damages` have the result.
	 */
	checkTables(): Promise<void>;
	/** LevelDB's `leveldb.<name>`; `""` for an unknown name, and while the database is closed. */
	properties(names: readonly string[]): Record<string, string>;
	/** Moves a damaged value to `x-<key>`, logs it and counts it. */
	moveAside(key: string, value: Uint8Array, reason: string): Promise<void>;
	/** Size of the database's files; 0 if they cannot be read. */
	diskBytes(): Promise<number>;
	readonly directory: string;
	/** Damage found since the start. */
	readonly damages: Readonly<Damages>;
	/** Why the database cannot be used now. After a failed write, set until a write succeeds. */
	readonly unavailable: string | undefined;
	/**
	 * Opens the database ahead of the first operation. Throws StoreLocked, having changed nothing, if
	 * the database is already open in this or another process. Resolves in every other case; if the
	 * database cannot be used yet, `unavailable` is set.
	 */
	open(): Promise<void>;
	/** Waits for pending writes. May be called more than once. */
	close(): Promise<void>;
}

/**
 * Directories that this process has open. LevelDB refuses to open a directory twice, but doing so
 * closes a descriptor of LOCK, and closing any descriptor of a file drops the process's fcntl locks
 * on it.
 */
const inUse = new Set<string>();

/** An unused key, written only to test whether the database accepts writes. */
const noKey = "\0";

/** Bytes to seal before yielding to the event loop. */
const bytesAtOnce = 1_048_576;

function bounds({ from, before, reverse = false, limit = -1 }: Range) {
	return { gte: from, lt: before, reverse, limit };
}

function operation(write: Write) {
	if ("delete" in write) return { type: "del", key: write.delete } as const;
	const { put: key, value } = write;
	return { type: "put", key, value: sealValue(key, value) } as const;
}

/**
 * Seals the values, yielding to the event loop in between: sealing 10 MB in one go would block it
 * for 100 ms.
 */
async function operationsOf(writes: readonly Write[]) {
	const operations: ReturnType<typeof operation>[] = [];
	let bytes = 0;
	for (const write of writes) {
		operations.push(operation(write));
		bytes += sizeOfWrite(write);
		if (bytes < bytesAtOnce) continue;
		bytes = 0;
		await nextTurn();
	}
	return operations;
}

/** Approximate bytes of a write: keys are ASCII, and so are nearly all metrics. */
function sizeOfWrite(write: Write): number {
	if ("delete" in write) return write.delete.length;
	return write.put.length + write.value.length;
}

/** The rest of a range after `count` more keys, the last of which was `last`. */
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
	/** Maximum total size, in bytes, of the copies kept of a damaged database; 0 means no limit. */
	maxCopiesBytes?: number;
	/** undefined: there is no addon. */
	lockFile?: LockFile | undefined;
	/** When to check tables. */
	tableCheckTimes?: TableCheckTimes | undefined;
}

/** Creates a database as `createDatabase` does, and opens it. Throws StoreLocked. */
export async function openDatabase(parts: DatabaseParts): Promise<Database> {
	const database = createDatabase(parts);
	await database.open();
	return database;
}

/**
 * Creates a database for a directory. Nothing is touched until it is opened; opening creates the
 * directory if needed, with mode 0700. Repairs nothing but damage, and copies the database to
 * `<directory>.damaged-<time>` first.
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

	/** Runs writes one at a time: a write queued behind a failed one must not be acknowledged. */
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

	/** The value as it was stored; undefined if it was damaged, and is now moved aside. */
	const openValue = async (key: string, stored: Buffer) => {
		try {
			return key.startsWith("x-") ? stored : openSealed(key, stored);
		} catch (error) {
			if (!(error instanceof DamagedValue)) throw error;
			await moveAside(key, stored, error.message);
			return undefined;
		}
	};

	/** Yields the entries of a range, and continues at the same key if the database is reopened. */
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
		// compactRange reports no errors, but LevelDB refuses writes after a failed one
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
			// create it first: realpath of a missing directory would not resolve a linked parent, and the
			// same directory would get two names
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
