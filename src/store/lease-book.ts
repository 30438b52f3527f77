import { randomBytes } from "node:crypto";
import type { Database, Write } from "./database.ts";
import { kind, leaseKey } from "./keys.ts";

/** A batch lent to a consumer. */
export interface Lease {
	batchId: string;
	consumer: string;
	/** Exactly what was lent. */
	keys: readonly string[];
	/** When it runs out, in milliseconds since 1970. */
	expiresAt: number;
}

/** The leases that are not acknowledged yet; the store has a record of each. */
export interface LeaseBook {
	find(batchId: string): Lease | undefined;
	all(): Iterable<Lease>;
	/** A new lease, and the write that records it. */
	create(lease: Omit<Lease, "batchId">): { lease: Lease; write: Write };
	/** The same batch for longer, and the write that records it. */
	extend(lease: Lease, expiresAt: number): { lease: Lease; write: Write };
	/** What has been written is in force. */
	enter(lease: Lease): void;
	remove(batchId: string): void;
}

const record = (lease: Lease) => ({
	lease,
	write: {
		put: leaseKey(lease.batchId),
		value: JSON.stringify({
			consumer: lease.consumer,
			keys: lease.keys,
			expires_at: lease.expiresAt,
		}),
	},
});

/** Reads the records of leases that the store has. */
export async function openLeaseBook(database: Database): Promise<LeaseBook> {
	const leases = new Map<string, Lease>();
	for await (const { key, value } of database.rows(kind.leases)) {
		const { consumer, keys, expires_at } = JSON.parse(value.toString()) as {
			consumer: string;
			keys: string[];
			expires_at: number;
		};
		const batchId = key.slice(kind.leases.from.length);
		leases.set(batchId, { batchId, consumer, keys, expiresAt: expires_at });
	}
	return {
		find: (batchId) => leases.get(batchId),
		all: () => leases.values(),
		create: (lease) =>
			record({ ...lease, batchId: randomBytes(12).toString("hex") }),
		extend: (lease, expiresAt) => record({ ...lease, expiresAt }),
		enter: (lease) => leases.set(lease.batchId, lease),
		remove: (batchId) => leases.delete(batchId),
	};
}
