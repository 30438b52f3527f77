import type { Database, Write } from "./database.ts";
import { acknowledgedKey, kind, leaseKey } from "./keys.ts";
import {
	type Lease,
	type LeaseBook,
	type LeaseClocks,
	openLeaseBook,
} from "./lease-book.ts";

/** What each consumer has acknowledged, of data that others still need. */
export interface Acknowledgements {
	has(key: string, consumer: string): boolean;
	/**
	 * The writes that mark `keys` as acknowledged by a consumer. If it is the last one, they delete
	 * the data.
	 */
	writes(keys: readonly string[], consumer: string): Write[];
	/** Puts acknowledgements into effect once their writes have succeeded. */
	enter(keys: readonly string[], consumer: string): void;
	/** The writes that delete data which every current consumer has acknowledged. */
	settled(): Write[];
	/** Forgets all keys before `key`, except `kept`: retention has deleted them. */
	forgetBefore(key: string, kept: ReadonlySet<string>): void;
}

/** Reads the acknowledgements in the store, and ignores those of consumers no longer configured. */
async function openAcknowledgements(
	database: Database,
	consumers: readonly string[],
): Promise<Acknowledgements> {
	const taken = new Map<string, Set<string>>();
	const mark = (key: string, consumer: string) =>
		taken.set(key, (taken.get(key) ?? new Set()).add(consumer));
	// read the values too: their checksums protect the keys
	for await (const { key: entry } of database.rows(kind.acknowledged)) {
		const [key = "", consumer = ""] = entry.slice(2).split("/", 2);
		mark(key, consumer);
	}
	const isLast = (key: string, consumer: string) =>
		consumers.every((c) => c === consumer || taken.get(key)?.has(c));
	const deletion = (key: string): Write[] => [
		{ delete: key },
		...[...(taken.get(key) ?? [])].map((other) => ({
			delete: acknowledgedKey(key, other),
		})),
	];
	return {
		settled: () => {
			const keys = [...taken.keys()].filter((key) =>
				consumers.every((consumer) => taken.get(key)?.has(consumer)),
			);
			const writes = keys.flatMap(deletion);
			for (const key of keys) taken.delete(key);
			return writes;
		},
		has: (key, consumer) => taken.get(key)?.has(consumer) ?? false,
		writes: (keys, consumer) =>
			keys.flatMap((key): Write[] =>
				isLast(key, consumer)
					? deletion(key)
					: [{ put: acknowledgedKey(key, consumer), value: "" }],
			),
		enter: (keys, consumer) => {
			for (const key of keys)
				if (isLast(key, consumer)) taken.delete(key);
				else mark(key, consumer);
		},
		forgetBefore: (key, kept) => {
			for (const other of taken.keys())
				if (other < key && !kept.has(other)) taken.delete(other);
		},
	};
}

/** What the store knows about the consumers of metrics. */
export interface Readers {
	leases: LeaseBook;
	acknowledged: Acknowledgements;
	/** Running leases of all consumers. */
	running(): Lease[];
	/**
	 * Leases of a consumer, oldest data first; only running or only expired ones if `running` is
	 * given.
	 */
	leasesOf(consumer: string, running?: boolean): Lease[];
	/** Marks entries as acknowledged by a consumer, and removes the `done` leases. */
	markTaken(
		keys: readonly string[],
		consumer: string,
		done: readonly Lease[],
	): Promise<void>;
}

/**
 * Deletes leases of consumers no longer configured, and data that only they had not acknowledged.
 */
async function forgetRemoved(
	database: Database,
	consumers: readonly string[],
	leases: LeaseBook,
	acknowledged: Acknowledgements,
): Promise<void> {
	const orphans = [...leases.all()].filter(
		({ consumer }) => !consumers.includes(consumer),
	);
	const writes = [
		...acknowledged.settled(),
		...orphans.map(({ batchId }): Write => ({ delete: leaseKey(batchId) })),
	];
	if (writes.length > 0) await database.write(writes);
	for (const { batchId } of orphans) leases.remove(batchId);
}

/** Sorts leases by their oldest data. */
export const byOldest = (
	{ keys: [a = ""] }: Lease,
	{ keys: [b = ""] }: Lease,
): number => (a < b ? -1 : 1);

/**
 * Reads the state of consumers from the store. The monotonic clock decides which leases are
 * running.
 */
export async function openReaders(
	database: Database,
	consumers: readonly string[],
	clocks: LeaseClocks,
): Promise<Readers> {
	const leases = await openLeaseBook(database, clocks);
	const isRunning = ({ endsAt }: Lease) => endsAt > clocks.elapsed();
	const acknowledged = await openAcknowledgements(database, consumers);
	await forgetRemoved(database, consumers, leases, acknowledged);

	/**
	 * Filters out entries that no longer exist: an acknowledgement of one would apply to a later
	 * entry with the same key.
	 */
	const present = async (keys: readonly string[]) => {
		if (consumers.length < 2 || keys.length === 0) return keys;
		const sorted = [...keys].sort();
		const range = { from: sorted[0] ?? "", before: `${sorted.at(-1)}\0` };
		const stored = new Set<string>();
		for await (const key of database.keys(range)) stored.add(key);
		return keys.filter((key) => stored.has(key));
	};
	return {
		leases,
		acknowledged,
		running: () => [...leases.all()].filter(isRunning),
		leasesOf: (consumer, running) =>
			[...leases.all()]
				.filter(
					(lease) =>
						lease.consumer === consumer &&
						(running === undefined || isRunning(lease) === running),
				)
				.sort(byOldest),
		markTaken: async (keys, consumer, done) => {
			const forgotten = done.map(
				({ batchId }): Write => ({ delete: leaseKey(batchId) }),
			);
			const there = await present(keys);
			await database.write([
				...acknowledged.writes(there, consumer),
				...forgotten,
			]);
			acknowledged.enter(there, consumer);
			for (const { batchId } of done) leases.remove(batchId);
		},
	};
}
