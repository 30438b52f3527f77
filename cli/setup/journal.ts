import { randomBytes } from "node:crypto";
import {
	lstat,
	mkdir,
	open,
	readdir,
	readFile,
	rename,
	rm,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { modeText, permission } from "../../src/file-mode.ts";
import { syncDirectory } from "../../src/metrics/replaced-file.ts";
import {
	createDirectoryLock,
	nativeLockFile,
	StoreLocked,
} from "../../src/store/lock.ts";
import { systemReason } from "../../src/system-error.ts";
import { type FileState, unfinished } from "./file-state.ts";
import { at, type Machine } from "./machine.ts";
import type { ServiceState } from "./services.ts";
import { SetupError } from "./setup-error.ts";

/** What was on the machine before. */
export const sources = ["nrpe", "v1"] as const;

export type Source = (typeof sources)[number];

/** One change, with what has to be known to undo it. Paths are those of the machine. */
export type Step =
	| { do: "directory"; path: string; mode: number }
	| {
			do: "file";
			path: string;
			before: FileState;
			after: FileState;
			/** The file in the journal's folder with the content of before. */
			kept?: string;
	  }
	| {
			do: "owner";
			path: string;
			before: { uid: number; gid: number };
			after: { uid: number; gid: number };
	  }
	| { do: "stop"; service: string; before: ServiceState }
	| { do: "start"; service: string; before: ServiceState }
	| { do: "start by hand"; what: string }
	| { do: "copy database"; path: string };

/** `applying` and `returning` remain if setup is killed. */
export type JournalState = "applying" | "applied" | "returning" | "returned";

/** What one setup has done: the file manifest.json of its folder. */
export interface Manifest {
	version: 1;
	from: Source;
	/** When it began, in ISO 8601. */
	begun: string;
	state: JournalState;
	/** How many steps were begun. Each begins with a new manifest. */
	stepsBegun: number;
	steps: Step[];
}

/** A setup with its folder. */
export interface Journal extends Manifest {
	/** Folder with the manifest and what was replaced, as a path of the machine. */
	folder: string;
}

/** Where the folders are. They belong to root: going back writes what is in them. */
const home = "/var/lib/happo-setup";

export const copyName = "database";
const manifestName = "manifest.json";

async function writeSynced(path: string, content: string | Uint8Array) {
	const handle = await open(path, "wx", 0o600);
	try {
		await handle.writeFile(content);
		await handle.sync();
	} finally {
		await handle.close();
	}
}

/** Writes the manifest; whoever reads it sees the old or the new one. */
export async function saveJournal(
	machine: Machine,
	journal: Journal,
): Promise<void> {
	const { folder, ...manifest } = journal;
	const path = at(machine, join(folder, manifestName));
	await rm(path + unfinished, { force: true });
	await writeSynced(
		path + unfinished,
		`${JSON.stringify(manifest, undefined, 2)}\n`,
	);
	await rename(path + unfinished, path);
	await syncDirectory(at(machine, folder));
}

/** Refuses a directory that others could fill for root. */
async function checkOwner(path: string) {
	const { uid, mode } = await lstat(path);
	const own = process.geteuid?.();
	if (uid !== own && uid !== 0)
		throw new SetupError(
			`${path}: belongs to the user ${uid}, and not to root`,
		);
	if ((mode & (permission.othersWrite | permission.groupWrite)) !== 0)
		throw new SetupError(
			`${path}: mode ${modeText(mode)}, others can write what going back would take from there`,
		);
}

/** The folder of all setups, which only root can enter. Throws SetupError if others can. */
async function ownFolder(machine: Machine): Promise<string> {
	const base = at(machine, home);
	await mkdir(dirname(base), { recursive: true });
	await mkdir(base, { mode: 0o700 }).catch((error) => {
		if (error.code !== "EEXIST") throw error;
	});
	await checkOwner(base);
	return base;
}

/**
 * Makes the folder of a new setup with everything that it is going to replace. It appears complete
 * or not at all.
 * @param kept contents by the names in the steps
 */
export async function createJournal(
	machine: Machine,
	from: Source,
	steps: Step[],
	kept: ReadonlyMap<string, Uint8Array>,
): Promise<Journal> {
	const base = await ownFolder(machine);
	const begun = machine.now().toISOString();
	const name = `${begun.replace(/[-:]|\.\d+/g, "")}-${from}`;
	const fresh = join(base, `.new-${randomBytes(4).toString("hex")}`);
	await mkdir(fresh, { mode: 0o700 });
	for (const [file, content] of kept)
		await writeSynced(join(fresh, file), content);
	const manifest: Manifest = {
		...{ version: 1, from, begun, state: "applying", stepsBegun: 0, steps },
	};
	await writeSynced(
		join(fresh, manifestName),
		`${JSON.stringify(manifest, undefined, 2)}\n`,
	);
	await syncDirectory(fresh);
	// two in one second
	let folder = name;
	const others = await readdir(base);
	for (let nth = 2; others.includes(folder); nth++) folder = `${name}-${nth}`;
	await rename(fresh, join(base, folder));
	await syncDirectory(base);
	return { ...manifest, folder: join(home, folder) };
}

function parseManifest(path: string, text: string): Manifest {
	try {
		const read = JSON.parse(text) as Manifest;
		if (read.version === 1 && Array.isArray(read.steps)) return read;
	} catch {
		// below
	}
	throw new SetupError(`${path}: not a manifest of this version`);
}

/**
 * The setups of this machine, the oldest first; removes what a killed one had not begun with.
 * @throws SetupError if one cannot be read
 */
export async function readJournals(machine: Machine): Promise<Journal[]> {
	const base = at(machine, home);
	const names = await readdir(base).catch((error) => {
		if (error.code === "ENOENT") return [];
		throw new SetupError(`${base}: ${systemReason(error)}`);
	});
	if (names.length > 0) await checkOwner(base);
	const journals: Journal[] = [];
	for (const name of names.sort()) {
		if (!/^\d{8}T/.test(name)) continue;
		const path = join(base, name, manifestName);
		const text = await readFile(path, "utf8").catch((error) => {
			throw new SetupError(`${path}: ${systemReason(error)}`);
		});
		journals.push({ ...parseManifest(path, text), folder: join(home, name) });
	}
	return journals.sort((a, b) => (a.begun < b.begun ? -1 : 1));
}

/** Removes folders that a killed setup had not finished. */
export async function removeUnfinished(machine: Machine): Promise<void> {
	const base = at(machine, home);
	for (const name of await readdir(base).catch(() => [] as string[]))
		if (name.startsWith(".new-"))
			await rm(join(base, name), { recursive: true, force: true });
}

/**
 * Runs while no other setup changes the machine.
 * @throws SetupError if one does
 */
export async function alone<T>(
	machine: Machine,
	work: () => Promise<T>,
): Promise<T> {
	const base = await ownFolder(machine);
	const lock = createDirectoryLock(base, nativeLockFile());
	try {
		await lock.take();
	} catch (error) {
		if (error instanceof StoreLocked)
			throw new SetupError("another setup is running");
		throw error;
	}
	try {
		return await work();
	} finally {
		await lock.release();
	}
}
