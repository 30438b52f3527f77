import { chmod, mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { modeText } from "../file-mode.ts";
import type { Log } from "../log.ts";

/** What a directory contains, before LevelDB touches it. */
export type Contents = "nothing" | "database" | "damaged database";

/** Creates a directory with mode 0700, and its parents. Throws the system's error. */
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

/** Removes other users' permissions: the store contains process lists. */
async function closeToOthers(
	directory: string,
	ours: boolean,
	log: Pick<Log, "info" | "warning">,
): Promise<void> {
	const { mode, uid } = await stat(directory);
	if ((mode & 0o077) === 0) return;
	const was = modeText(mode);
	if (!ours || uid !== process.geteuid?.())
		return log.warning(
			`the store's directory is open to other users, and left so because it is not only ours: ${directory} has mode ${was}`,
		);
	try {
		await chmod(directory, 0o700);
	} catch {
		return; // read-only file system; opening the database reports it
	}
	log.info(
		`closed the store's directory to other users: ${directory} had mode ${was}, now has 0700`,
	);
}

/**
 * Sets the directory's mode to 0700, unless it contains other files or belongs to another user, and
 * returns what it contains. A database without CURRENT counts as damaged: LevelDB would take it for
 * a new one and delete its tables.
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
 * Total bytes of a directory's files. Files that vanish meanwhile, and a directory that cannot be
 * read, count as 0. Sizes in `known` are not looked up again: a week of metrics is a thousand
 * tables, and each stat takes 25 microseconds.
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
