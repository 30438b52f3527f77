import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { inTurn } from "../turn.ts";
import type { Database } from "./database.ts";
import { inGroups } from "./groups.ts";
import { createKeyMaker, kind, partsOf } from "./keys.ts";
import type { Lease } from "./lease-book.ts";
import { decodeSamples, encodeSamples, type Sample } from "./metric-value.ts";
import { byOldest, openReaders, type Readers } from "./readers.ts";
import { type RetentionClock, retireMetrics } from "./retention.ts";
import type { Room } from "./room.ts";
import { type BatchLimits, selectOldest } from "./selection.ts";

/** Data handed to a reader; exactly one of the two is to be called. */
export interface Taken {
	samples: Sample[];
	/** The reader has it: it is taken by the plain consumer. */
	confirm(): Promise<void>;
	/** The reader does not have it: others may take it again. */
	putBack(): void;
}

export interface LeasedBatch {
	lease: Lease;
	samples: Sample[];
}

/** Metrics between their arrival and the last consumer's acknowledgement. */
export interface MetricBuffer {
	/** Seconds of arrival of the oldest and the newest that are stored; 0 if there are none. No scan. */
	span(): Promise<{ oldest: number; newest: number }>;
	/** All of the samples are on disk when it resolves, or none. */
	append(samples: readonly Sample[]): Promise<void>;
	/** The oldest data that nobody else is being handed, for a reader without acknowledgement. */
	take(limits: BatchLimits): Promise<Taken>;
	/** The oldest data a consumer has not acknowledged; changes nothing. */
	peek(consumer: string, limits: BatchLimits): Promise<Sample[]>;
	/** A batch that comes back unchanged until it is acknowledged; undefined if there is nothing to lend. */
	lease(
		consumer: string,
		limits: BatchLimits,
		milliseconds: number,
	): Promise<LeasedBatch | undefined>;
	/** Every batch that is lent or comes back, oldest data first, with the milliseconds that its lease still runs. */
	leases(): Promise<{ lease: Lease; left: number }[]>;
	/** Ends a lease; its batch comes back unchanged. False where none of that id runs. */
	release(batchId: string): Promise<boolean>;
	/** The batch is taken by its consumer; a batch that is unknown was acknowledged before. */
	acknowledge(batchId: string, consumer: string | undefined): Promise<void>;
}

/** After so long retention looks again whether a lease has ended that kept data. */
const lookAgainMilliseconds = 60_000;

/** Between two attempts of a full store to get space back. */
const betweenAttemptsMilliseconds = 10_000;

/** The consumer that plain drains are. */
export const plainConsumer = "default";

/**
 * The metrics of a database. Nothing is ever rewritten: every write gets a key
 * of its own. `consumers` are the names that have to acknowledge before data is
 * deleted; retention, in seconds, deletes it in any case, after a write. What it
 * cannot do because the store cannot be used is thrown as the store throws it.
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
	/** Nothing that is stored arrived in an earlier second; undefined until it was looked at. */
	let oldest: number | undefined;
	/** Retention has left data to a lease and does not look before this time of the monotonic clock. */
	let lookAt = 0;

	/** Read once, when the store can first be used. */
	const readers = async (): Promise<Readers> => {
		known ??= await openReaders(database, consumers, { now, elapsed });
		return known;
	};

	/** Second of arrival of the oldest or of the newest; 0 if there is none. */
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
	 * After a write in a second. Retention is no part of its success, and looks
	 * only when the oldest may be due: the first key lies behind all that were
	 * deleted and not compacted yet, which is the way that an iterator has to go.
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

	/** When a full store tried to get space back, by the monotonic clock. */
	let triedAt = Number.NEGATIVE_INFINITY;

	/**
	 * Throws StoreFull where there is no room, not even after retention and without
	 * what readers have taken: LevelDB gives that back when something is written.
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
		// before the write: what was stored before says how late it was
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

	/** The samples of a lease as they were; what retention removed is gone. */
	const samplesOf = async ({ keys }: Lease) => {
		const samples: Sample[] = [];
		for (const key of keys) {
			const value = await database.read(key);
			// not spread: a value of the original can hold more than a call takes
			if (value) for (const s of decodeSamples(value)) samples.push(s);
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

	/** The plain consumer has these now, also what a lease that ran out had lent it. */
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
			// outside the turn: it takes its time with a large batch
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
