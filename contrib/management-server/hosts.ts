import { Level } from "level";
import { inTurn } from "../../src/turn.ts";

/** A registered host. Group, address and port together say which one it is. */
export interface Host {
	/** `GROUP` or `GROUP!SUBGROUP`. */
	group_name: string;
	ip: string;
	hostname: string;
	/** Its agent's port. */
	port: number;
	/** Bastions in front of it, nearest to the caller first. */
	proxies: string[];
}

export type HostReference = Pick<Host, "group_name" | "ip" | "port">;

/** The registered hosts, on disk: what was answered survives a power loss. */
export interface Hosts {
	/** False if the host was there before; it stays as it was. */
	add(host: Host): Promise<boolean>;
	has(host: HostReference): Promise<boolean>;
	/** False if there was no such host. */
	remove(host: HostReference): Promise<boolean>;
	/** By group, address and port; of a group with its subgroups, or all. */
	list(group?: string): Promise<Host[]>;
	/** Waits for what is under way. */
	close(): Promise<void>;
}

// no text of a request holds a NUL: it ends a field, and sorts before everything
const keyOf = ({ group_name, ip, port }: HostReference) =>
	`${group_name}\0${ip}\0${String(port).padStart(5, "0")}`;

/** Keys of a group alone, and of its subgroups, which come behind a `!`. */
const rangesOf = (group: string | undefined) =>
	group === undefined
		? [{}]
		: [
				{ gte: `${group}\0`, lt: `${group}\u0001` },
				{ gte: `${group}!`, lt: `${group}"` },
			];

/** Opens the store, made if it is missing. Throws why it cannot be opened. */
export async function openHosts(directory: string): Promise<Hosts> {
	const level = new Level<string, Host>(directory, { valueEncoding: "json" });
	await level.open();
	// LevelDB has no transactions: nothing comes between a look and a write
	const turn = inTurn();
	const has = async (key: string) => (await level.get(key)) !== undefined;
	const onDisk = { sync: true };
	return {
		add: (host) =>
			turn(async () => {
				const key = keyOf(host);
				if (await has(key)) return false;
				await level.put(key, host, onDisk);
				return true;
			}),
		has: (host) => has(keyOf(host)),
		remove: (host) =>
			turn(async () => {
				const key = keyOf(host);
				if (!(await has(key))) return false;
				await level.del(key, onDisk);
				return true;
			}),
		list: async (group) => {
			const found = await Promise.all(
				rangesOf(group).map((range) => level.values(range).all()),
			);
			return found.flat();
		},
		close: () => turn(() => level.close()),
	};
}
