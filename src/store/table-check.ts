import { join } from "node:path";
import { setTimeout as pause, setImmediate } from "node:timers/promises";
import type { Log } from "../log.ts";
import { type Level, tableSizes } from "./level.ts";
import { damageOfTable } from "./table-blocks.ts";

/** When tables are checked; milliseconds. */
export interface TableCheckTimes {
	/** From each opening to the first check: a start has other things to do. */
	first: number;
	/** From the end of a check to the next one. */
	between: number;
	/** Work between two pauses. */
	slice: number;
	/** How many times as long as the work a pause is; no unit. */
	pauseFactor: number;
}

/** One part in twenty is work: at most 5 % of a core. */
const defaultTimes: TableCheckTimes = {
	first: 60_000,
	between: 24 * 60 * 60_000,
	slice: 2,
	pauseFactor: 19,
};

/**
 * Finds damage inside tables, which LevelDB does not look for: a bit in an index or
 * a filter hides keys without an error.
 */
export interface TableCheck {
	/** A database was opened: the next check is due. */
	opened(): void;
	/** Checks now, or waits for the check that is running. Throws nothing. */
	run(): Promise<void>;
	/** Ends a check, and all later ones. */
	stop(): Promise<void>;
}

const codeOf = (error: unknown) =>
	error instanceof Error && "code" in error ? error.code : undefined;

/** `level` is the open database; `damaged` closes that one, repairs and reopens it. */
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

	/** A table in use is complete and does not change; one that is not is none of ours. */
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
			// as old versions of LevelDB named it
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
				// the store says by itself what becomes of it
				return await damaged(of, `${name}: ${damage}`).catch(() => {});
			} catch (error) {
				if (signal.aborted) return;
				// one that is missing is noticed by the next write
				if (codeOf(error) === "ENOENT" || !isInUse(of, name)) continue;
				const path = join(directory, name);
				log.warning(`the store's table ${path} cannot be checked: ${error}`);
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
