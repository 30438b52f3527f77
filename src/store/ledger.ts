import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../log.ts";
import {
	createMarkFile,
	parseTally,
	readMark,
	type Tally,
} from "./acknowledged-mark.ts";
import { kind, writtenKey } from "./keys.ts";
import type { Level } from "./level.ts";
import { openSealed } from "./sealed-value.ts";

/** Minimum milliseconds between two writes of the mark. */
const markEveryMilliseconds = 1_000;

/**
 * Counts acknowledged entries, both inside the database (with every write) and in a file beside it.
 * If the database has lost its latest writes, the two differ.
 */
export interface Ledger {
	/**
	 * Call after opening a database: reports missing entries, and continues from the stored count.
	 */
	opened(level: Level): Promise<void>;
	/** The tally after more entries were written and removed, and the value that records it. */
	next(written: number, removed: number): { tally: Tally; value: string };
	/** Call when the write with this tally is on disk. */
	acknowledged(tally: Tally): void;
	/** Writes the mark a last time; call after closing the database. */
	close(): Promise<void>;
}

/** Whether the ledger counts a key's entry. */
export const isCounted = (key: string) =>
	[kind.metrics, kind.machineStates].some(
		({ from, before }) => key >= from && key < before,
	);

const entries = (count: number) =>
	`${count} ${count === 1 ? "entry" : "entries"}`;

function tallyOf(stored: Buffer): Tally | undefined {
	try {
		return parseTally<Tally>(openSealed(writtenKey, stored).toString());
	} catch {
		return undefined;
	}
}

export function createLedger(parts: {
	directory: string;
	log: Pick<Log, "error">;
	now: () => Date;
	/** Called with the number of missing entries. */
	lost: (entries: number) => void;
	milliseconds?: number;
}): Ledger {
	const { directory, log, now } = parts;
	const { milliseconds = markEveryMilliseconds } = parts;
	const file = createMarkFile(directory);
	let current: Tally | undefined;
	let isMarked = true;
	let serial = 0;
	let timer: NodeJS.Timeout | undefined;
	let writing: Promise<void> = Promise.resolve();

	/** The newest log file, the only one that LevelDB appends to. */
	const newestLog = () => {
		const name = readdirSync(directory)
			.filter((other) => /^\d+\.log$/.test(other))
			.sort((a, b) => Number.parseInt(b, 10) - Number.parseInt(a, 10))[0];
		return name && { name, bytes: statSync(join(directory, name)).size };
	};

	const mark = (withLog: boolean) => {
		clearTimeout(timer);
		timer = undefined;
		const tally = current;
		if (isMarked || !tally) return writing;
		isMarked = true;
		writing = writing
			.then(() => {
				const newest = withLog ? newestLog() : undefined;
				serial++;
				return file.write({ ...tally, serial, ...(newest && { log: newest }) });
			})
			// an older mark only detects less loss; if the disk fails, the store's own writes report it
			.catch(() => {});
		return writing;
	};

	return {
		opened: async (level) => {
			const onDisk = await readMark(directory);
			serial = Math.max(serial, onDisk?.serial ?? 0);
			const marked = current ?? onDisk;
			const stored = await level.get(writtenKey);
			// if the count itself is damaged, assume that nothing is missing
			const found = stored && (tallyOf(stored) ?? marked);
			const missing = (marked?.written ?? 0) - (found?.written ?? 0);
			if (marked && missing > 0) {
				const there = Math.max(1, marked.written - marked.removed);
				const count = Math.min(missing, there);
				log.error(
					`the store has lost ${entries(count)} of metrics and machine states that were acknowledged by ${new Date(marked.at).toISOString()}${found ? `; nothing stored after ${new Date(found.at).toISOString()} is left` : ""}`,
				);
				parts.lost(count);
			}
			current = found ?? { written: 0, removed: 0, at: now().getTime() };
			isMarked = missing === 0;
			await mark(false);
		},
		next: (written, removed) => {
			const before = current ?? { written: 0, removed: 0, at: 0 };
			const tally = {
				written: before.written + written,
				removed: before.removed + removed,
				at: now().getTime(),
			};
			return { tally, value: JSON.stringify(tally) };
		},
		acknowledged: (tally) => {
			current = tally;
			isMarked = false;
			timer ??= setTimeout(() => void mark(true), milliseconds).unref();
		},
		close: async () => {
			await mark(true);
		},
	};
}
