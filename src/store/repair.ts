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

/** Damage again so soon is a failing disk: copies of it must not fill it up. */
const betweenRepairsMilliseconds = 10 * 60_000;

/** The folder, in a damaged database, of a small one that is its journal. */
export const journalName = "repairing";

/** `20261122T150145`, UTC. */
const stamp = (time: Date) => time.toISOString().replace(/-|:|\.\d+Z$/g, "");

async function sizeOf(directory: string): Promise<number> {
	let bytes = 0;
	for (const entry of await readdir(directory, { withFileTypes: true }))
		if (entry.isFile()) bytes += (await stat(join(directory, entry.name))).size;
	return bytes;
}

/** LevelDB's repair goes on without what it had no room to write. */
async function needRoom(path: string, bytes: number): Promise<void> {
	const { bavail, bsize } = await statfs(path);
	if (bavail * bsize < bytes)
		throw new Error(
			`damaged, and no room for a copy and a repair (${bytes} bytes): ${path}`,
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
			`damaged again within ten minutes of a repair, is the disk failing? ${directory}`,
		);
}

/** As many as one looks at; the oldest ones go. */
const copiesAtMost = 3;

/** Removes the oldest copies of a database. */
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
		// the newest one stays
		if (left === 1 || (left <= copiesAtMost && !isTooLarge)) return;
		await rm(path, { recursive: true, force: true });
		left--;
		bytes -= sizes[nth] ?? 0;
		log.warning(
			`the oldest copy of a damaged store is removed, at most ${copiesAtMost} are kept, within max-store-bytes: ${path}`,
		);
	}
}

/**
 * Copies a closed database aside, where opening it loses something that is still
 * in the files. Throws an error with the reason when there is no room for it.
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

/** A complete copy, on disk, under a name that says when. */
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
			// reading LOCK would end LevelDB's kind of lock on it
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
 * Keeps from LevelDB's repair what it must not read: it verifies no checksum, so a
 * damaged block would come back as an intact one, and it ends the process at a
 * table in which it finds neither an entry nor an error, as a damaged index can
 * make it do. All of it is in the copy.
 */
async function removeDamage(directory: string): Promise<void> {
	for (const name of await readdir(directory)) {
		if (!/^\d+\.(ldb|sst)$/.test(name)) continue;
		const path = join(directory, name);
		const damages: TableDamage[] = [];
		try {
			for await (const damage of damagesOfTable(path)) damages.push(damage);
		} catch {
			// what cannot be read, LevelDB cannot read either
			continue;
		}
		if (damages.some(({ part }) => part === "index")) await rm(path);
		else if (damages.length > 0) await disableBlocks(path, damages);
	}
}

/**
 * Copies a damaged, closed database aside and repairs it where it is. A small
 * database inside is the lock against a second process (LevelDB's repair takes
 * none), and its journal: a repair that was interrupted is done again from
 * there, with the copy that was taken before it. Throws an error with the reason
 * when there is no room or no permission (then nothing was changed), or when it
 * had to be repaired within the last ten minutes.
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
			`the store is damaged (${why}): repairing ${directory}, a copy of it as it was is kept in ${kept}`,
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
		`the store is repaired; what could not be read any more is only in ${kept}`,
	);
	return kept;
}
