import { randomBytes } from "node:crypto";
import type { Database, Write } from "./database.ts";
import { kind, leaseKey } from "./keys.ts";

/** A batch leased to a consumer. */
export interface Lease {
	batchId: string;
	consumer: string;
	/** The keys of the batch; they never change. */
	keys: readonly string[];
	/** Requested length, in milliseconds. */
	granted: number;
	/** End in milliseconds of the monotonic clock, which cannot be set. */
	endsAt: number;
	/**
	 * End in milliseconds since 1970, by the wall clock at the time of the grant; for people, and
	 * across restarts.
	 */
	expiresAt: number;
}

/** Leases not yet acknowledged. Each has a record in the store. */
export interface LeaseBook {
	find(batchId: string): Lease | undefined;
	all(): Iterable<Lease>;
	/** Creates a lease that starts now, and the write that records it. */
	create(lease: Pick<Lease, "consumer" | "keys" | "granted">): {
		lease: Lease;
		write: Write;
	};
	/**
	 * Restarts a lease for `granted` milliseconds (0 ends it), and returns the write that records it.
	 */
	extend(lease: Lease, granted: number): { lease: Lease; write: Write };
	/** Puts a lease into effect once its write has succeeded. */
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

/** A lease as stored. */
interface LeaseRecord {
	consumer: string;
	keys: string[];
	expires_at: number;
	granted?: number;
}

/** Parses a record; undefined if the value is not one. */
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

/** The clocks of leases, in milliseconds. */
export interface LeaseClocks {
	/** Since 1970. */
	now(): number;
	/** Monotonic. */
	elapsed(): number;
}

/**
 * Reads the lease records of the store. After a restart, a lease runs for its granted length at
 * most, whatever the wall clock says. Records without a length come from an earlier version, which
 * granted a day at most.
 */
export async function openLeaseBook(
	database: Database,
	{ now, elapsed }: LeaseClocks,
): Promise<LeaseBook> {
	const leases = new Map<string, Lease>();
	for await (const { key, value } of database.rows(kind.leases)) {
		const stored = recordIn(value);
		if (!stored) {
			// from an earlier version, which stored no checksum: its data will be leased anew
			await database.moveAside(key, value, "it is not a lease");
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
