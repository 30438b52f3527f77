/** Damage that was found in the store since the start. */
export interface Damages {
	/** How often: in its files, and in single values. */
	count: number;
	/** Entries, of metrics and machine states, that were acknowledged and are known to be lost. */
	lostEntries: number;
	/** The last one: when, in milliseconds since 1970, what, and where the copy is. */
	last?: { at: number; reason: string; copy?: string };
}
