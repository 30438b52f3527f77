import { randomBytes } from "node:crypto";
import type { Database, Write } from "./database.ts";
import { kind, leaseKey } from "./keys.ts";

/** A batch lent to a consumer. */
export interface Lease {
	batchId: string;
	consumer: string;
	/** Exactly what was lent. */
	keys: readonly string[];
	/** How long it was granted for, in milliseconds. */
	granted: number;
	/** When it ends, in milliseconds of the monotonic clock: nobody sets that one. */
	endsAt: number;
	/** When it ends by the wall clock as it was at the grant, in milliseconds since 1970: for people, and across restarts. */
	expiresAt: number;
}

/** The leases that are not acknowledged yet; the store has a record of each. */
export interface LeaseBook {
	find(batchId: string): Lease | undefined;
	all(): Iterable<Lease>;
	/** A new lease that begins now, and the write that records it. */
	create(lease: Pick<Lease, "consumer" | "keys" | "granted">): {
		lease: Lease;
		write: Write;
	};
	/** The same batch from now on, for 0 or more milliseconds, and the write that records it. */
	extend(lease: Lease, granted: number): { lease: Lease; write: Write };
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
			granted: lease.granted,
		}),
	},
});

/** A lease as it is stored. */
interface LeaseRecord {
	consumer: string;
	keys: string[];
	expires_at: number;
	granted?: number;
}

/** The record in a value; undefined if there is none. */
function recordIn(value: Buffer): LeaseRecord | undefined {
	try {
		const found: unknown = JSON.parse(value.toString());
		const { consumer, keys, expires_at, granted } = (found ??
			{}) as Partial<LeaseRecord>;
		const isRecord =
			typeof consumer === "string" &&
			Array.isArray(keys) &&
			keys.every((key) => typeof key === "string") &&
			Number.isSafeInteger(expires_at) &&
			(granted === undefined || Number.isSafeInteger(granted));
		return isRecord ? (found as LeaseRecord) : undefined;
	} catch {
		return undefined;
	}
}

/** Clocks of leases, in milliseconds. */
export interface LeaseClocks {
	/** Since 1970. */
	now(): number;
	/** Monotonic. */
	elapsed(): number;
}

/**
 * Reads the records of leases that the store has. A lease from before a restart
 * runs for its granted length at most, whatever the wall clock says: records
 * without that length are of an earlier version, which granted a day at most.
 */
export async function openLeaseBook(
	database: Database,
	{ now, elapsed }: LeaseClocks,
): Promise<LeaseBook> {
	const leases = new Map<string, Lease>();
	for await (const { key, value } of database.rows(kind.leases)) {
		const stored = recordIn(value);
		if (!stored) {
			// an earlier version's, which has no checksum: its data is lent anew
			await database.moveAside(key, value, "it is no lease");
			continue;
		}
		const { consumer, keys, expires_at, granted } = stored;
		const batchId = key.slice(kind.leases.from.length);
		const longest = granted ?? 86_400_000;
		const left = Math.min(Math.max(0, expires_at - now()), longest);
		leases.set(batchId, {
			...{ batchId, consumer, keys, granted: longest },
			endsAt: elapsed() + left,
			expiresAt: now() + left,
		});
	}
	const times = (granted: number) => ({
		granted,
		endsAt: elapsed() + granted,
		expiresAt: now() + granted,
	});
	return {
		find: (batchId) => leases.get(batchId),
		all: () => leases.values(),
		create: (lease) =>
			record({
				...lease,
				...times(lease.granted),
				batchId: randomBytes(12).toString("hex"),
			}),
		extend: (lease, granted) => record({ ...lease, ...times(granted) }),
		enter: (lease) => leases.set(lease.batchId, lease),
		remove: (batchId) => leases.delete(batchId),
	};
}
