import type { Database, Write } from "./database.ts";
import { acknowledgedKey, kind } from "./keys.ts";

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
export async function openAcknowledgements(
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
