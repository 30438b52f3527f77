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

/** Damage found in the store since the start. */
export interface Damages {
	/** Number of findings, in files and in single values. */
	count: number;
	/** Entries (metrics and machine states) that were acknowledged and are known to be lost. */
	lostEntries: number;
	/** The latest finding: time in milliseconds since 1970, reason, and the copy's path. */
	last?: { at: number; reason: string; copy?: string };
}

interface Place {
	directory: string;
	log: Pick<Log, "info" | "warning" | "error">;
	now: () => Date;
	/** Maximum total size of the copies kept, in bytes; 0 means no limit. */
	maxCopiesBytes: number;
}

/** What opening needs; the lock is taken before anything else. */
interface LockedPlace extends Place {
	lock: DirectoryLock;
	/** Called when damage is found, with the path of the copy. */
	damaged: (reason: string, copy: string) => void;
}

/**
 * Opens the database of a directory, which is created if needed. If the database is damaged, or a
 * read found it to be (`damage` is the reason), it is copied and repaired first. Nothing is moved,
 * deleted or repaired for any other reason, nor before the lock is taken. Throws StoreLocked, or
 * the error of LevelDB or the system.
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
				`the store is damaged (${found.reason}): continuing with what LevelDB can read, an unchanged copy is kept in ${copy}`,
			);
			place.damaged(found.reason, copy);
		}
		// another program wrote here, and its values have no checksums of their own
		if (!mark) why ??= await inspectTables(directory);
	}
	if (why === undefined)
		try {
			return await openLevel(directory, contents === "nothing");
		} catch (error) {
			const failure = failureOf(error);
			if (failure?.kind !== "damaged") throw error;
			why = failure.reason;
			// LevelDB has closed a descriptor of LOCK, which dropped the lock
			await lock.take();
		}
	place.damaged(why, await repairDatabase({ ...place, why }));
	repaired();
	const level = await openLevel(directory, false);
	// repair may leave overlapping tables, of which LevelDB could read the older one first
	await level.compactRange(...everything);
	return level;
}

/** The store cannot be used now; clients should retry. The reason is one line with a path. */
export class StoreUnavailable extends AgentError {
	readonly reason: string;

	constructor(reason: string) {
		super("store-unavailable", `the store cannot be used: ${reason}`);
		this.reason = reason;
	}
}

type Kind = "read" | "write";

/** Outages shorter than this are logged at a lower level, as flapping. */
const minOutageMilliseconds = 60_000;

/** A LevelDB that is closed after a failure and reopened by the next operation. */
export interface Reopening {
	/**
	 * Runs an operation. If it fails, reopens the database and runs it once more, so it must be safe
	 * to run twice. Throws StoreUnavailable.
	 */
	use<T>(kind: Kind, work: (level: Level) => Promise<T>): Promise<T>;
	/**
	 * Closes a database in which damage was found, then repairs and reopens it. Does nothing if
	 * another one is open by now. Throws StoreUnavailable.
	 */
	damaged(of: Level, reason: string): Promise<void>;
	/**
	 * Opens the database now. Throws StoreLocked; any other failure is left to the next operation.
	 */
	open(): Promise<void>;
	readonly level: Level | undefined;
	readonly unavailable: string | undefined;
	close(): Promise<void>;
}

/** A database that is not open yet; `lockFile` is undefined without the addon. */
export function createReopening(
	place: Place & {
		lockFile: LockFile | undefined;
		ledger: Ledger;
		damages: Damages;
		/** Called after each opening. */
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
	/** Damage that a read found, and that opening LevelDB does not detect. */
	let damage: string | undefined;
	/** Why the store is down. `write`: only a successful write proves that it works again. */
	let down: { reason: string; write: boolean } | undefined;

	const failed = (kind: Kind, reason: string) => {
		repeats.wrong(directory, {
			// table numbers vary
			kind: reason.replace(/\d+/g, "0"),
			level: "error",
			lines: [
				`the store cannot be used: ${reason}; nothing was moved or deleted, the next request will retry`,
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
			minOutageMilliseconds,
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

	/** Closes LevelDB after a failure: if it went on, it would acknowledge writes that it loses. */
	const drop = (of: Level, failure: Failure) => {
		if (of !== level) return;
		level = undefined;
		if (failure.kind === "damaged") damage = failure.reason;
		closing = of.close().catch((error) => {
			log.warning(`the store was not closed cleanly: ${String(error)}`);
		});
	};

	/** Rejects a write if files were removed or replaced meanwhile: the data would be lost. */
	const refuseIfGone = async (of: Level) => {
		const reason = presence?.missing();
		if (reason === undefined || of !== level) return;
		// if only the log is gone, a new table can still save what is in memory
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
