import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Database, openDatabase } from "../../src/store/database.ts";
import {
	createMetricBuffer,
	type MetricBuffer,
} from "../../src/store/metric-buffer.ts";
import type { EncodedSamples, Sample } from "../../src/store/metric-value.ts";
import { createRetentionClock } from "../../src/store/retention.ts";
import { createRoom } from "../../src/store/room.ts";
import type { BatchLimits } from "../../src/store/selection.ts";
import { recordingLog } from "./agent.ts";
import { temporaryDirectory } from "./temporary.ts";

export const sample = (n: number) => ({
	hostname: "h",
	timestamp: n,
	metrics: { n },
});
export const numbers = (
	samples: readonly { timestamp: number }[] | undefined,
) => samples?.map(({ timestamp }) => timestamp);
export const all = { seconds: 60, bytes: 8 * 1024 * 1024 };
export const one = { seconds: 1, bytes: all.bytes };

/** Advances both clocks by `seconds`, and sets the wall clock ahead by `set`, or back if negative. */
export const clocksOf = (clock: { seconds: number; set: number }) => ({
	now: () => (clock.seconds + clock.set) * 1000,
	elapsed: () => clock.seconds * 1000,
});

const decoded = (lists: EncodedSamples): Sample[] =>
	lists.flatMap((list) => JSON.parse(list.toString("utf8")));

/** A buffer whose batches are objects, not JSON. */
export const decoding = (buffer: MetricBuffer) => ({
	...buffer,
	take: async (limits: BatchLimits) => {
		const taken = await buffer.take(limits);
		return { ...taken, samples: decoded(taken.samples) };
	},
	peek: async (consumer: string, limits: BatchLimits) =>
		decoded(await buffer.peek(consumer, limits)),
	lease: async (
		consumer: string,
		limits: BatchLimits,
		milliseconds: number,
	) => {
		const batch = await buffer.lease(consumer, limits, milliseconds);
		return batch && { ...batch, samples: decoded(batch.samples) };
	},
});

export type DecodingBuffer = ReturnType<typeof decoding>;

/** A buffer on a real store, with clocks that the test sets, in seconds. */
export async function openBuffer(
	t: TestContext,
	options: {
		directory?: string;
		consumers?: string[];
		maxLifetimeSeconds?: number;
		seconds?: number;
		maxStoreBytes?: number;
		minFreeBytes?: number;
	} = {},
) {
	const directory =
		options.directory ?? join(await temporaryDirectory(t), "db");
	const { log, lines } = recordingLog();
	const database = await openDatabase({ directory, log });
	t.after(() => database.close());
	const clock = { seconds: options.seconds ?? 1_500_000_000, set: 0 };
	const clocks = clocksOf(clock);
	const retention = createRetentionClock({ database, ...clocks, log });
	const disk = { free: 1e12 };
	const room = createRoom({
		database,
		maxBytes: options.maxStoreBytes ?? 0,
		minFreeBytes: options.minFreeBytes ?? 0,
		freeBytes: async () => disk.free,
		elapsed: clocks.elapsed,
		log,
	});
	const buffer = createMetricBuffer({
		database,
		consumers: options.consumers ?? ["default"],
		maxLifetimeSeconds: options.maxLifetimeSeconds ?? 604_800,
		retention,
		room,
		...clocks,
		log,
	});
	return {
		buffer: decoding(buffer),
		clock,
		database,
		directory,
		lines,
		log,
		retention,
		room,
		disk,
	};
}

export const keysOf = async (database: Database) => {
	const keys: string[] = [];
	for await (const key of database.keys({ from: "", before: "~" }))
		keys.push(key);
	return keys;
};
