import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Database } from "./database.ts";
import { kind, olderThan, secondOf } from "./keys.ts";
import type { RetentionClock } from "./retention.ts";
import type { Room } from "./room.ts";

/** Machine states, as text. */
export interface MachineStates {
	/** Stores a snapshot under the current second, then deletes expired ones. Throws StoreFull. */
	save(text: string): Promise<void>;
	/** Keys of all snapshots, oldest first. */
	list(): Promise<string[]>;
	/** The text of a snapshot; undefined if the key is unknown or of another kind. */
	read(key: string): Promise<string | undefined>;
}

/**
 * @param parts.maxLifetimeSeconds counted from when a snapshot was stored
 * @param parts.now milliseconds since 1970
 */
export function createMachineStates(parts: {
	database: Pick<Database, "keys" | "read" | "write" | "clear">;
	maxLifetimeSeconds: number;
	retention: Pick<RetentionClock, "time">;
	room: Pick<Room, "need" | "refused">;
	now: () => number;
	log: Pick<Log, "warning" | "error">;
}): MachineStates {
	const { database, maxLifetimeSeconds, retention, room, now, log } = parts;
	const repeats = createLogRepeats({ log });

	/** Retention: a failure is logged, and does not fail the save. */
	const retire = async () => {
		try {
			const kept = (await retention.time()) / 1000 - maxLifetimeSeconds;
			const old = olderThan(kind.machineStates, Math.floor(kept));
			if (old && (await database.clear(old)))
				repeats.wrong("age", {
					kind: "removed",
					level: "warning",
					lines: [
						`machine states older than ${maxLifetimeSeconds} seconds removed (machine-state-max-lifetime-seconds)`,
					],
				});
			repeats.right("retention", "retention of machine states");
		} catch (error) {
			const { message } = error as Error;
			repeats.wrong("retention", {
				kind: message,
				level: "warning",
				lines: [`retention of machine states: ${message}`],
			});
		}
	};

	/** Throws StoreFull if there is no room even after retention. */
	const makeRoom = async (bytes: number) => {
		try {
			await room.need(bytes);
		} catch {
			await retire();
			await room.need(bytes, true).catch((error) => {
				room.refused();
				throw error;
			});
		}
	};

	return {
		save: async (value) => {
			// read the clock before the write: it compares itself with the newest entry stored
			await retention.time().catch(() => {});
			await makeRoom(Buffer.byteLength(value));
			await database.write([{ put: `s-${secondOf(now())}`, value }]);
			await retire();
		},
		list: async () => {
			const keys: string[] = [];
			for await (const key of database.keys(kind.machineStates)) keys.push(key);
			return keys;
		},
		read: async (key) =>
			key.startsWith(kind.machineStates.from)
				? (await database.read(key))?.toString("utf8")
				: undefined,
	};
}
