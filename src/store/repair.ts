import { constants } from "node:fs";
import {
	chmod,
	cp,
	mkdir,
	open,
	readdir,
	realpath,
	rename,
	rm,
	stat,
	statfs,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Log } from "../log.ts";
import { openLevel, repairLevel } from "./level.ts";
import {
	damagesOfTable,
	disableBlocks,
	type TableDamage,
} from "./table-blocks.ts";

/** Damage that recurs sooner means a failing disk; copies of it must not fill the disk up. */
const betweenRepairsMilliseconds = 10 * 60_000;

/** A small database inside the damaged one, which serves as the journal of its repair. */
export const journalName = "repairing";

/** `20261122T150145`, UTC. */
const stamp = (time: Date) => time.toISOString().replace(/-|:|\.\d+Z$/g, "");

async function sizeOf(directory: string): Promise<number> {
	let bytes = 0;
	for (const entry of await readdir(directory, { withFileTypes: true }))
		if (entry.isFile()) bytes += (await stat(join(directory, entry.name))).size;
	return bytes;
}

/** Checks free space first: LevelDB's repair silently skips what it cannot write. */
async function needRoom(path: string, bytes: number): Promise<void> {
	const { bavail, bsize } = await statfs(path);
	if (bavail * bsize < bytes)
		throw new Error(
			`damaged, and no room for a copy and a repair (${bytes} bytes needed): ${path}`,
		);
}

async function refuseIfRepairedLately(directory: string, now: Date) {
	const prefix = `${basename(directory)}.damaged-`;
	const kept = (await readdir(dirname(directory)))
		.filter((name) => name.startsWith(prefix))
		.sort()
		.at(-1);
	if (kept === undefined) return;
	const soon = new Date(now.getTime() - betweenRepairsMilliseconds);
	const last = kept.slice(prefix.length);
	if (last > stamp(soon) && last <= stamp(now))
		throw new Error(
			`damaged again within ten minutes of a repair; is the disk failing? ${directory}`,
		);
}

/** Copies to keep; older ones are deleted. */
const maxCopies = 3;

/** Deletes the oldest copies of a database. */
async function removeOldCopies(
	directory: string,
	log: Pick<Log, "warning">,
	maxBytes: number,
): Promise<void> {
	const prefix = `${basename(directory)}.damaged-`;
	const copies = (await readdir(dirname(directory)))
		.filter((name) => name.startsWith(prefix))
		.sort()
		.map((name) => join(dirname(directory), name));
	const sizes = await Promise.all(copies.map(sizeOf));
	let bytes = sizes.reduce((sum, size) => sum + size, 0);
	let left = copies.length;
	for (const [nth, path] of copies.entries()) {
		const isTooLarge = maxBytes > 0 && bytes > maxBytes;
		// always keep the newest one
		if (left === 1 || (left <= maxCopies && !isTooLarge)) return;
		await rm(path, { recursive: true, force: true });
		left--;
		bytes -= sizes[nth] ?? 0;
		log.warning(
			`deleted the oldest copy of a damaged store (at most ${maxCopies} are kept, within max-store-bytes): ${path}`,
		);
	}
}

/**
 * Copies a closed database, for when opening it would lose data that is still in its files. Throws
 * an error with the reason if there is no room.
 * @returns the copy's path
 */
export async function setAside(
	parts: {
		directory: string;
		log: Pick<Log, "warning">;
		maxCopiesBytes: number;
	},
	now: Date,
): Promise<string> {
	const directory = await realpath(parts.directory);
	const kept = await keepCopy(directory, now);
	await removeOldCopies(directory, parts.log, parts.maxCopiesBytes);
	return kept;
}

/** Makes a complete, synced copy named after the time. */
async function keepCopy(directory: string, now: Date): Promise<string> {
	// two within a second
	let kept = `${directory}.damaged-${stamp(now)}`;
	while (await stat(kept).catch(() => undefined)) kept += "+";
	const partial = `${directory}.copying`;
	await rm(partial, { recursive: true, force: true });
	try {
		await needRoom(dirname(directory), 2 * (await sizeOf(directory)) + 65_536);
		await mkdir(partial, { mode: 0o700 });
		await cp(directory, partial, {
			recursive: true,
			mode: constants.COPYFILE_FICLONE,
			// reading LOCK and closing it would drop our fcntl lock
			filter: (path) =>
				path !== join(directory, journalName) &&
				path !== join(directory, "LOCK"),
		});
		await chmod(partial, 0o700);
		for (const entry of await readdir(partial, { withFileTypes: true })) {
			if (!entry.isFile()) continue;
			const file = await open(join(partial, entry.name));
			await file.sync().finally(() => file.close());
		}
		await rename(partial, kept);
	} catch (error) {
		await rm(partial, { recursive: true, force: true });
		throw error;
	}
	return kept;
}

/**
 * Removes what LevelDB's repair must not read. The repair verifies no checksums, so damaged blocks
 * would come back as intact ones, and it crashes the process on a table that yields neither an
 * entry nor an error, which a damaged index can cause. The copy has everything.
 */
async function removeDamage(directory: string): Promise<void> {
	for (const name of await readdir(directory)) {
		if (!/^\d+\.(ldb|sst)$/.test(name)) continue;
		const path = join(directory, name);
		const damages: TableDamage[] = [];
		try {
			for await (const damage of damagesOfTable(path)) damages.push(damage);
		} catch {
			// LevelDB cannot read it either, and reports it
			continue;
		}
		if (damages.some(({ part }) => part === "index")) await rm(path);
		else if (damages.length > 0) await disableBlocks(path, damages);
	}
}

/**
 * Copies a damaged, closed database and repairs it in place. A small database inside it locks out
 * other processes (LevelDB's repair takes no lock) and is the journal: an interrupted repair starts
 * again with the copy made before it. Throws an error with the reason if room or permissions are
 * missing (then nothing was changed), or if the last repair was less than ten minutes ago.
 * @returns the copy's path
 */
export async function repairDatabase(parts: {
	directory: string;
	why: string;
	log: Pick<Log, "error" | "warning">;
	now: () => Date;
	maxCopiesBytes: number;
}): Promise<string> {
	const { why, log, now } = parts;
	const directory = await realpath(parts.directory);
	const journalPath = join(directory, journalName);
	const journal = await openLevel(journalPath, true);
	let kept: string | undefined;
	let done = false;
	try {
		kept = (await journal.get("kept"))?.toString();
		if (kept === undefined) {
			await refuseIfRepairedLately(directory, now());
			kept = await setAside({ ...parts, directory }, now());
			await journal.put("kept", Buffer.from(kept), { sync: true });
		}
		await needRoom(directory, (await sizeOf(directory)) + 65_536);
		log.error(
			`the store is damaged (${why}): repairing ${directory}, an unchanged copy is kept in ${kept}`,
		);
		await removeDamage(directory);
		await repairLevel(directory);
		await rm(join(directory, "lost"), { recursive: true, force: true });
		done = true;
	} finally {
		await journal.close();
		if (done || kept === undefined)
			await rm(journalPath, { recursive: true, force: true });
	}
	log.warning(
		`the store is repaired; data that could not be recovered is only in ${kept}`,
	);
	return kept;
}
