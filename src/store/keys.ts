import type { Database } from "./database.ts";

/**
 * Keys of the store. `m-<unix seconds of arrival>` and `s-<unix seconds>` are
 * the original's. Ours besides: `m-<seconds>-<six digits>` for later writes of
 * one second, `l-<batch>` for leases, `c-<metric key>/<consumer>` for what a
 * consumer has acknowledged, `x-<key>` for values nobody can read, `t-retention`
 * for the time of the retention, `t-written` for the count of what was written. Keys sort as text, which is by time as long as
 * seconds have ten digits: 2001 to 2286.
 */

/** Keys of one kind, as a range of the store: `-` comes before `.`. */
export const kind = {
	metrics: { from: "m-", before: "m." },
	machineStates: { from: "s-", before: "s." },
	leases: { from: "l-", before: "l." },
	acknowledged: { from: "c-m-", before: "c-m." },
} as const;

/** The last second of ten digits: a clock beyond it is wrong, and text must still sort by time. */
const lastSecond = 9_999_999_999;

/** Second of arrival by the wall clock, which is in milliseconds. */
export const secondOf = (now: number) =>
	Math.min(Math.floor(now / 1000), lastSecond);

/** Key of the nth write, from 0, in a second of arrival. */
export function metricKey(seconds: number, nth: number): string {
	return nth === 0
		? `m-${seconds}`
		: `m-${seconds}-${String(nth).padStart(6, "0")}`;
}

/** Keys of a kind that are older than a second; undefined where text does not sort by time. */
export function olderThan(
	of: { from: string; before: string },
	seconds: number,
): { from: string; before: string } | undefined {
	// a clock that was reset to 1980 or 2000 makes nine digits, which sort behind all of today's
	if (seconds < 1_000_000_000 || seconds > lastSecond) return undefined;
	return { ...of, before: `${of.from}${seconds}` };
}

/** All keys of one second of arrival. */
const keysOfSecond = (seconds: number) => ({
	from: `m-${seconds}`,
	before: `m-${seconds}.`,
});

/** Second of arrival of a metric key, and which write of that second it is. */
export function partsOf(key: string): { seconds: number; nth: number } {
	const [, seconds, nth] = key.split("-");
	return { seconds: Number(seconds), nth: Number(nth ?? 0) };
}

/** How much was ever written, and removed. */
export const writtenKey = "t-written";

/** The time that retention went by, lately. */
export const retentionKey = "t-retention";

export const leaseKey = (batchId: string) => `l-${batchId}`;

export const acknowledgedKey = (key: string, consumer: string) =>
	`c-${key}/${consumer}`;

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
