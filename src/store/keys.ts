import type { Database } from "./database.ts";

/**
 * Keys of the store. v1 has `m-<unix seconds of arrival>` and `s-<unix seconds>`. We add:
 * - `m-<seconds>-<six digits>`: later writes within the same second
 * - `l-<batch>`: leases
 * - `c-<metric key>/<consumer>`: what a consumer has acknowledged
 * - `x-<key>`: unreadable values
 * - `t-retention`: the retention clock
 * - `t-written`: the count of entries written
 *
 * Keys sort as text, which equals order by time while seconds have ten digits (2001 to 2286).
 */

/** Key ranges by kind: `-` sorts directly before `.`. */
export const kind = {
	metrics: { from: "m-", before: "m." },
	machineStates: { from: "s-", before: "s." },
	leases: { from: "l-", before: "l." },
	acknowledged: { from: "c-m-", before: "c-m." },
} as const;

/**
 * The last second with ten digits. A clock beyond it is wrong, and keys must still sort by time.
 */
const lastSecond = 9_999_999_999;

/** Second of arrival, from the wall clock in milliseconds. */
export const secondOf = (now: number) =>
	Math.min(Math.floor(now / 1000), lastSecond);

/** Key of the nth write, counted from 0, within a second. */
export function metricKey(seconds: number, nth: number): string {
	return nth === 0
		? `m-${seconds}`
		: `m-${seconds}-${String(nth).padStart(6, "0")}`;
}

/** Keys of a kind older than a second; undefined if text order is not time order there. */
export function olderThan(
	of: { from: string; before: string },
	seconds: number,
): { from: string; before: string } | undefined {
	// a clock reset to 1980 or 2000 gives nine digits, which sort after today's ten
	if (seconds < 1_000_000_000 || seconds > lastSecond) return undefined;
	return { ...of, before: `${of.from}${seconds}` };
}

/** All keys of one second. */
const keysOfSecond = (seconds: number) => ({
	from: `m-${seconds}`,
	before: `m-${seconds}.`,
});

/** Splits a metric key into its second of arrival and its number within that second. */
export function partsOf(key: string): { seconds: number; nth: number } {
	const [, seconds, nth] = key.split("-");
	return { seconds: Number(seconds), nth: Number(nth ?? 0) };
}

/** Counts of entries written and removed. */
export const writtenKey = "t-written";

/** The last recorded time of the retention clock. */
export const retentionKey = "t-retention";

export const leaseKey = (batchId: string) => `l-${batchId}`;

export const acknowledgedKey = (key: string, consumer: string) =>
	`c-${key}/${consumer}`;

/** Gives every write of metrics a key that is unique forever. */
export interface KeyMaker {
	/** The next `count` keys of the current second, in order. */
	next(count: number): Promise<string[]>;
}

export function createKeyMaker(
	database: Database,
	now: () => number,
): KeyMaker {
	let last: { seconds: number; nth: number } | undefined;

	/**
	 * The last write stored within a second: there may be some after a restart, or after the clock
	 * went back.
	 */
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
