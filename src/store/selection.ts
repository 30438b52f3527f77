import type { Database } from "./database.ts";
import { kind, partsOf } from "./keys.ts";
import { type EncodedSamples, encodedSamples } from "./metric-value.ts";

/**
 * Limits of one batch: distinct seconds of arrival, and bytes of stored values. A batch has at
 * least one entry.
 */
export interface BatchLimits {
	seconds: number;
	bytes: number;
}

/** Entries of the store, with their samples. */
export interface Selection {
	keys: string[];
	samples: EncodedSamples;
}

/**
 * Selects the oldest entries that are not taken, within the limits. An unreadable value is moved to
 * `x-<key>`, logged and counted as damage, so it blocks nothing.
 */
export async function selectOldest(parts: {
	database: Database;
	limits: BatchLimits;
	isTaken: (key: string) => boolean;
}): Promise<Selection> {
	const { database, limits, isTaken } = parts;
	const keys: string[] = [];
	const samples: Buffer[] = [];
	const seconds = new Set<number>();
	let bytes = 0;
	for await (const { key, value } of database.rows(kind.metrics)) {
		if (isTaken(key)) continue;
		const second = partsOf(key).seconds;
		const isFull =
			bytes + value.length > limits.bytes ||
			(seconds.size >= limits.seconds && !seconds.has(second));
		if (isFull && keys.length > 0) break;
		try {
			const encoded = encodedSamples(value);
			if (encoded) samples.push(encoded);
		} catch (error) {
			await database.moveAside(
				key,
				value,
				`it cannot be read: ${(error as Error).message}`,
			);
			continue;
		}
		seconds.add(second);
		bytes += value.length;
		keys.push(key);
	}
	return { keys, samples };
}
