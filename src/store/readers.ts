import {
	type Acknowledgements,
	openAcknowledgements,
} from "./acknowledgements.ts";
import type { Database, Write } from "./database.ts";
import { leaseKey } from "./keys.ts";
import {
	type Lease,
	type LeaseBook,
	type LeaseClocks,
	openLeaseBook,
} from "./lease-book.ts";

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
