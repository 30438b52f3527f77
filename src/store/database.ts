import { mkdir, realpath } from "node:fs/promises";
import { resolve } from "node:path";
import type { Log } from "../log.ts";
import { inTurn } from "../turn.ts";
import { sizeOf } from "./directory.ts";
import { createFlushing } from "./flushing.ts";
import {
	deleteKeys,
	everything,
	type Level,
	type LevelIterator,
	tableSizes,
} from "./level.ts";
import { type LockFile, nativeLockFile, StoreLocked } from "./lock.ts";
import { createReclaiming } from "./reclaiming.ts";
import { createReopening, StoreUnavailable } from "./reopening.ts";

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
	/** LevelDB's `leveldb.<name>`; `""` for unknown names, and while closed. */
	properties(names: readonly string[]): Record<string, string>;
	/** Size of its files; 0 when they cannot be looked at. */
	diskBytes(): Promise<number>;
	readonly directory: string;
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

function bounds({ from, before, reverse = false, limit = -1 }: Range) {
	return { gte: from, lt: before, reverse, limit };
}

function operation(write: Write) {
	if ("delete" in write) return { type: "del", key: write.delete } as const;
	const { put: key, value } = write;
	return { type: "put", key, value: Buffer.from(value as Uint8Array) } as const;
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
	/** undefined: there is no addon. */
	lockFile?: LockFile | undefined;
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
	const { log, now = () => new Date() } = parts;
	const { lockFile } = { lockFile: nativeLockFile(), ...parts };
	const store = createReopening({ directory, log, now, lockFile });
	let place: string | undefined;

	const turn = inTurn();
	const flushing = createFlushing();
	let closed: Promise<void> | undefined;

	/** One write at a time: none may be answered after one that failed. */
	const write = async (work: (level: Level) => Promise<void>) => {
		if (closed) throw new StoreUnavailable(`closed: ${directory}`);
		await turn(() => store.use("write", work));
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
				yield* chunk;
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
			write(async (level) => {
				await level.batch(writes.map(operation), { sync: true });
				const sizes = writes.map(sizeOfWrite);
				flushing.wrote(
					level,
					sizes.reduce((sum, size) => sum + size, 0),
				);
			}),
		read: (key) => store.use("read", (level) => level.get(key)),
		rows: async function* (range) {
			for await (const [key, value] of entries(range, true))
				yield { key, value };
		},
		keys: async function* (range) {
			for await (const [key] of entries(range, false)) yield key;
		},
		clear: async (range, keeps = () => false) => {
			let found = false;
			await write(async (level) => {
				const deleted = await deleteKeys(level, bounds(range), keeps);
				found ||= deleted;
			});
			if (found) await reclaiming.reclaim(range);
			return found;
		},
		reclaim: reclaiming.reclaim,
		compact: () => compact(...everything),
		properties: (names) =>
			Object.fromEntries(
				names.map((name) => [
					name,
					store.level?.getProperty(`leveldb.${name}`) ?? "",
				]),
			),
		diskBytes: async () =>
			sizeOf(directory, store.level && tableSizes(store.level)),
		directory,
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
			closed ??= turn(store.close).finally(() => {
				if (place !== undefined) inUse.delete(place);
			});
			return closed;
		},
	};
}
