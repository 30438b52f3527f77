import { type Iterator, Level as Database } from "level";

/** What LevelDB has and a browser's storage has not: the types of the package level leave it out. */
interface LevelDbOnly {
	approximateSize(from: string, before: string): Promise<number>;
	compactRange(from: string, before: string): Promise<void>;
	getProperty(name: string): string;
}

export type Level = Database<string, Buffer> & LevelDbOnly;
export type LevelIterator = Iterator<Level, string, Buffer>;

/** Before and after every key of ours, and of the original's. */
export const everything = ["\0", "\u{10ffff}"] as const;

/** What a failed operation says about the database, and why, in one line. */
export interface Failure {
	/** `closed`: another operation's failure closed it; `unusable`: for now. */
	kind: "damaged" | "locked" | "closed" | "unusable";
	reason: string;
}

/**
 * LevelDB in little memory: the write buffer is also what one start has to
 * replay, and how often a table is written while much comes in. When little comes
 * in, createFlushing() has one written sooner.
 */
const options = {
	keyEncoding: "utf8",
	valueEncoding: "buffer",
	cacheSize: 512 * 1024,
	writeBufferSize: 1024 * 1024,
	maxOpenFiles: 64,
} as const;

/**
 * Opens LevelDB. `create` must be false where a CURRENT exists: LevelDB would
 * begin anew, and delete every table, when it cannot see that file.
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
 * Bytes of its tables by the name of the file, `000533.ldb`: what LevelDB has in
 * use is complete and never changes, so that nobody need ask the system. Not in
 * here are tables that it is still writing, and those it has yet to delete.
 */
export function tableSizes(level: Level): Map<string, number> {
	const sizes = new Map<string, number>();
	const listed = level.getProperty("leveldb.sstables");
	// ` 533:141049['m-1700158400' @ 2641 : 1 .. `, and no line ends in keys
	for (const [, table = "", bytes] of listed.matchAll(/^ (\d+):(\d+)\[/gm))
		sizes.set(`${table.padStart(6, "0")}.ldb`, Number(bytes));
	return sizes;
}

/**
 * What is in the write buffer becomes a table, and a new log begins; what is in
 * tables already stays as it is, because none of them has such a key.
 */
export async function flushLevel(level: Level): Promise<void> {
	const [, behind] = everything;
	await level.compactRange(behind, behind);
}

/** Keys deleted in one batch. */
const deletedAtOnce = 1000;

/** Deletes the keys of a range, but for those to keep. False: there was none to delete. */
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

/** Rebuilds a closed database from what can be read; `lost/` gets the rest. */
export async function repairLevel(directory: string): Promise<void> {
	const { repair } = Database as unknown as {
		repair(directory: string): Promise<void>;
	};
	await repair(directory);
}

/**
 * Sorts what classic-level 3 throws, as measured: the reason is in the cause of
 * `LEVEL_DATABASE_NOT_OPEN`; a missing or named-wrong MANIFEST is an I/O error
 * "No such file or directory", and a table cut short is one "Invalid argument".
 * `undefined` for a caller's mistake, which says nothing about the database.
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

/** As large as the log gets when there is time to write tables. */
const bytesOfTable = 128 * 1024;

/** Between two tables; LevelDB writes one sooner when its buffer is full. */
const pauseMilliseconds = 10_000;

/**
 * Keeps the database small without many small tables. The log, which holds what
 * is in LevelDB's write buffer, is not compressed, tables are: with 128 KiB of it
 * at most, 200 metrics a minute stay below 250 KB for the 45 minutes of the soak
 * test. But a table costs two synced files, and a write buffer of 128 KiB would
 * have one written for every seven appends of 200 metrics, however fast they come.
 */
export interface Flushing {
	/** That many bytes more were written to the database. */
	wrote(level: Level, bytes: number): void;
}

/** `now` is in milliseconds, of any clock. */
export function createFlushing(now = () => performance.now()): Flushing {
	let last = Number.NEGATIVE_INFINITY;
	let of: Level | undefined;
	let bytes = 0;
	return {
		wrote: (level, more) => {
			// one that is opened has an empty log
			if (of !== level) bytes = 0;
			of = level;
			bytes += more;
			if (bytes < bytesOfTable || now() - last < pauseMilliseconds) return;
			bytes = 0;
			last = now();
			// beside the writes; one that fails makes the next write fail, and
			// closing waits for it or comes before it
			flushLevel(level).catch(() => {});
		},
	};
}
