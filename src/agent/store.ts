import { setTimeout as sleep } from "node:timers/promises";
import type { Log } from "../log.ts";
import type { DaemonSettings } from "../settings.ts";
import {
	createDatabase,
	type Database,
	StoreLocked,
} from "../store/database.ts";
import { createMachineStates } from "../store/machine-states.ts";
import { createMetricBuffer } from "../store/metric-buffer.ts";
import { createRetentionClock } from "../store/retention.ts";
import { createRoom } from "../store/room.ts";

export type Store = ReturnType<typeof createStore>;

/**
 * Builds the store and what it keeps, without opening the database.
 * @param parts.now wall clock in milliseconds
 * @param parts.elapsed monotonic clock in milliseconds
 */
export function createStore({
	settings,
	...parts
}: {
	settings: DaemonSettings;
	now: () => number;
	elapsed: () => number;
	log: Log;
}) {
	const { elapsed, log } = parts;
	const maxBytes = settings["max-store-bytes"];
	const database = createDatabase({
		directory: settings.dbfile,
		maxCopiesBytes: maxBytes,
		log,
	});
	const retention = createRetentionClock({ database, ...parts });
	const room = createRoom({
		database,
		maxBytes,
		minFreeBytes: settings["min-free-bytes"],
		elapsed,
		log,
	});
	const buffer = createMetricBuffer({
		database,
		consumers: settings["metric-consumers"],
		maxLifetimeSeconds: settings["metrics-max-lifetime-seconds"],
		retention,
		room,
		...parts,
	});
	const machineStates = createMachineStates({
		database,
		maxLifetimeSeconds: settings["machine-state-max-lifetime-seconds"],
		retention,
		room,
		...parts,
	});
	return { database, retention, room, buffer, machineStates };
}

/** How often to try again to open a locked database. */
const retryMilliseconds = 50;

/**
 * Opens a database. If another process has it locked, waits until that ends: an agent that hands
 * over its socket may still answer requests.
 * @param parts.signal ends the wait
 * @throws StoreLocked if the database is locked after `maxMilliseconds`
 */
export async function openWhenFree(
	database: Pick<Database, "open">,
	parts: {
		maxMilliseconds: number;
		signal: AbortSignal | undefined;
		log: Pick<Log, "notice">;
	},
): Promise<void> {
	const { maxMilliseconds, signal, log } = parts;
	const deadline = performance.now() + maxMilliseconds;
	let isWaiting = false;
	for (;;)
		try {
			return await database.open();
		} catch (error) {
			const isOver = signal?.aborted || performance.now() >= deadline;
			if (!(error instanceof StoreLocked) || isOver) throw error;
			if (!isWaiting)
				log.notice(
					`${error.message}: waiting at most ${maxMilliseconds / 1000} seconds for its end`,
				);
			isWaiting = true;
			await sleep(retryMilliseconds);
		}
}
