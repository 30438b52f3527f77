import type { Database } from "./database.ts";
import { keysOfSecond, metricKey, partsOf, secondOf } from "./keys.ts";

/** Gives every write of metrics a key that no other write had or has. */
export interface KeyMaker {
	/** That many keys in the second it is now, in order. */
	next(count: number): Promise<string[]>;
}

export function createKeyMaker(
	database: Database,
	now: () => number,
): KeyMaker {
	let last: { seconds: number; nth: number } | undefined;

	/** The last write in a second: after a restart, or when the clock went back, it may have some. */
	const lastOf = async (seconds: number) => {
		const range = { ...keysOfSecond(seconds), reverse: true, limit: 1 };
		for await (const key of database.keys(range)) return partsOf(key);
		return { seconds, nth: -1 };
	};

	return {
		next: async (count) => {
			const seconds = secondOf(now());
			const from = last?.seconds === seconds ? last : await lastOf(seconds);
			last = { seconds, nth: from.nth + count };
			return Array.from({ length: count }, (_, index) =>
				metricKey(seconds, from.nth + 1 + index),
			);
		},
	};
}
