import type { Database, Write } from "./database.ts";
import { acknowledgedKey, kind, leaseKey } from "./keys.ts";
import {
	type Lease,
	type LeaseBook,
	type LeaseClocks,
	openLeaseBook,
} from "./lease-book.ts";

/** What each consumer has safely taken, of data that others still want. */
export interface Acknowledgements {
	has(key: string, consumer: string): boolean;
	/** The writes that make `keys` taken by a consumer: gone when it was the last one. */
	writes(keys: readonly string[], consumer: string): Write[];
	/** What has been written is in force. */
	enter(keys: readonly string[], consumer: string): void;
	/** The writes that delete what every consumer of now has taken already. */
	settled(): Write[];
	/** Forgets keys before one, but for those that were kept: retention has removed them. */
	forgetBefore(key: string, kept: ReadonlySet<string>): void;
}

/** Reads the marks that the store has; those of consumers no longer set up do not count. */
async function openAcknowledgements(
	database: Database,
	consumers: readonly string[],
): Promise<Acknowledgements> {
	const taken = new Map<string, Set<string>>();
	const mark = (key: string, consumer: string) =>
		taken.set(key, (taken.get(key) ?? new Set()).add(consumer));
	// with their values, whose checksum is of the key too
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

/** What the store remembers of those who read metrics. */
export interface Readers {
	leases: LeaseBook;
	acknowledged: Acknowledgements;
	/** Leases of all consumers that still run. */
	running(): Lease[];
	/** Leases of a consumer, oldest data first; those that still run, or that ran out. */
	leasesOf(consumer: string, running?: boolean): Lease[];
	/** A consumer has these entries for good; the leases are done with. */
	markTaken(
		keys: readonly string[],
		consumer: string,
		done: readonly Lease[],
	): Promise<void>;
}

/** A consumer that is not set up any more wants nothing: what only it had not taken goes. */
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

/** Reads it from the store; the monotonic clock decides which leases run. */
export async function openReaders(
	database: Database,
	consumers: readonly string[],
	clocks: LeaseClocks,
): Promise<Readers> {
	const leases = await openLeaseBook(database, clocks);
	const isRunning = ({ endsAt }: Lease) => endsAt > clocks.elapsed();
	const acknowledged = await openAcknowledgements(database, consumers);
	await forgetRemoved(database, consumers, leases, acknowledged);

	/** Entries that are still there: a mark for one that is gone would hit its successor. */
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
