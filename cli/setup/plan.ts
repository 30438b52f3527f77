import { isUtf8 } from "node:buffer";
import { lstat, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { lineDiff } from "../ctl/output/line-diff.ts";
import { withoutSecrets } from "./environment-text.ts";
import { isSame, lookAt, sha256 } from "./file-state.ts";
import type { Source, Step } from "./journal.ts";
import { at, type Machine } from "./machine.ts";
import { SetupError } from "./setup-error.ts";
import type { Survey } from "./v1-database.ts";

/** A file as it is to be. Paths are those of the machine. */
export interface FileChange {
	path: string;
	/** undefined: there is to be none. */
	content: string | undefined;
	/** How to show it: an environment file may have secrets, a key is one. */
	shown: "text" | "environment" | "not at all";
	/** Owner and mode of a new file; one that is there keeps its own. */
	owner: { uid: number; gid: number; mode: number };
	/** A link at the path is itself replaced or removed, and not what it leads to. */
	isLinkItself?: boolean;
}

/** What setup found, and what it would do about it. */
export interface Plan {
	from: Source;
	/** What was found: names and values, for people. */
	found: readonly (readonly [what: string, value: string])[];
	/** Worth knowing. */
	notes: readonly string[];
	/** What somebody must change first; setup does nothing before. */
	obstacles: readonly string[];
	/** Checks that would not be answered as before; somebody has to accept that. */
	losses: readonly string[];
	files: readonly FileChange[];
	/** Files that are to belong to another user, whatever is in them. */
	owners: readonly { path: string; uid: number; gid: number }[];
	/** Services to stop and to disable. */
	stops: readonly string[];
	/** The service to enable and to start. */
	start: string;
	/** What to do by hand if setup cannot use the service manager. */
	byHand: { before: readonly string[]; after: readonly string[] };
	/** The database of v1, which has to be copied once v1 has stopped. */
	database: string | undefined;
	/**
	 * Asks what runs so far, to compare its answers with ours, until `signal` is aborted. Called
	 * before the first step.
	 */
	remember(signal: AbortSignal): Promise<void>;
	/**
	 * Waits until the agent works.
	 * @param survey what the database of v1 had
	 * @returns what was verified, one line each
	 * @throws SetupError if it does not
	 */
	verify(signal: AbortSignal, survey: Survey | undefined): Promise<string[]>;
}

/** A file that would change, as it is shown. */
export interface ShownChange {
	path: string;
	action: "write" | "change" | "remove";
	/** Lines with - and +; empty for one that is not shown. */
	diff: readonly string[];
}

/** The steps of a plan with everything they need. */
export interface Prepared {
	steps: Step[];
	/** What the steps replace, by the names in the journal's folder. */
	kept: Map<string, Uint8Array>;
	/** What the steps write, by path. */
	contents: Map<string, Uint8Array>;
	changes: ShownChange[];
}

/** The directories above a file that are not there, the outermost first. */
async function missingDirectories(
	machine: Machine,
	path: string,
): Promise<string[]> {
	const missing: string[] = [];
	for (
		let directory = dirname(path);
		directory !== "/";
		directory = dirname(directory)
	) {
		const found = await lstat(at(machine, directory)).catch(() => undefined);
		if (found) break;
		missing.unshift(directory);
	}
	return missing;
}

const directoryMode = 0o755;

/** A text as lines for a diff. */
const lines = (text: string) =>
	text === "" || text.endsWith("\n") ? text : `${text}\n`;

function shownDiff(
	{ shown }: FileChange,
	before: string,
	after: string,
): readonly string[] {
	if (shown === "not at all") return [];
	if (shown === "text") return lineDiff(lines(before), lines(after));
	return lineDiff(lines(withoutSecrets(before)), lines(withoutSecrets(after)));
}

/** The path to change: where links lead, unless the link itself is meant. */
async function targetOf(machine: Machine, change: FileChange): Promise<string> {
	const path = at(machine, change.path);
	if (change.isLinkItself) return change.path;
	const found = await lstat(path).catch(() => undefined);
	if (!found?.isSymbolicLink()) return change.path;
	const target = await realpath(path).catch(() => undefined);
	if (target === undefined || !target.startsWith(machine.root))
		throw new SetupError(`${change.path}: a link to nothing`);
	return target.slice(machine.root.length);
}

/**
 * What has to be done for a plan, compared with the machine as it is: nothing for what is so
 * already.
 * @throws SetupError if a file is none, or cannot be read
 */
export async function prepare(machine: Machine, plan: Plan): Promise<Prepared> {
	const steps: Step[] = [];
	const kept = new Map<string, Uint8Array>();
	const contents = new Map<string, Uint8Array>();
	const changes: ShownChange[] = [];
	const made = new Set<string>();
	for (const change of plan.files) {
		const path = await targetOf(machine, change);
		const { state: before, content: old } = await lookAt(at(machine, path));
		const next = Buffer.from(change.content ?? "");
		const owner = before.kind === "file" ? before : change.owner;
		const after =
			change.content === undefined
				? ({ kind: "nothing" } as const)
				: ({
						kind: "file",
						sha256: sha256(next),
						...{ mode: owner.mode, uid: owner.uid, gid: owner.gid },
					} as const);
		if (isSame(before, after)) continue;
		if (after.kind === "file")
			for (const directory of await missingDirectories(machine, path)) {
				if (made.has(directory)) continue;
				made.add(directory);
				steps.push({ do: "directory", path: directory, mode: directoryMode });
			}
		const name = `kept-${steps.length}`;
		if (before.kind === "file") kept.set(name, old);
		steps.push({
			...{ do: "file", path, before, after },
			...(before.kind === "file" && { kept: name }),
		});
		if (after.kind === "file") contents.set(path, next);
		changes.push({
			path,
			action:
				after.kind === "nothing"
					? "remove"
					: before.kind === "nothing"
						? "write"
						: "change",
			diff: shownDiff(
				change,
				isUtf8(old) ? old.toString() : "(not UTF-8)\n",
				next.toString(),
			),
		});
	}
	for (const { path, uid, gid } of plan.owners) {
		const found = await lstat(at(machine, path)).catch(() => undefined);
		if (!found?.isFile() || (found.uid === uid && found.gid === gid)) continue;
		steps.push({
			...{ do: "owner", path },
			before: { uid: found.uid, gid: found.gid },
			after: { uid, gid },
		});
	}
	return {
		...{ kept, contents, changes },
		steps: await withServices(machine, plan, steps),
	};
}

/** Puts the steps about services and the database around those about files. */
async function withServices(
	machine: Machine,
	plan: Plan,
	files: readonly Step[],
): Promise<Step[]> {
	const { services } = machine;
	const { start, stops, database } = plan;
	const copy: Step[] =
		database === undefined ? [] : [{ do: "copy database", path: database }];
	if (!services.works) {
		const [what] = plan.byHand.after;
		if (files.length === 0) return [];
		return what === undefined
			? [...copy, ...files]
			: [...copy, ...files, { do: "start by hand", what }];
	}
	const stopping: Step[] = [];
	for (const service of stops) {
		const before = await services.state(service);
		if (before?.enabled || before?.active)
			stopping.push({ do: "stop", service, before });
	}
	const idle = { enabled: false, active: false };
	// a unit of v1 may have the name of ours
	const before = stops.includes(start)
		? idle
		: ((await services.state(start)) ?? idle);
	const isRunning = before.enabled && before.active;
	const isNeeded = !isRunning || files.length + stopping.length > 0;
	const starting: Step[] = isNeeded
		? [{ do: "start", service: start, before }]
		: [];
	if (database === undefined) return [...files, ...stopping, ...starting];
	// v1 may write its database and its metrics.yaml until it stops
	return [...stopping, ...copy, ...files, ...starting];
}
