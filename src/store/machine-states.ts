import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Database } from "./database.ts";
import { kind, olderThan, secondOf } from "./keys.ts";
import type { RetentionClock } from "./retention.ts";
import type { Room } from "./room.ts";

/** Snapshots of the machine, as text. */
export interface MachineStates {
	/** Stores one under the second it is now, and removes those past their lifetime. Throws StoreFull. */
	save(text: string): Promise<void>;
	/** Their keys, oldest first. */
	list(): Promise<string[]>;
	/** The text of one; undefined if there is none, or if the key is of another kind. */
	read(key: string): Promise<string | undefined>;
}

/** `maxLifetimeSeconds` counts from the second a snapshot was stored; `now` is in milliseconds since 1970. */
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

	/** Retention is no part of a save's success. */
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

	/** Throws StoreFull where there is no room, not even after retention. */
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
			// what was stored before says how late it was
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
