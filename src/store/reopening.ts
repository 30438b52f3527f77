import { AgentError } from "../agent-error.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Damages } from "./damages.ts";
import type { Ledger } from "./ledger.ts";
import type { Level } from "./level.ts";
import { type Failure, failureOf, flushLevel } from "./level.ts";
import { createDirectoryLock, type LockFile, StoreLocked } from "./lock.ts";
import { openOrRepair, type Place } from "./open.ts";
import { type Presence, watchPresence } from "./presence.ts";

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
