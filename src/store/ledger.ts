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

/** How often the mark is written at most. */
const markEveryMilliseconds = 1_000;

/**
 * Counts what is acknowledged: with every write in the database, and in a file
 * of its own beside it, so that a database that has lost its end is known by it.
 */
export interface Ledger {
	/** A database was opened: says what is missing, and goes on from what is there. */
	opened(level: Level): Promise<void>;
	/** The count after so many more and so many fewer, with the write that records it. */
	next(written: number, removed: number): { tally: Tally; value: string };
	/** A write is on disk. */
	acknowledged(tally: Tally): void;
	/** The mark's last writing; the database is closed. */
	close(): Promise<void>;
}

/** Whether a key is one of the entries that are counted. */
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
	/** Hears how many entries are missing. */
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

	/** The newest log; LevelDB writes to no other. */
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
			// an older mark says less; what keeps it from being written, writes say
			.catch(() => {});
		return writing;
	};

	return {
		opened: async (level) => {
			const onDisk = await readMark(directory);
			serial = Math.max(serial, onDisk?.serial ?? 0);
			const marked = current ?? onDisk;
			const stored = await level.get(writtenKey);
			// a count that is damaged itself says nothing
			const found = stored && (tallyOf(stored) ?? marked);
			const missing = (marked?.written ?? 0) - (found?.written ?? 0);
			if (marked && missing > 0) {
				const there = Math.max(1, marked.written - marked.removed);
				const count = Math.min(missing, there);
				log.error(
					`the store has lost ${entries(count)} of metrics and machine states: what was acknowledged up to ${new Date(marked.at).toISOString()} is not all there${found ? `, after ${new Date(found.at).toISOString()} nothing is` : ""}`,
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
