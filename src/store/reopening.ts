import { existsSync } from "node:fs";
import { join } from "node:path";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import { readMark } from "./acknowledged-mark.ts";
import { makeDirectory, prepareDirectory } from "./directory.ts";
import { inspectDatabase, inspectTables } from "./inspection.ts";
import type { Ledger } from "./ledger.ts";
import {
	everything,
	type Failure,
	failureOf,
	flushLevel,
	type Level,
	openLevel,
} from "./level.ts";
import {
	createDirectoryLock,
	type DirectoryLock,
	type LockFile,
	StoreLocked,
} from "./lock.ts";
import { type Presence, watchPresence } from "./presence.ts";
import { journalName, repairDatabase, setAside } from "./repair.ts";

/** Damage that was found in the store since the start. */
export interface Damages {
	/** How often: in its files, and in single values. */
	count: number;
	/** Entries, of metrics and machine states, that were acknowledged and are known to be lost. */
	lostEntries: number;
	/** The last one: when, in milliseconds since 1970, what, and where the copy is. */
	last?: { at: number; reason: string; copy?: string };
}

interface Place {
	directory: string;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => Date;
	/** Largest size of all copies that are put aside; 0 is no limit. */
	maxCopiesBytes: number;
}

/** What opening needs: where, and the lock that comes before everything else. */
interface LockedPlace extends Place {
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
async function openOrRepair(
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

/** Why the store cannot be used now: a path and a reason, in one line; a client is to try again. */
export class StoreUnavailable extends AgentError {
	readonly reason: string;

	constructor(reason: string) {
		super("store-unavailable", `the store cannot be used: ${reason}`);
		this.reason = reason;
	}
}

type Kind = "read" | "write";

/** A store that works again within this time comes and goes. */
const leastOutageMilliseconds = 60_000;

/** A LevelDB that is closed after a failure and reopened by the next operation. */
export interface Reopening {
	/**
	 * Runs an operation, on a reopened database when it fails, and once more at
	 * most: it must be one that may run twice. Throws StoreUnavailable.
	 */
	use<T>(kind: Kind, work: (level: Level) => Promise<T>): Promise<T>;
	/**
	 * Closes a database in which damage was found, and repairs and reopens it; does
	 * nothing when another one is open by now. Throws StoreUnavailable.
	 */
	damaged(of: Level, reason: string): Promise<void>;
	/** Throws StoreLocked; any other failure is for later. */
	open(): Promise<void>;
	readonly level: Level | undefined;
	readonly unavailable: string | undefined;
	close(): Promise<void>;
}

/** A database that nobody has opened yet; `lockFile` is undefined without the addon. */
export function createReopening(
	place: Place & {
		lockFile: LockFile | undefined;
		ledger: Ledger;
		damages: Damages;
		/** Hears of each database that is opened. */
		opened: () => void;
	},
): Reopening {
	const { directory, log, ledger, damages } = place;
	const repeats = createLogRepeats({ log });
	const lock = createDirectoryLock(directory, place.lockFile);
	let level: Level | undefined;
	let presence: Presence | undefined;
	let opening: Promise<Level> | undefined;
	let closing: Promise<void> = Promise.resolve();
	let ended = false;
	/** What a read found; LevelDB's own opening does not see it. */
	let damage: string | undefined;
	/** `write`: reads may go well, and prove nothing. */
	let down: { reason: string; write: boolean } | undefined;

	const failed = (kind: Kind, reason: string) => {
		repeats.wrong(directory, {
			// the names of tables differ
			kind: reason.replace(/\d+/g, "0"),
			level: "error",
			lines: [
				`the store cannot be used: ${reason}; nothing was moved or deleted, the next request tries again`,
			],
		});
		down = { reason, write: down?.write === true || kind === "write" };
		return new StoreUnavailable(reason);
	};

	const worked = (kind: Kind) => {
		if (!down || (down.write && kind === "read")) return;
		down = undefined;
		const said = repeats.right(
			directory,
			`the store ${directory}`,
			leastOutageMilliseconds,
		);
		if (!said) log.info(`the store works again: ${directory}`);
	};

	const open = async () => {
		await closing;
		const damaged = (reason: string, copy: string) => {
			damages.count++;
			damages.last = { at: place.now().getTime(), reason, copy };
		};
		const fresh = await openOrRepair(
			{ ...place, lock, damaged },
			damage,
			() => {
				damage = undefined;
			},
		);
		try {
			presence = watchPresence(directory, fresh, lock.isInPlace);
			await ledger.opened(fresh);
		} catch (error) {
			const failure = failureOf(error);
			if (failure?.kind === "damaged") damage = failure.reason;
			await fresh.close().catch(() => {});
			throw error;
		}
		level = fresh;
		place.opened();
		return level;
	};

	const attempt = () => {
		opening ??= open().finally(() => {
			opening = undefined;
		});
		return opening;
	};

	const notOpened = (kind: Kind, error: unknown): unknown => {
		if (error instanceof StoreLocked) return failed(kind, error.message);
		const failure = failureOf(error);
		if (!failure) return error;
		return failed(
			kind,
			failure.kind === "locked"
				? new StoreLocked(directory).message
				: failure.reason,
		);
	};

	const opened = async (kind: Kind): Promise<Level> => {
		if (ended) throw new StoreUnavailable(`closed: ${directory}`);
		if (level) return level;
		try {
			return await attempt();
		} catch (error) {
			throw notOpened(kind, error);
		}
	};

	/** LevelDB must not go on after a failure: it acknowledges what it loses. */
	const drop = (of: Level, failure: Failure) => {
		if (of !== level) return;
		level = undefined;
		if (failure.kind === "damaged") damage = failure.reason;
		closing = of.close().catch((error) => {
			log.warning(`the store was not closed in order: ${String(error)}`);
		});
	};

	/** What was written to files that nobody finds again must not be acknowledged. */
	const refuseIfGone = async (of: Level) => {
		const reason = presence?.missing();
		if (reason === undefined || of !== level) return;
		// what is in memory still may get a table, where only the log is gone
		if (presence?.isDirectory()) await flushLevel(of).catch(() => {});
		drop(of, { kind: "unusable", reason });
		throw failed("write", reason);
	};

	const use: Reopening["use"] = async (kind, work) => {
		let first: Failure | undefined;
		for (;;) {
			const of = await opened(kind);
			try {
				const result = await work(of);
				if (kind === "write") await refuseIfGone(of);
				if (first && !down && first.kind !== "damaged")
					repeats.wrong("reopened", {
						kind: `${kind} ${first.reason}`,
						level: "warning",
						lines: [
							`the store was reopened after a failed ${kind}: ${first.reason}`,
						],
					});
				worked(kind);
				return result;
			} catch (error) {
				if (error instanceof StoreUnavailable) throw error;
				const failure = failureOf(error);
				if (!failure) throw error;
				if (failure.kind === "closed" && of !== level) continue;
				drop(of, failure);
				if (first) throw failed(kind, failure.reason);
				first = failure;
			}
		}
	};

	return {
		open: async () => {
			try {
				await attempt();
			} catch (error) {
				const isLocked =
					error instanceof StoreLocked || failureOf(error)?.kind === "locked";
				if (isLocked) await lock.release();
				if (error instanceof StoreLocked) throw error;
				if (isLocked) throw new StoreLocked(directory);
				const unavailable = notOpened("read", error);
				if (!(unavailable instanceof StoreUnavailable)) throw error;
			}
		},
		use,
		damaged: async (of, reason) => {
			if (of !== level) return;
			drop(of, { kind: "damaged", reason });
			await use("read", async () => {});
		},
		get level() {
			return level;
		},
		get unavailable() {
			return down?.reason;
		},
		close: async () => {
			ended = true;
			await opening?.catch(() => undefined);
			await closing;
			const last = level;
			level = undefined;
			await last?.close();
			if (last) await ledger.close();
			await lock.release();
		},
	};
}
