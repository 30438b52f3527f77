import type { Range } from "./database.ts";

/** What a range that has no entries may take on disk before it is worth the work, in bytes. */
const worthwhileBytes = 64 * 1024;

/**
 * Gives the disk space of deleted ranges back. An iterator keeps what it saw, and
 * what a compaction has moved to the lowest level while an iterator kept it, no
 * later compaction ever looks at again: so none runs before every iterator that
 * is older than the deletion has been closed.
 */
export interface Reclaiming {
	/** An iterator was opened; what it gives back is to be called when it is closed. */
	opened(): () => void;
	/**
	 * The range has no entries any more. Resolves when its space was given back,
	 * or at once when iterators are in the way: then it is done behind the last.
	 */
	reclaim(range: Range): Promise<void>;
}

/** A key in front of `before` that nobody uses, behind all that somebody does. */
const lastOf = (before: string) =>
	`${before.slice(0, -1)}${String.fromCharCode(before.charCodeAt(before.length - 1) - 1)}~`;

export function createReclaiming(parts: {
	compact(from: string, before: string): Promise<void>;
	/** Bytes of tables with entries of a range, deleted ones too. */
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
		// an iterator kept it, once: LevelDB looks again where something was written
		await deleteBoth(from, lastOf(before));
		await compact(from, before);
	};

	const closed = (iterator: symbol) => {
		open.delete(iterator);
		for (const one of waiting) {
			one.older.delete(iterator);
			if (one.older.size > 0) continue;
			waiting.delete(one);
			// a store that fails says so by itself
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
