import { Level } from "level";
import { inTurn } from "../../src/turn.ts";

/** A registered host. Group, address and port together identify it. */
export interface Host {
	/** `GROUP` or `GROUP!SUBGROUP`. */
	group_name: string;
	ip: string;
	hostname: string;
	/** Port of the host's agent. */
	port: number;
	/** Bastions in front of the host, nearest to the client first. */
	proxies: string[];
}

export type HostReference = Pick<Host, "group_name" | "ip" | "port">;

/** The registered hosts, on disk. A confirmed change survives a power loss. */
export interface Hosts {
	/** Resolves to false if the host was registered before; it stays unchanged. */
	add(host: Host): Promise<boolean>;
	has(host: HostReference): Promise<boolean>;
	/** Resolves to false if there was no such host. */
	remove(host: HostReference): Promise<boolean>;
	/** The hosts of a group and its subgroups, or all; sorted by group, address and port. */
	list(group?: string): Promise<Host[]>;
	/** Waits for running operations. */
	close(): Promise<void>;
}

// NUL separates fields: no text of a request contains it, and it sorts before all other characters
const keyOf = ({ group_name, ip, port }: HostReference) =>
	`${group_name}\0${ip}\0${String(port).padStart(5, "0")}`;

/** Key ranges of a group itself, and of its subgroups, whose names follow a `!`. */
const rangesOf = (group: string | undefined) =>
	group === undefined
		? [{}]
		: [
				{ gte: `${group}\0`, lt: `${group}\u0001` },
				{ gte: `${group}!`, lt: `${group}"` },
			];

/** Opens the store, and creates it if it is missing. Throws LevelDB's error. */
export async function openHosts(directory: string): Promise<Hosts> {
	const level = new Level<string, Host>(directory, { valueEncoding: "json" });
	await level.open();
	// LevelDB has no transactions: `turn` lets nothing run between a read and its write
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
