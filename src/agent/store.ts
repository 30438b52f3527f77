import type { Log } from "../log.ts";
import type { DaemonSettings } from "../settings.ts";
import { createDatabase } from "../store/database.ts";
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
