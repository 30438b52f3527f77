import { Level as Database, type Iterator } from "level";

/** Methods of LevelDB that browsers' storage lacks, so the types of the package level omit them. */
interface LevelDbOnly {
	approximateSize(from: string, before: string): Promise<number>;
	compactRange(from: string, before: string): Promise<void>;
	getProperty(name: string): string;
}

export type Level = Database<string, Buffer> & LevelDbOnly;
export type LevelIterator = Iterator<Level, string, Buffer>;

/** Bounds below and above every key, ours and v1's. */
export const everything = ["\0", "\u{10ffff}"] as const;

/** Classifies a failed operation, with the reason in one line. */
export interface Failure {
	/** `closed`: a failure of another operation has closed the database. `unusable`: temporarily. */
	kind: "damaged" | "locked" | "closed" | "unusable";
	reason: string;
}

/**
 * LevelDB with little memory. The write buffer also bounds what a start has to replay, and how
 * often a table is written under load. Under low load createFlushing() writes tables sooner.
 */
const options = {
	keyEncoding: "utf8",
	valueEncoding: "buffer",
	cacheSize: 512 * 1024,
	writeBufferSize: 1024 * 1024,
	maxOpenFiles: 64,
} as const;

/**
 * Opens LevelDB. `create` must be false if CURRENT exists: if LevelDB could not see that file, it
 * would create a new database and delete every table.
 */
export async function openLevel(
	directory: string,
	create: boolean,
): Promise<Level> {
	const level = new Database<string, Buffer>(directory, {
		...options,
		createIfMissing: create,
	}) as Level;
	await level.open();
	return level;
}

/**
 * Table sizes in bytes by file name (`000533.ldb`). Tables in use are complete and immutable, so no
 * stat is needed. Excludes tables still being written, and those not deleted yet.
 */
export function tableSizes(level: Level): Map<string, number> {
	const sizes = new Map<string, number>();
	const listed = level.getProperty("leveldb.sstables");
	// ` 533:141049['m-1700158400' @ 2641 : 1 .. `; no key contains a line break
	for (const [, table = "", bytes] of listed.matchAll(/^ (\d+):(\d+)\[/gm))
		sizes.set(`${table.padStart(6, "0")}.ldb`, Number(bytes));
	return sizes;
}

/**
 * Writes the write buffer to a table and starts a new log. Compacts a range beyond all keys, so
 * existing tables stay as they are.
 */
export async function flushLevel(level: Level): Promise<void> {
	const [, beyond] = everything;
	await level.compactRange(beyond, beyond);
}

/** Keys to delete in one batch. */
const deletedAtOnce = 1000;

/**
 * Deletes the keys of a range, except those to keep. Returns false if there was nothing to delete.
 */
export async function deleteKeys(
	level: Level,
	range: { gte: string; lt: string },
	keeps: (key: string) => boolean,
): Promise<boolean> {
	let found = false;
	const keys = level.keys(range);
	try {
		for (;;) {
			const some = await keys.nextv(deletedAtOnce);
			if (some.length === 0) return found;
			const old = some.filter((key) => !keeps(key));
			if (old.length === 0) continue;
			found = true;
			await level.batch(old.map((key) => ({ type: "del", key }) as const));
		}
	} finally {
		await keys.close();
	}
}

/** Rebuilds a closed database from what is readable; the rest is moved to `lost/`. */
export async function repairLevel(directory: string): Promise<void> {
	const { repair } = Database as unknown as {
		repair(directory: string): Promise<void>;
	};
	await repair(directory);
}

/**
 * Classifies errors of classic-level 3, based on experiments. The reason of
 * `LEVEL_DATABASE_NOT_OPEN` is in its cause; a missing or misnamed MANIFEST is an I/O error "No
 * such file or directory", and a truncated table is one with "Invalid argument". Returns undefined
 * for a caller's mistake, which says nothing about the database.
 */
export function failureOf(error: unknown): Failure | undefined {
	if (!(error instanceof Error) || error instanceof TypeError) return undefined;
	const from = error.cause instanceof Error ? error.cause : error;
	const code = "code" in from ? String(from.code) : "";
	const reason = from.message.replace(/^IO error: /, "").replace(/\s+/g, " ");
	if (code === "LEVEL_LOCKED") return { kind: "locked", reason };
	if (code === "LEVEL_CORRUPTION") return { kind: "damaged", reason };
	if (code === "LEVEL_DATABASE_NOT_OPEN" || code === "LEVEL_ITERATOR_NOT_OPEN")
		return { kind: "closed", reason };
	if (/^LEVEL_INVALID_/.test(code)) return undefined;
	const cut = /\d\.(ldb|sst): Invalid argument$/.test(reason);
	const missing = /\/(?!LOCK:)[^/]*: No such file or directory$/.test(reason);
	if (code === "LEVEL_IO_ERROR" && (cut || missing))
		return { kind: "damaged", reason };
	return { kind: "unusable", reason };
}

/** Maximum size of the log under low load. */
const maxLogBytes = 128 * 1024;

/** Minimum time between two flushes; LevelDB itself flushes sooner when its buffer is full. */
const minFlushMilliseconds = 10_000;

/**
 * Keeps the database small without creating many small tables. The log, which holds the contents of
 * LevelDB's write buffer, is uncompressed, unlike tables: if it is flushed at 128 KiB, 200 metrics
 * a minute stay below 250 KB for the 45 minutes of the soak test. But a table costs two synced
 * files, and a write buffer of 128 KiB would cause one for every seven appends of 200 metrics, at
 * any rate.
 */
export interface Flushing {
	/** Call after writing `bytes` bytes to the database. */
	wrote(level: Level, bytes: number): void;
}

/** @param now milliseconds, arbitrary origin */
export function createFlushing(now = () => performance.now()): Flushing {
	let last = Number.NEGATIVE_INFINITY;
	let of: Level | undefined;
	let bytes = 0;
	return {
		wrote: (level, more) => {
			// a newly opened database has an empty log
			if (of !== level) bytes = 0;
			of = level;
			bytes += more;
			if (bytes < maxLogBytes || now() - last < minFlushMilliseconds) return;
			bytes = 0;
			last = now();
			// in the background; if it fails, the next write fails too, and closing waits for it
			flushLevel(level).catch(() => {});
		},
	};
}
