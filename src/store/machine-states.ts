import type { Log } from "../log.ts";
import type { Database } from "./database.ts";
import { kind } from "./keys.ts";

/** Snapshots of the machine, as text. */
export interface MachineStates {
	/** Stores one under the second it is now, and removes those past their lifetime. */
	save(text: string): Promise<void>;
	/** Their keys, oldest first. */
	list(): Promise<string[]>;
	/** The text of one; undefined if there is none, or if the key is of another kind. */
	read(key: string): Promise<string | undefined>;
}

/** `maxLifetimeSeconds` counts from the second a snapshot was stored; `now` is in milliseconds. */
export function createMachineStates(parts: {
	database: Pick<Database, "keys" | "read" | "write" | "clear">;
	maxLifetimeSeconds: number;
	now: () => number;
	log: Pick<Log, "warning">;
}): MachineStates {
	const { database, maxLifetimeSeconds, now, log } = parts;
	return {
		save: async (value) => {
			const seconds = Math.floor(now() / 1000);
			await database.write([{ put: `s-${seconds}`, value }]);
			// retention is no part of a save's success
			const before = `s-${seconds - maxLifetimeSeconds}`;
			await database
				.clear({ ...kind.machineStates, before })
				.then((some) => {
					if (some)
						log.warning(
							`machine states older than ${maxLifetimeSeconds} seconds removed (machine-state-max-lifetime-seconds)`,
						);
				})
				.catch((error: Error) =>
					log.warning(`retention of machine states: ${error.message}`),
				);
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
