import { constants } from "node:fs";
import {
	chmod,
	lstat,
	mkdir,
	open,
	readFile,
	rm,
	rmdir,
	writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { syncDirectory } from "../../src/metrics/replaced-file.ts";
import {
	type FileState,
	isSame,
	lookAt,
	putState,
	unfinished,
} from "./file-state.ts";
import { type Journal, type Step, saveJournal } from "./journal.ts";
import { at, type Machine } from "./machine.ts";
import { SetupError } from "./setup-error.ts";
import { keepDatabase, returnDatabase, type Survey } from "./v1-database.ts";

/** What a step does, in words, for the display and for messages. */
export function stepText(step: Step): string {
	switch (step.do) {
		case "directory":
			return `make the directory ${step.path}`;
		case "file":
			if (step.after.kind === "nothing") return `remove ${step.path}`;
			return `${step.before.kind === "nothing" ? "write" : "change"} ${step.path}`;
		case "owner":
			return `give ${step.path} to the user ${step.after.uid}`;
		case "stop":
			return `stop and disable ${step.service}`;
		case "start":
			return `enable and start ${step.service}`;
		case "start by hand":
			return step.what;
		case "copy database":
			return `copy the database ${step.path}`;
	}
}

type Owner = { uid: number; gid: number };

/**
 * Changes the owner of a regular file from one to another. It does not follow links, and leaves a
 * file with several names and one of somebody else alone: another user might have put them there.
 */
async function giveTo(path: string, from: Owner, to: Owner) {
	try {
		const handle = await open(
			path,
			constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
		);
		try {
			const found = await handle.stat();
			const isExpected =
				found.isFile() &&
				found.nlink === 1 &&
				found.uid === from.uid &&
				found.gid === from.gid;
			if (!isExpected) return;
			await handle.chown(to.uid, to.gid);
			await handle.sync();
		} finally {
			await handle.close();
		}
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
	}
}

async function take(
	machine: Machine,
	journal: Journal,
	step: Step,
	contents: ReadonlyMap<string, Uint8Array>,
): Promise<Survey | undefined> {
	const { services } = machine;
	switch (step.do) {
		case "directory":
			await mkdir(at(machine, step.path), { mode: step.mode });
			// whatever the umask of root's shell
			await chmod(at(machine, step.path), step.mode);
			return undefined;
		case "file": {
			const path = at(machine, step.path);
			const { state } = await lookAt(path);
			// "systemctl disable" removes a link that is to be removed
			if (!isSame(state, step.before) && !isSame(state, step.after))
				throw new SetupError(`${step.path}: has changed in the meantime`);
			await putState(
				path,
				step.after,
				contents.get(step.path) ?? new Uint8Array(),
			);
			return undefined;
		}
		case "owner":
			await giveTo(at(machine, step.path), step.before, step.after);
			return undefined;
		case "stop":
			await services.bring(step.service, { enabled: false, active: false });
			return undefined;
		case "start":
			await services.reload();
			await services.bring(
				step.service,
				{ enabled: true, active: true },
				{ restart: true },
			);
			return undefined;
		case "start by hand":
			return undefined;
		case "copy database":
			return keepDatabase(machine, journal, step.path);
	}
}

/**
 * Takes all steps of a journal. After each the machine can go back, also if this process is killed.
 * @param contents of the files that the steps write, by their paths
 * @returns what is in the database that was copied
 * @throws SetupError if a step fails or `signal` is aborted; the machine is in between then
 */
export async function apply(
	machine: Machine,
	journal: Journal,
	contents: ReadonlyMap<string, Uint8Array>,
	signal: AbortSignal,
): Promise<Survey | undefined> {
	let survey: Survey | undefined;
	for (const [index, step] of journal.steps.entries()) {
		const name = stepText(step);
		if (signal.aborted) throw new SetupError(`interrupted before: ${name}`);
		machine.before(`begin: ${name}`);
		journal.stepsBegun = index + 1;
		await saveJournal(machine, journal);
		machine.before(name);
		survey = (await take(machine, journal, step, contents)) ?? survey;
	}
	machine.before("all steps taken");
	return survey;
}

type FileStep = Extract<Step, { do: "file" }>;

const begunOf = ({ steps, stepsBegun }: Journal) => steps.slice(0, stepsBegun);

/** Files that somebody else has changed since a setup, as paths of the machine. */
export async function changedSince(
	machine: Machine,
	journal: Journal,
): Promise<string[]> {
	const changed: string[] = [];
	for (const step of begunOf(journal)) {
		if (step.do === "file") {
			const { state } = await lookAt(at(machine, step.path)).catch((error) => {
				if (!(error instanceof SetupError)) throw error;
				return { state: undefined };
			});
			if (!state || !(isSame(state, step.after) || isSame(state, step.before)))
				changed.push(step.path);
		}
		if (step.do === "owner") {
			const found = await lstat(at(machine, step.path)).catch(() => undefined);
			const isOneOf = [step.before, step.after].some(
				({ uid, gid }) => found?.uid === uid && found.gid === gid,
			);
			if (found && !isOneOf) changed.push(step.path);
		}
	}
	return changed;
}

/** Keeps what somebody has put in place of ours, in the folder of the journal. */
async function keepChanged(
	machine: Machine,
	journal: Journal,
	nth: number,
	step: FileStep,
): Promise<void> {
	const path = at(machine, step.path);
	const { state, content } = await lookAt(path);
	if (
		state.kind !== "file" ||
		isSame(state, step.after) ||
		isSame(state, step.before)
	)
		return;
	await writeFile(
		join(at(machine, journal.folder), `changed-${nth}`),
		content,
		{ mode: 0o600 },
	);
}

async function restoreFile(
	machine: Machine,
	journal: Journal,
	nth: number,
	step: FileStep,
) {
	const path = at(machine, step.path);
	await rm(path + unfinished, { force: true });
	await keepChanged(machine, journal, nth, step);
	const content =
		step.kept === undefined
			? new Uint8Array()
			: await readFile(join(at(machine, journal.folder), step.kept));
	const before: FileState = step.before;
	if (before.kind !== "nothing")
		await mkdir(dirname(path), { recursive: true, mode: 0o755 });
	await putState(path, before, content);
}

/** Removes a directory that setup has made, unless somebody has put something into it. */
async function removeDirectory(path: string): Promise<boolean> {
	try {
		await rmdir(path);
		await syncDirectory(dirname(path));
		return true;
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return true;
		if (code === "ENOTEMPTY" || code === "EEXIST") return false;
		throw error;
	}
}

/**
 * Undoes the steps of a journal. What is undone already stays so: a killed one can be repeated.
 * @param parts.isForced also replaces what was changed since, and takes the copy of a database that
 * cannot be exported
 * @returns what is worth knowing
 * @throws SetupError before anything is changed if a file was changed since; later with the step
 * that failed
 */
export async function undo(
	machine: Machine,
	journal: Journal,
	{ isForced }: { isForced: boolean },
): Promise<string[]> {
	const { services } = machine;
	const begun = begunOf(journal);
	const notes: string[] = [];
	const changed = await changedSince(machine, journal);
	if (changed.length > 0 && !isForced)
		throw new SetupError(
			`changed since the setup: ${changed.join(", ")}. Put your changes elsewhere and call --back with --force, which keeps them in ${journal.folder}`,
		);
	journal.state = "returning";
	machine.before("begin to go back");
	await saveJournal(machine, journal);
	const starts = begun.filter((step) => step.do === "start");
	const stops = begun.filter((step) => step.do === "stop");
	const byHand = begun.some((step) => step.do === "start by hand");
	for (const { service, before } of starts) {
		machine.before(`back: stop ${service}`);
		await services.bring(service, { enabled: before.enabled, active: false });
	}
	const database = begun.find((step) => step.do === "copy database");
	if (database && (starts.length > 0 || byHand))
		notes.push(
			...(await returnDatabase(machine, journal, database.path, { isForced })),
		);
	for (const [nth, step] of [...begun.entries()].reverse()) {
		if (!["file", "owner", "directory"].includes(step.do)) continue;
		machine.before(`back: ${stepText(step)}`);
		if (step.do === "file") await restoreFile(machine, journal, nth, step);
		if (step.do === "owner")
			await giveTo(at(machine, step.path), step.after, step.before);
		if (step.do === "directory")
			if (!(await removeDirectory(at(machine, step.path))))
				notes.push(`${step.path} stays: there is something else in it`);
	}
	machine.before("back: read the units again");
	await services.reload();
	for (const { service, before } of [...stops, ...starts].filter(
		({ before }) => before.active || before.enabled,
	)) {
		machine.before(`back: start ${service}`);
		await services.bring(service, before, { restart: before.active });
	}
	machine.before("back: all undone");
	journal.state = "returned";
	await saveJournal(machine, journal);
	return notes;
}
