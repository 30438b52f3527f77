import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../log.ts";
import { readMark } from "./acknowledged-mark.ts";
import { makeDirectory, prepareDirectory } from "./directory.ts";
import { inspectDatabase, inspectTables } from "./inspection.ts";
import { everything, failureOf, type Level, openLevel } from "./level.ts";
import type { DirectoryLock } from "./lock.ts";
import { journalName, repairDatabase, setAside } from "./repair.ts";

export interface Place {
	directory: string;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => Date;
	/** Largest size of all copies that are put aside; 0 is no limit. */
	maxCopiesBytes: number;
}

/** What opening needs: where, and the lock that comes before everything else. */
export interface LockedPlace extends Place {
	lock: DirectoryLock;
	/** Hears of damage, and where the copy is. */
	damaged: (reason: string, copy: string) => void;
}

/**
 * Opens the database of a directory, made as needed. A damaged one, or one that
 * a read found to be (`damage` is that reason), is copied aside and repaired
 * first. Nothing is moved, deleted or repaired for any other reason, and nothing
 * at all before the lock is ours. Throws StoreLocked, or what LevelDB or the
 * system threw.
 */
export async function openOrRepair(
	place: LockedPlace,
	damage: string | undefined,
	repaired: () => void,
): Promise<Level> {
	const { directory, log, lock } = place;
	await makeDirectory(directory);
	await lock.take();
	const contents = await prepareDirectory(directory, log);
	let why = damage;
	if (contents === "damaged database") why = "CURRENT is missing";
	else if (existsSync(join(directory, journalName)))
		why ??= "a repair was interrupted";
	if (why === undefined && contents === "database") {
		const mark = await readMark(directory);
		const found = await inspectDatabase(directory, mark?.log);
		if (found?.repair) why = found.reason;
		else if (found) {
			const copy = await setAside(place, place.now());
			log.error(
				`the store is damaged (${found.reason}): what LevelDB can read of it is used, a copy of it as it was is kept in ${copy}`,
			);
			place.damaged(found.reason, copy);
		}
		// written by another program: its values have no checksums of their own
		if (!mark) why ??= await inspectTables(directory);
	}
	if (why === undefined)
		try {
			return await openLevel(directory, contents === "nothing");
		} catch (error) {
			const failure = failureOf(error);
			if (failure?.kind !== "damaged") throw error;
			why = failure.reason;
			// LevelDB has closed its descriptor of LOCK
			await lock.take();
		}
	place.damaged(why, await repairDatabase({ ...place, why }));
	repaired();
	const level = await openLevel(directory, false);
	// of overlapping tables LevelDB would read the wrong one first
	await level.compactRange(...everything);
	return level;
}
