import { flushLevel, type Level } from "./level.ts";

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
