import { join } from "node:path";
import { setTimeout as pause, setImmediate } from "node:timers/promises";
import type { Log } from "../log.ts";
import { type Level, tableSizes } from "./level.ts";
import { damageOfTable } from "./table-blocks.ts";

/** When tables are checked, in milliseconds. */
export interface TableCheckTimes {
	/** From each opening to the first check; startup has priority. */
	first: number;
	/** From the end of a check to the next one. */
	between: number;
	/** Work between two pauses. */
	slice: number;
	/** Length of a pause as a multiple of the work before it. */
	pauseFactor: number;
}

/** One part work to 19 parts pause: at most 5 % of a core. */
const defaultTimes: TableCheckTimes = {
	first: 60_000,
	between: 24 * 60 * 60_000,
	slice: 2,
	pauseFactor: 19,
};

/**
 * Finds damage inside tables, which LevelDB does not look for: a flipped bit in an index or a
 * filter hides keys without an error.
 */
export interface TableCheck {
	/** Call after each opening: schedules the first check. */
	opened(): void;
	/** Checks now, or joins the check in progress. Never throws. */
	run(): Promise<void>;
	/** Stops the current check and all later ones. */
	stop(): Promise<void>;
}

const codeOf = (error: unknown) =>
	error instanceof Error && "code" in error ? error.code : undefined;

/**
 * @param parts.level returns the open database
 * @param parts.damaged closes that database, repairs and reopens it
 */
export function createTableCheck(parts: {
	directory: string;
	log: Pick<Log, "warning">;
	level: () => Level | undefined;
	damaged: (of: Level, reason: string) => Promise<void>;
	times: TableCheckTimes | undefined;
}): TableCheck {
	const { directory, log, level, damaged, times = defaultTimes } = parts;
	const stopping = new AbortController();
	const { signal } = stopping;
	let timer: NodeJS.Timeout | undefined;
	let running: Promise<void> | undefined;

	const schedule = (milliseconds: number) => {
		clearTimeout(timer);
		if (signal.aborted) return;
		timer = setTimeout(run, milliseconds);
		timer.unref();
	};

	/** LevelDB uses the table, so it is complete and immutable. Other tables do not matter. */
	const isInUse = (of: Level, name: string) =>
		of === level() && tableSizes(of).has(name);

	const pacing = () => {
		let began = performance.now();
		return async () => {
			const worked = performance.now() - began;
			if (worked < times.slice) return setImmediate(undefined, { signal });
			await pause(worked * times.pauseFactor, undefined, { signal });
			began = performance.now();
		};
	};

	const damageOf = async (name: string, breathe: () => Promise<void>) => {
		const path = join(directory, name);
		try {
			return await damageOfTable(path, breathe);
		} catch (error) {
			if (codeOf(error) !== "ENOENT") throw error;
			// the name that old versions of LevelDB used
			return damageOfTable(path.replace(/ldb$/, "sst"), breathe);
		}
	};

	const check = async (of: Level) => {
		const breathe = pacing();
		for (const name of tableSizes(of).keys()) {
			if (of !== level()) return;
			try {
				const damage = await damageOf(name, breathe);
				if (damage === undefined || !isInUse(of, name)) continue;
				// the store reports the outcome of the repair
				return await damaged(of, `${name}: ${damage}`).catch(() => {});
			} catch (error) {
				if (signal.aborted) return;
				// the next write detects a missing table
				if (codeOf(error) === "ENOENT" || !isInUse(of, name)) continue;
				const path = join(directory, name);
				log.warning(`cannot check the store's table ${path}: ${error}`);
			}
		}
	};

	const run = () => {
		const of = level();
		if (!of) return Promise.resolve();
		running ??= check(of).finally(() => {
			running = undefined;
			schedule(of === level() ? times.between : times.first);
		});
		return running;
	};

	return {
		opened: () => schedule(times.first),
		run,
		stop: async () => {
			stopping.abort();
			clearTimeout(timer);
			await running;
		},
	};
}
