import type { Range } from "./database.ts";

/** Bytes that an empty range may occupy on disk before a second compaction is worthwhile. */
const worthwhileBytes = 64 * 1024;

/**
 * Reclaims the disk space of deleted ranges. An open iterator keeps the entries it may still read,
 * and once a compaction has moved such entries to the lowest level, no later compaction visits them
 * again. So compaction waits until every iterator older than the deletion is closed.
 */
export interface Reclaiming {
	/** Call when an iterator is opened, and call the returned function when it is closed. */
	opened(): () => void;
	/**
	 * Call when all entries of the range are deleted. Resolves when its space is reclaimed, or at
	 * once if open iterators delay that until the last one is closed.
	 */
	reclaim(range: Range): Promise<void>;
}

/** An unused key just below `before`, above all keys in use. */
const lastOf = (before: string) =>
	`${before.slice(0, -1)}${String.fromCharCode(before.charCodeAt(before.length - 1) - 1)}~`;

export function createReclaiming(parts: {
	compact(from: string, before: string): Promise<void>;
	/** Bytes of tables with entries of a range, deleted ones included. */
	sizeOf(from: string, before: string): Promise<number>;
	/** Deletes two keys. */
	deleteBoth(first: string, last: string): Promise<void>;
}): Reclaiming {
	const { compact, sizeOf, deleteBoth } = parts;
	const open = new Set<symbol>();
	const waiting = new Set<{ range: Range; older: Set<symbol> }>();

	const run = async ({ from, before }: Range) => {
		await compact(from, before);
		if ((await sizeOf(from, before)) <= worthwhileBytes) return;
		// an iterator kept the entries earlier; new writes make LevelDB compact them again
		await deleteBoth(from, lastOf(before));
		await compact(from, before);
	};

	const closed = (iterator: symbol) => {
		open.delete(iterator);
		for (const one of waiting) {
			one.older.delete(iterator);
			if (one.older.size > 0) continue;
			waiting.delete(one);
			// the store reports its own failures
			run(one.range).catch(() => {});
		}
	};

	return {
		opened: () => {
			const iterator = Symbol();
			open.add(iterator);
			return () => closed(iterator);
		},
		reclaim: async (range) => {
			if (open.size === 0) return run(range);
			waiting.add({ range, older: new Set(open) });
		},
	};
}
