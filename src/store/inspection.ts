import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { readLogRecords } from "./log-records.ts";
import { readManifest } from "./manifest.ts";
import { damageOfTable } from "./table-blocks.ts";

/** Damage of a database that LevelDB would pass over in silence. */
export interface Damage {
	reason: string;
	/** Whether LevelDB's repair finds more than its opening: not in a log. */
	repair: boolean;
}

/** A log, and how many bytes of it were acknowledged. */
export interface AcknowledgedLog {
	name: string;
	bytes: number;
}

const fileName = (number: number, suffix: string) =>
	`${String(number).padStart(6, "0")}.${suffix}`;

const numberOf = (name: string) => Number.parseInt(name, 10);

/**
 * Compares a closed database's files with what its MANIFEST names and what was
 * acknowledged, and looks at the logs' checksums. Changes nothing; undefined where
 * nothing is wrong, and where LevelDB itself reports what is. Throws nothing.
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
				reason: `${fileName(logNumber, "log")}, which ${current} names, is missing: it was removed, or ${current} was cut`,
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
		// what cannot be read, LevelDB cannot read either
		return undefined;
	}
}

/**
 * Checks the blocks of all tables of a closed database. Changes nothing.
 * @returns the first damage, as text; undefined: there is none that can be read
 */
export async function inspectTables(
	directory: string,
): Promise<string | undefined> {
	const names = await readdir(directory);
	for (const name of names.filter((name) => /^\d+\.(ldb|sst)$/.test(name))) {
		const damage = await damageOfTable(join(directory, name), async () => {})
			// what cannot be read, LevelDB cannot read either
			.catch(() => undefined);
		if (damage !== undefined) return `${name}: ${damage}`;
	}
	return undefined;
}
