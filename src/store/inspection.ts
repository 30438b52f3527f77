import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { Fields, maskedCrc32c } from "./level-format.ts";
import { damageOfTable } from "./table-blocks.ts";

/** Damage that LevelDB would silently ignore. */
export interface Damage {
	reason: string;
	/** Whether LevelDB's repair recovers more than opening does. False for damage in a log. */
	repair: boolean;
}

/** A log file, and how many of its bytes were acknowledged. */
export interface AcknowledgedLog {
	name: string;
	bytes: number;
}

const fileName = (number: number, suffix: string) =>
	`${String(number).padStart(6, "0")}.${suffix}`;

const numberOf = (name: string) => Number.parseInt(name, 10);

/**
 * Compares the files of a closed database with its MANIFEST and with what was acknowledged, and
 * verifies the logs' checksums. Read-only. Returns undefined if all is well, or if LevelDB itself
 * reports the damage. Never throws.
 */
export async function inspectDatabase(
	directory: string,
	acknowledged: AcknowledgedLog | undefined,
): Promise<Damage | undefined> {
	const read = (name: string) => readFile(join(directory, name));
	const sizeOf = (name: string) =>
		stat(join(directory, name)).then(
			({ size }) => size,
			() => undefined,
		);
	try {
		const current = (await read("CURRENT")).toString().trim();
		if (!/^MANIFEST-\d+$/.test(current)) return undefined;
		const manifest = readManifest(await read(current));
		if (!manifest) return undefined;
		const { logNumber, tables } = manifest;
		const names = await readdir(directory);
		const logs = names
			.filter((name) => /^\d+\.log$/.test(name) && numberOf(name) >= logNumber)
			.sort((a, b) => numberOf(a) - numberOf(b));
		if (logNumber > 0 && !logs.some((name) => numberOf(name) === logNumber))
			return {
				reason: `${fileName(logNumber, "log")}, which ${current} names, is missing: it was removed, or ${current} was truncated`,
				repair: true,
			};
		if (
			acknowledged &&
			numberOf(acknowledged.name) >= logNumber &&
			!logs.includes(acknowledged.name)
		)
			return {
				reason: `${acknowledged.name} is missing, and ${acknowledged.bytes} bytes of it were acknowledged`,
				repair: true,
			};
		const cut = await Promise.all(
			[...tables].map(async ([number, bytes]) => {
				const name = fileName(number, "ldb");
				const size =
					(await sizeOf(name)) ?? (await sizeOf(fileName(number, "sst")));
				return size === undefined || size === bytes
					? []
					: [`${name} has ${size} bytes, and ${current} says ${bytes}`];
			}),
		);
		const [reason] = cut.flat();
		if (reason) return { reason, repair: true };
		for (const name of logs) {
			const bytes = await read(name);
			if (name === acknowledged?.name && bytes.length < acknowledged.bytes)
				return {
					reason: `${name} has ${bytes.length} bytes, and ${acknowledged.bytes} were acknowledged`,
					repair: false,
				};
			const { damagedAt } = readLogRecords(bytes);
			if (damagedAt >= 0)
				return {
					reason: `${name}: a record is damaged at byte ${damagedAt}`,
					repair: false,
				};
		}
		return undefined;
	} catch {
		// LevelDB cannot read it either, and reports it
		return undefined;
	}
}

/**
 * Checks the blocks of all tables of a closed database. Read-only.
 * @returns the first damage found, as text; undefined if there is none
 */
export async function inspectTables(
	directory: string,
): Promise<string | undefined> {
	const names = await readdir(directory);
	for (const name of names.filter((name) => /^\d+\.(ldb|sst)$/.test(name))) {
		const damage = await damageOfTable(join(directory, name), async () => {})
			// LevelDB cannot read it either, and reports it
			.catch(() => undefined);
		if (damage !== undefined) return `${name}: ${damage}`;
	}
	return undefined;
}

/** The contents of a database's MANIFEST. */
interface Manifest {
	/** Number of the oldest log still needed; 0 if there is none yet. */
	logNumber: number;
	/** Table sizes in bytes, by table number. */
	tables: Map<number, number>;
}

/**
 * Parses a MANIFEST. Returns undefined if it is not one or is damaged in the middle, which LevelDB
 * reports itself. A truncated end is not detected.
 */
function readManifest(bytes: Buffer): Manifest | undefined {
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
			// a table that changes level is deleted at one level, then added at another, in this order
			while (fields.left > 0) apply(fields);
		}
	} catch (error) {
		if (error instanceof RangeError) return undefined;
		throw error;
	}
	return manifest;
}

const blockBytes = 32_768;
const headerBytes = 7;

/** The contents of a file in LevelDB's log format: a log or a MANIFEST. */
interface LogRecords {
	records: Buffer[];
	/**
	 * Byte offset of the first damaged record that has intact records after it; -1 if there is none.
	 * A crash of the writer cannot cause this.
	 */
	damagedAt: number;
}

/**
 * Parses a file in LevelDB's log format. LevelDB silently skips damaged records. A truncated last
 * record is what a crash leaves, and is no damage.
 */
function readLogRecords(bytes: Buffer): LogRecords {
	const records: Buffer[] = [];
	let parts: Buffer[] | undefined;
	let bad = -1;
	let damagedAt = -1;
	let at = 0;
	while (at + headerBytes <= bytes.length) {
		const end = at - (at % blockBytes) + blockBytes;
		if (end - at < headerBytes) {
			at = end;
			continue;
		}
		const length = bytes.readUInt16LE(at + 4);
		const type = bytes[at + 6] ?? 0;
		const next = at + headerBytes + length;
		// preallocated or never written
		if (type === 0 && length === 0 && bytes.readUInt32LE(at) === 0) {
			at = end;
			continue;
		}
		const isWhole = next <= end && next <= bytes.length;
		if (
			!isWhole ||
			type > 4 ||
			maskedCrc32c(bytes.subarray(at + 6, next)) !== bytes.readUInt32LE(at)
		) {
			if (bad < 0) bad = at;
			parts = undefined;
			at = end;
			continue;
		}
		if (bad >= 0 && damagedAt < 0) damagedAt = bad;
		const payload = bytes.subarray(at + headerBytes, next);
		if (type === 1) records.push(payload);
		else if (type === 2) parts = [payload];
		else if (parts) parts.push(payload);
		if (type === 4 && parts) records.push(Buffer.concat(parts));
		if (type === 1 || type === 4) parts = undefined;
		at = next;
	}
	return { records, damagedAt };
}
