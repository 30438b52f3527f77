import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { inTurn } from "../turn.ts";
import type { Database } from "./database.ts";
import { inGroups } from "./groups.ts";
import { createKeyMaker, kind, partsOf } from "./keys.ts";
import type { Lease } from "./lease-book.ts";
import {
	type EncodedSamples,
	encodedSamples,
	encodeSamples,
	type Sample,
} from "./metric-value.ts";
import { byOldest, openReaders, type Readers } from "./readers.ts";
import { type RetentionClock, retireMetrics } from "./retention.ts";
import type { Room } from "./room.ts";
import { type BatchLimits, selectOldest } from "./selection.ts";

/** Data handed out by a plain drain. Call exactly one of `confirm` and `putBack`. */
export interface Taken {
	samples: EncodedSamples;
	/** The client has received it: acknowledges it for the plain consumer. */
	confirm(): Promise<void>;
	/** The client has not received it: others may take it. */
	putBack(): void;
}

export interface LeasedBatch {
	lease: Lease;
	samples: EncodedSamples;
}

/** Stores metrics from their arrival until every consumer has acknowledged them. */
export interface MetricBuffer {
	/** Seconds of arrival of the oldest and newest metrics; 0 if there are none. Does not scan. */
	span(): Promise<{ oldest: number; newest: number }>;
	/** Stores all samples or none. They are on disk when it resolves. */
	append(samples: readonly Sample[]): Promise<void>;
	/**
	 * Takes the oldest data that is not being handed to anyone else, for a client that does not
	 * acknowledge.
	 */
	take(limits: BatchLimits): Promise<Taken>;
	/** Reads the oldest data that a consumer has not acknowledged; changes nothing. */
	peek(consumer: string, limits: BatchLimits): Promise<EncodedSamples>;
	/**
	 * Leases a batch, which is delivered again, unchanged, until it is acknowledged. Undefined if
	 * there is nothing to lease.
	 */
	lease(
		consumer: string,
		limits: BatchLimits,
		milliseconds: number,
	): Promise<LeasedBatch | undefined>;
	/**
	 * All leases, running or expired, oldest data first. `left` is the remaining time in
	 * milliseconds.
	 */
	leases(): Promise<{ lease: Lease; left: number }[]>;
	/**
	 * Ends a lease, so its batch is delivered again, unchanged. False if no such lease is running.
	 */
	release(batchId: string): Promise<boolean>;
	/**
	 * Acknowledges a batch. An unknown batch counts as already acknowledged. Throws bad-request if
	 * another consumer leased it.
	 */
	acknowledge(batchId: string, consumer: string | undefined): Promise<void>;
}

/**
 * How long retention waits before it tries again to delete data that was leased, in milliseconds.
 */
const lookAgainMilliseconds = 60_000;

/** Minimum time between attempts of a full store to reclaim space. */
const betweenAttemptsMilliseconds = 10_000;

/** The consumer on whose behalf plain drains take data. */
export const plainConsumer = "default";

/**
 * The metrics of a database. Values are never rewritten: every write gets a key of its own. Data is
 * deleted once all `consumers` have acknowledged it, or, by retention after a write, once it is
 * older than `maxLifetimeSeconds`. Errors of the store pass through unchanged.
 */
