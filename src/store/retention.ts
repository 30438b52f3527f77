import type { Acknowledgements } from "./acknowledgements.ts";
import type { Database } from "./database.ts";
import { kind, leaseKey } from "./keys.ts";
import type { LeaseBook } from "./lease-book.ts";

/**
 * Deletes the metrics before a key, with what is remembered of their readers,
 * and gives the disk space back. False if there was nothing.
 */
export async function retireMetrics(
	database: Database,
	readers: { leases: LeaseBook; acknowledged: Acknowledgements },
	before: string,
): Promise<boolean> {
	if (!(await database.clear({ ...kind.metrics, before }))) return false;
	const { leases, acknowledged } = readers;
	await database.clear({ ...kind.acknowledged, before: `c-${before}` });
	acknowledged.forgetBefore(before);
	const gone = [...leases.all()].filter(({ keys }) =>
		keys.every((key) => key < before),
	);
	if (gone.length > 0)
		await database.write(
			gone.map(({ batchId }) => ({ delete: leaseKey(batchId) })),
		);
	for (const { batchId } of gone) leases.remove(batchId);
	return true;
}
