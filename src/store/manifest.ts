import { Fields } from "./fields.ts";
import { readLogRecords } from "./log-records.ts";

/** What a database's MANIFEST names. */
export interface Manifest {
	/** The number of the oldest log that is still needed; 0: none was yet. */
	logNumber: number;
	/** Bytes of its tables by their number. */
	tables: Map<number, number>;
}

/**
 * Reads a MANIFEST; undefined when it is not one, or damaged before its end, of
 * which LevelDB itself speaks. A part that is cut off is not missed.
 */
export function readManifest(bytes: Buffer): Manifest | undefined {
	const { records, damagedAt } = readLogRecords(bytes);
	if (records.length === 0 || damagedAt >= 0) return undefined;
	const manifest: Manifest = { logNumber: 0, tables: new Map() };
	const apply = (fields: Fields) => {
		const tag = fields.number();
		if (tag === 1) fields.skip();
		else if (tag === 2) manifest.logNumber = fields.number();
		else if (tag === 3 || tag === 4 || tag === 9) fields.number();
		else if (tag === 5) {
			fields.number();
			fields.skip();
		} else if (tag === 6) {
			fields.number();
			manifest.tables.delete(fields.number());
		} else if (tag === 7) {
			fields.number();
			const table = fields.number();
			manifest.tables.set(table, fields.number());
			fields.skip();
			fields.skip();
		} else throw new RangeError(`tag ${tag}`);
	};
	try {
		for (const record of records) {
			const fields = new Fields(record);
			// a moved table is deleted at one level and new at another, in this order
			while (fields.left > 0) apply(fields);
		}
	} catch (error) {
		if (error instanceof RangeError) return undefined;
		throw error;
	}
	return manifest;
}