export function createMetricBuffer(parts: {
	database: Database;
	consumers: readonly string[];
	maxLifetimeSeconds: number;
	retention: Pick<RetentionClock, "time">;
	room: Pick<Room, "need" | "refused">;
	/** Milliseconds since 1970. */
	now: () => number;
	/** Milliseconds of the monotonic clock. */
	elapsed: () => number;
	log: Pick<Log, "warning" | "error">;
}): MetricBuffer {
	const { database, consumers, retention, room, now, elapsed, log } = parts;
	const repeats = createLogRepeats({ log, elapsed });
	const reserved = new Set<string>();
	const exclusive = inTurn();
	const keyMaker = createKeyMaker(database, now);
	let known: Readers | undefined;
	/** Lower bound for the second of arrival of everything stored; undefined until first read. */
	let oldest: number | undefined;
	/**
	 * After leaving leased data in place, retention pauses until this time of the monotonic clock.
	 */
	let lookAt = 0;

	/** Loaded when the store is first used. */
	const readers = async (): Promise<Readers> => {
		known ??= await openReaders(database, consumers, { now, elapsed });
		return known;
	};

	/** Second of arrival of the oldest or newest metrics; 0 if there are none. */
	const arrival = async (reverse: boolean) => {
		const range = { ...kind.metrics, reverse, limit: 1 };
		for await (const key of database.keys(range)) return partsOf(key).seconds;
		return 0;
	};

	const firstKey = async () => {
		for await (const key of database.keys({ ...kind.metrics, limit: 1 }))
			return key;
		return undefined;
	};

	/**
	 * Retention, after a write in the second `written`. A failure is logged, and does not fail the
	 * write. It reads the database only when the oldest data may have expired: finding the first key
	 * is slow, as the iterator passes all deleted entries not yet compacted.
	 */
	const retire = async (written: number) => {
		try {
			const time = Math.floor((await retention.time()) / 1000);
			const kept = time - parts.maxLifetimeSeconds;
			// the clock may go back
			if (oldest !== undefined) oldest = Math.min(oldest, written);
			if (oldest !== undefined && oldest >= kept) return;
			if (elapsed() < lookAt) return;
			const found = await retireMetrics(database, await readers(), kept);
			if (found.deleted)
				repeats.wrong("age", {
					kind: "removed",
					level: "warning",
					lines: [
						`metrics older than ${parts.maxLifetimeSeconds} seconds removed (metrics-max-lifetime-seconds)`,
					],
				});
			oldest = await arrival(false);
			if (found.lent) lookAt = elapsed() + lookAgainMilliseconds;
			repeats.right("retention", "retention of metrics");
		} catch (error) {
			const { message } = error as Error;
			repeats.wrong("retention", {
				kind: message,
				level: "error",
				lines: [`retention of metrics: ${message}`],
			});
		}
	};

	/** When a full store last tried to reclaim space, by the monotonic clock. */
	let triedAt = Number.NEGATIVE_INFINITY;

	/**
	 * Throws StoreFull if there is no room, even after retention and after reclaiming the space of
	 * acknowledged data, which LevelDB otherwise frees only as it compacts.
	 */
	const makeRoom = async (bytes: number) => {
		try {
			return await room.need(bytes);
		} catch (error) {
			if (elapsed() - triedAt < betweenAttemptsMilliseconds) throw error;
			triedAt = elapsed();
		}
		await retire(Number.POSITIVE_INFINITY);
		const first = await firstKey();
		await database.reclaim({
			...kind.metrics,
			...(first && { before: first }),
		});
		await room.need(bytes, true);
	};

	const store = inGroups(exclusive, async (values) => {
		await makeRoom(values.reduce((sum, { length }) => sum + length, 0)).catch(
			(error) => {
				room.refused();
				throw error;
			},
		);
		// read the clock before the write: it compares itself with the newest entry stored
		await retention.time().catch(() => {});
		const keys = await keyMaker.next(values.length);
		await database.write(
			keys.map((put, index) => ({ put, value: values[index] ?? "" })),
		);
		await retire(partsOf(keys[0] ?? "").seconds);
	});

	const select = async (
		consumer: string,
		limits: BatchLimits,
		skip: ReadonlySet<string>,
	) => {
		const { acknowledged } = await readers();
		const isTaken = (key: string) =>
			skip.has(key) || acknowledged.has(key, consumer);
		return selectOldest({ database, limits, isTaken });
	};

	/** The samples of a lease, without those that retention has deleted. */
	const samplesOf = async ({ keys }: Lease) => {
		const samples: Buffer[] = [];
		for (const key of keys) {
			const value = await database.read(key);
			const encoded = value && encodedSamples(value);
			if (encoded) samples.push(encoded);
		}
		return samples;
	};

	const lendAgain = async (consumer: string, granted: number) => {
		const { leases, leasesOf, markTaken } = await readers();
		for (const old of leasesOf(consumer, false)) {
			const isHanded = (key: string) =>
				consumer === plainConsumer && reserved.has(key);
			if (old.keys.some(isHanded)) continue;
			const samples = await samplesOf(old);
			if (samples.length === 0) {
				await markTaken([], consumer, [old]);
				continue;
			}
			const { lease, write } = leases.extend(old, granted);
			await database.write([write]);
			leases.enter(lease);
			return { lease, samples };
		}
		return undefined;
	};

	const lendNew = async (
		consumer: string,
		limits: BatchLimits,
		granted: number,
	) => {
		const { leases, leasesOf } = await readers();
		const lent = leasesOf(consumer).flatMap(({ keys }) => keys);
		const handed = consumer === plainConsumer ? reserved : [];
		const skip = new Set([...lent, ...handed]);
		const { keys, samples } = await select(consumer, limits, skip);
		if (keys.length === 0) return undefined;
		const { lease, write } = leases.create({ consumer, keys, granted });
		await database.write([write]);
		leases.enter(lease);
		return { lease, samples };
	};

	/**
	 * Marks entries as taken by the plain consumer, and removes its expired leases that they
	 * complete.
	 */
	const confirm = async (keys: readonly string[]) => {
		if (keys.length === 0) return;
		const { leasesOf, markTaken } = await readers();
		const gone = new Set(keys);
		const ended = leasesOf(plainConsumer).filter((lease) =>
			lease.keys.every((key) => gone.has(key)),
		);
		await markTaken(keys, plainConsumer, ended);
	};

	return {
		span: async () => ({
			oldest: await arrival(false),
			newest: await arrival(true),
		}),
		append: async (samples) => {
			// outside the lock: encoding a large batch takes a while
			const values = await encodeSamples(samples);
			if (values.length === 0) return;
			await store(values);
		},
		take: (limits) =>
			exclusive(async () => {
				const running = (await readers()).leasesOf(plainConsumer, true);
				const lent = running.flatMap(({ keys }) => keys);
				const skip = new Set([...reserved, ...lent]);
				const { keys, samples } = await select(plainConsumer, limits, skip);
				for (const key of keys) reserved.add(key);
				const putBack = () => {
					for (const key of keys) reserved.delete(key);
				};
				return {
					samples,
					putBack,
					confirm: () => exclusive(() => confirm(keys)).finally(putBack),
				};
			}),
		peek: (consumer, limits) =>
			exclusive(
				async () => (await select(consumer, limits, new Set())).samples,
			),
		lease: (consumer, limits, milliseconds) =>
			exclusive(
				async () =>
					(await lendAgain(consumer, milliseconds)) ??
					(await lendNew(consumer, limits, milliseconds)),
			),
		leases: () =>
			exclusive(async () => {
				const { leasesOf } = await readers();
				return consumers
					.flatMap((consumer) => leasesOf(consumer))
					.sort(byOldest)
					.map((lease) => ({
						lease,
						left: Math.max(0, lease.endsAt - elapsed()),
					}));
			}),
		release: (batchId) =>
			exclusive(async () => {
				const { leases, running } = await readers();
				const old = running().find((lease) => lease.batchId === batchId);
				if (!old) return false;
				const { lease, write } = leases.extend(old, 0);
				await database.write([write]);
				leases.enter(lease);
				return true;
			}),
		acknowledge: (batchId, consumer) =>
			exclusive(async () => {
				const { leases, markTaken } = await readers();
				const lease = leases.find(batchId);
				if (!lease) return;
				if (consumer !== undefined && consumer !== lease.consumer)
					throw new AgentError(
						"bad-request",
						`consumer: batch ${batchId} was leased by ${lease.consumer}, not ${consumer}`,
					);
				await markTaken(lease.keys, lease.consumer, [lease]);
			}),
	};
}
