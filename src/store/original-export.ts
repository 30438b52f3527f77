import { constants, existsSync } from "node:fs";
import { cp, mkdir, rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Log } from "../log.ts";
import { openDatabase, type Row } from "./database.ts";
import { encodeGobMetrics } from "./gob.ts";
import { kind, partsOf } from "./keys.ts";
import { failureOf, type Level, openLevel } from "./level.ts";
import { createDirectoryLock, nativeLockFile, StoreLocked } from "./lock.ts";
import { plainConsumer } from "./metric-buffer.ts";
import { decodeSamples, type Sample } from "./metric-value.ts";

/** Why a database cannot be exported, in one line that names the directory. */
export class ExportError extends Error {}

/** What an export has written. */
export interface Exported {
	samples: number;
	/** Seconds of arrival, each with one key. */
	seconds: number;
	machineStates: number;
	/** Unreadable values, which are missing from the export. */
	unreadable: number;
}

/**
 * Copies a database that no process has open; opening the database itself would change it.
 * @throws StoreLocked, or the system's error
 */
export async function copyUnused(source: string, copy: string): Promise<void> {
	// taking the lock would create the file
	const isLockable = existsSync(join(source, "LOCK"));
	const lock = createDirectoryLock(source, nativeLockFile());
	if (isLockable) await lock.take();
	try {
		await cp(source, copy, {
			recursive: true,
			mode: constants.COPYFILE_FICLONE,
			filter: (path) => path !== join(source, "LOCK"),
		});
	} finally {
		if (isLockable) await lock.release();
	}
}

/** Writes one key for each second, as v1 does. */
async function exportMetrics(
	rows: AsyncIterable<Row>,
	isTaken: (key: string) => boolean,
	level: Level,
	log: Pick<Log, "error">,
): Promise<Omit<Exported, "machineStates">> {
	const done = { samples: 0, seconds: 0, unreadable: 0 };
	let second: number | undefined;
	let samples: Sample[] = [];
	const finish = async () => {
		if (second !== undefined && samples.length > 0) {
			const value = encodeGobMetrics(
				samples.map((sample) => ({
					...sample,
					metrics: sample.metrics ?? null,
				})),
			);
			await level.put(`m-${second}`, value);
			done.samples += samples.length;
			done.seconds++;
		}
		samples = [];
	};
	for await (const { key, value } of rows) {
		if (isTaken(key)) continue;
		const { seconds } = partsOf(key);
		if (seconds !== second) await finish();
		second = seconds;
		try {
			for (const sample of decodeSamples(value)) samples.push(sample);
		} catch (error) {
			done.unreadable++;
			log.error(`${key} cannot be read: ${(error as Error).message}`);
		}
	}
	await finish();
	return done;
}

/** Fills the new database from a copy of the old one. */
async function exportCopy(
	copy: string,
	target: string,
	log: Pick<Log, "info" | "warning" | "error">,
): Promise<Exported> {
	const database = await openDatabase({ directory: copy, log });
	const level = await openLevel(target, true);
	try {
		const taken = new Set<string>();
		for await (const entry of database.keys(kind.acknowledged)) {
			const [key = "", consumer] = entry.slice(2).split("/", 2);
			if (consumer === plainConsumer) taken.add(key);
		}
		const metrics = await exportMetrics(
			database.rows(kind.metrics),
			(key) => taken.has(key),
			level,
			log,
		);
		let machineStates = 0;
		for await (const { key, value } of database.rows(kind.machineStates)) {
			await level.put(key, value);
			machineStates++;
		}
		// a synced write flushes all writes before it
		await level.del("\0", { sync: true });
		return { ...metrics, machineStates };
	} finally {
		await level.close();
		await database.close();
	}
}

/**
 * Converts a database into a new one that v1 can read, with all machine states and all metrics that
 * the consumer `default` has not acknowledged, leased ones included. The source is not changed: the
 * export reads a temporary copy next to the target. The target appears complete or not at all.
 * Throws ExportError if the source is open in an agent, missing, or damaged beyond repair, if the
 * target exists, or if there is no room.
 */
export async function exportOriginal(parts: {
	source: string;
	target: string;
	log: Pick<Log, "info" | "warning" | "error">;
}): Promise<Exported> {
	const source = resolve(parts.source);
	const target = resolve(parts.target);
	const { log } = parts;
	if (!existsSync(join(source, "CURRENT")))
		throw new ExportError(`no database: ${source}`);
	if (await stat(target).catch(() => undefined))
		throw new ExportError(`already exists: ${target}`);
	const working = `${target}.exporting-${process.pid}`;
	try {
		await mkdir(working, { mode: 0o700 });
		const copy = join(working, "copy");
		const made = join(working, "made");
		await copyUnused(source, copy);
		const exported = await exportCopy(copy, made, log);
		await rename(made, target);
		return exported;
	} catch (error) {
		if (error instanceof StoreLocked)
			throw new ExportError(`${error.message}; stop the agent first`);
		const reason = failureOf(error)?.reason ?? (error as Error).message;
		throw new ExportError(`cannot be exported: ${source}: ${reason}`);
	} finally {
		await rm(working, { recursive: true, force: true });
	}
}
