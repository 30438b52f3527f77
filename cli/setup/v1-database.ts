import { constants, existsSync } from "node:fs";
import {
	cp,
	mkdir,
	mkdtemp,
	open,
	readdir,
	readFile,
	rename,
	rm,
	stat,
} from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncDirectory } from "../../src/metrics/replaced-file.ts";
import { openDatabase, StoreLocked } from "../../src/store/database.ts";
import { kind, partsOf } from "../../src/store/keys.ts";
import { decodeSamples } from "../../src/store/metric-value.ts";
import {
	copyUnused,
	ExportError,
	exportOriginal,
} from "../../src/store/original-export.ts";
import { systemReason } from "../../src/system-error.ts";
import { counted } from "../message-text.ts";
import { writeNew } from "./file-state.ts";
import { copyName, type Journal } from "./journal.ts";
import { at, type Machine } from "./machine.ts";
import { SetupError } from "./setup-error.ts";

/** What a database contains, as the agent reads it. */
export interface Survey {
	samples: number;
	/** Arrival of the oldest and of the newest metrics, in seconds since 1970; 0 without metrics. */
	oldest: number;
	newest: number;
	machineStates: number;
	/** What could not be read, one line each. */
	problems: string[];
}

/** `3 samples and 2 machine states`. */
export const surveyText = ({ samples, machineStates }: Survey): string =>
	`${counted(samples, "sample")} and ${counted(machineStates, "machine state")}`;

/** Whether there is a database. */
export const hasDatabase = (path: string): boolean =>
	existsSync(join(path, "CURRENT"));

/** Opens a copy of a database as the agent does, which changes it, and reads everything in it. */
async function surveyCopy(copy: string): Promise<Survey> {
	const problems: string[] = [];
	const complain = (line: string) => {
		problems.push(line.replaceAll(copy, "the database"));
	};
	const database = await openDatabase({
		directory: copy,
		log: { info() {}, warning: complain, error: complain },
	});
	const survey = { samples: 0, oldest: 0, newest: 0, machineStates: 0 };
	try {
		if (database.unavailable) complain(database.unavailable);
		for await (const { key, value } of database.rows(kind.metrics)) {
			const { seconds } = partsOf(key);
			survey.oldest ||= seconds;
			survey.newest = seconds;
			try {
				survey.samples += decodeSamples(value).length;
			} catch (error) {
				complain(`${key}: ${(error as Error).message}`);
			}
		}
		for await (const { key } of database.rows(kind.machineStates))
			if (key !== "") survey.machineStates++;
	} catch (error) {
		complain((error as Error).message);
	} finally {
		await database.close();
	}
	return { ...survey, problems };
}

/**
 * Reads a database through a copy of it.
 * @param scratch where the copy may be for a moment
 * @throws the system's error if it cannot be copied
 */
export async function surveyDatabase(
	source: string,
	scratch: string,
): Promise<Survey> {
	const folder = await mkdtemp(join(scratch, "happo-setup-"));
	try {
		const copy = join(folder, "copy");
		await cp(source, copy, {
			recursive: true,
			filter: (path) => path !== join(source, "LOCK"),
		});
		return await surveyCopy(copy);
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
}

/**
 * Copies the database of a stopped v1 into the folder of the journal, and reads a copy of the copy.
 * @returns what is in it; undefined if there is none yet
 * @throws SetupError if v1 still has it open, or if it cannot be read
 */
export async function keepDatabase(
	machine: Machine,
	journal: Journal,
	path: string,
): Promise<Survey | undefined> {
	const source = at(machine, path);
	// v1 had no metrics yet
	if (!hasDatabase(source)) return undefined;
	const folder = at(machine, journal.folder);
	const copy = join(folder, copyName);
	try {
		await rm(copy, { recursive: true, force: true });
		await copyUnused(source, copy);
		const survey = await surveyDatabase(copy, folder);
		if (survey.problems.length > 0)
			throw new SetupError(`${path}: ${survey.problems.join("; ")}`);
		return survey;
	} catch (error) {
		if (error instanceof SetupError) throw error;
		throw new SetupError(
			error instanceof StoreLocked
				? error.message
				: `${path}: cannot be copied: ${systemReason(error)}`,
		);
	}
}

/**
 * Copies a flat folder of files, which then belong to a user. The folder above may belong to that
 * user as well, who could put a link in the place of the new one: files are made through its
 * descriptor.
 */
async function copyFor(
	source: string,
	target: string,
	owner: { uid: number; gid: number; mode: number },
): Promise<void> {
	await rm(target, { recursive: true, force: true });
	await mkdir(target, { mode: 0o700 });
	const handle = await open(
		target,
		constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
	);
	try {
		for (const entry of await readdir(source, { withFileTypes: true }))
			if (entry.isFile())
				await writeNew(
					`/proc/self/fd/${handle.fd}/${entry.name}`,
					{ ...owner, mode: owner.mode & 0o666 },
					await readFile(join(source, entry.name)),
				);
		await handle.chown(owner.uid, owner.gid);
		await handle.chmod(owner.mode & 0o777);
		await handle.sync();
	} finally {
		await handle.close();
	}
}

/**
 * Puts a database in place that v1 can read, with everything that the consumer `default` has not
 * taken from the store, also what came in since the setup. The store stays beside it.
 * @returns what is worth knowing
 * @throws SetupError if the store cannot be exported; nothing has changed then
 */
export async function returnDatabase(
	machine: Machine,
	journal: Journal,
	path: string,
	{ isForced }: { isForced: boolean },
): Promise<string[]> {
	const store = at(machine, path);
	const folder = at(machine, journal.folder);
	const exported = join(folder, "exported");
	const aside = `${store}.${basename(journal.folder)}`;
	const notes: string[] = [];
	if (!existsSync(aside)) {
		if (!hasDatabase(store)) return notes;
		machine.before("back: export the store");
		await rm(exported, { recursive: true, force: true });
		try {
			const done = await exportOriginal({
				source: store,
				target: exported,
				log: {
					info() {},
					warning: (line) => notes.push(line),
					error: (line) => notes.push(line),
				},
			});
			notes.push(
				`${counted(done.samples, "sample")} and ${counted(done.machineStates, "machine state")} are in ${path} for v1`,
			);
			if (done.unreadable > 0)
				notes.push(
					`${counted(done.unreadable, "value")} could not be read, and is only in ${aside}`,
				);
		} catch (error) {
			if (!(error instanceof ExportError)) throw error;
			const copy = join(folder, copyName);
			if (
				!isForced ||
				!hasDatabase(copy) ||
				/; stop the agent/.test(error.message)
			)
				throw new SetupError(error.message);
			notes.push(
				`${error.message}. v1 gets the copy from before the setup; what came in since is only in ${aside}`,
			);
		}
		machine.before("back: move the store aside");
		await rename(store, aside);
		await syncDirectory(dirname(store));
	}
	if (!existsSync(store)) {
		const owner = await stat(aside);
		const fresh = `${store}.returning`;
		machine.before("back: copy the database");
		await copyFor(
			hasDatabase(exported) ? exported : join(folder, copyName),
			fresh,
			owner,
		);
		machine.before("back: put the database in place");
		await rename(fresh, store);
		await syncDirectory(dirname(store));
	}
	await rm(exported, { recursive: true, force: true });
	notes.push(`the store of happo-agent 2 stays in ${aside}`);
	return notes;
}
