import {
	type Acknowledgements,
	openAcknowledgements,
} from "./acknowledgements.ts";
import type { Database, Write } from "./database.ts";
import { leaseKey } from "./keys.ts";
import { type Lease, type LeaseBook, openLeaseBook } from "./lease-book.ts";

/** What the store remembers of those who read metrics. */
export interface Readers {
	leases: LeaseBook;
	acknowledged: Acknowledgements;
	/** Leases of a consumer, oldest data first; those that still run, or that ran out. */
	leasesOf(consumer: string, running?: boolean): Lease[];
	/** A consumer has these entries for good; the leases are done with. */
	markTaken(
		keys: readonly string[],
		consumer: string,
		done: readonly Lease[],
	): Promise<void>;
}

/** Reads it from the store; `now` in milliseconds decides which leases run. */
export async function openReaders(
	database: Database,
	consumers: readonly string[],
	now: () => number,
): Promise<Readers> {
	const leases = await openLeaseBook(database);
	const acknowledged = await openAcknowledgements(database, consumers);
	return {
		leases,
		acknowledged,
		leasesOf: (consumer, running) =>
			[...leases.all()]
				.filter(
					(lease) =>
						lease.consumer === consumer &&
						(running === undefined || lease.expiresAt > now() === running),
				)
				.sort(({ keys: [a = ""] }, { keys: [b = ""] }) => (a < b ? -1 : 1)),
		markTaken: async (keys, consumer, done) => {
			const forgotten = done.map(
				({ batchId }): Write => ({ delete: leaseKey(batchId) }),
			);
			await database.write([
				...acknowledged.writes(keys, consumer),
				...forgotten,
			]);
			acknowledged.enter(keys, consumer);
			for (const { batchId } of done) leases.remove(batchId);
		},
	};
}
