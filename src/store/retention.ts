import type { Acknowledgements } from "./acknowledgements.ts";
import type { Database } from "./database.ts";
import { kind, leaseKey, olderThan } from "./keys.ts";
import type { Lease, LeaseBook } from "./lease-book.ts";

/**
 * Deletes the metrics that arrived before a second, with what is remembered of
 * their readers, and gives the disk space back. What a reader has leased stays
 * until its lease has ended. Returns whether there was something to delete, and
 * whether something stayed for a lease.
 */
export async function retireMetrics(
	database: Database,
	readers: {
		leases: LeaseBook;
		acknowledged: Acknowledgements;
		running(): Lease[];
	},
	seconds: number,
): Promise<{ deleted: boolean; lent: boolean }> {
	const old = olderThan(kind.metrics, seconds);
	if (!old) return { deleted: false, lent: false };
	const { before } = old;
	const { leases, acknowledged } = readers;
	const lent = new Set(
		readers
			.running()
			.flatMap(({ keys }) => keys)
			.filter((key) => key < before),
	);
	const deleted = await database.clear(old, (key) => lent.has(key));
	if (!deleted) return { deleted, lent: lent.size > 0 };
	await database.clear({ ...kind.acknowledged, before: `c-${before}` }, (key) =>
		lent.has(key.slice(2).split("/", 1)[0] ?? ""),
	);
	acknowledged.forgetBefore(before, lent);
	const gone = [...leases.all()].filter(({ keys }) =>
		keys.every((key) => key < before && !lent.has(key)),
	);
	if (gone.length > 0)
		await database.write(
			gone.map(({ batchId }) => ({ delete: leaseKey(batchId) })),
		);
	for (const { batchId } of gone) leases.remove(batchId);
	return { deleted, lent: lent.size > 0 };
}
