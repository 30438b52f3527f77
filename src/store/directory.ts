import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Log } from "../log.ts";

/** What a directory holds, before LevelDB touches it. */
export type Contents = "nothing" | "database" | "damaged database";

/** Makes a directory for us alone, with those above it. Throws the system's error. */
export async function makeDirectory(directory: string): Promise<void> {
	try {
		await mkdir(directory, { mode: 0o700 });
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "EEXIST") return;
		if (code !== "ENOENT") throw error;
		await mkdir(directory, { mode: 0o700, recursive: true });
	}
}

/** Takes the rights of others away: process lists are in there. */
async function closeToOthers(
	directory: string,
	ours: boolean,
	log: Pick<Log, "info" | "warning">,
): Promise<void> {
	const { mode, uid } = await stat(directory);
	if ((mode & 0o077) === 0) return;
	const was = (mode & 0o7777).toString(8).padStart(4, "0");
	if (!ours || uid !== process.geteuid?.())
		return log.warning(
			`the store's directory is open to others and not ours alone: ${directory} has mode ${was}`,
		);
	try {
		await chmod(directory, 0o700);
	} catch {
		return; // a read-only file system; opening says so
	}
	log.info(
		`the store's directory is now closed to others: ${directory} had mode ${was}, has 0700`,
	);
}

/**
 * Closes the directory to others: with mode 0700 unless it holds other things or
 * belongs to someone else. A database without CURRENT is a damaged one, which
 * LevelDB does not see: it would delete the tables.
 * Throws the system's error.
 */
export async function prepareDirectory(
	directory: string,
	log: Pick<Log, "info" | "warning">,
): Promise<Contents> {
	const names = await readdir(directory);
	const contents = names.includes("CURRENT")
		? "database"
		: names.some((name) => /^\d+\.(ldb|sst|log)$/.test(name))
			? "damaged database"
			: "nothing";
	const ours =
		contents !== "nothing" ||
		names.every((name) => /^(LOCK|LOG|MANIFEST-\d+|.*\.dbtmp)/.test(name));
	await closeToOthers(directory, ours, log);
	return contents;
}

/**
 * Bytes of the files in it; one that goes meanwhile, or a directory that cannot
 * be read, counts as nothing. The system is not asked for the sizes of files that
 * are `known`: a week of metrics is a thousand tables, at 25 microseconds each.
 */
export async function sizeOf(
	directory: string,
	known: ReadonlyMap<string, number> = new Map(),
): Promise<number> {
	const names = await readdir(directory).catch(() => []);
	const sizes = await Promise.all(
		names.map(
			(name) =>
				known.get(name) ??
				stat(join(directory, name)).then(
					({ size }) => size,
					() => 0,
				),
		),
	);
	return sizes.reduce((sum, size) => sum + size, 0);
}
