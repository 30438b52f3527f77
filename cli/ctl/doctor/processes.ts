import { readdir, readFile, readlink } from "node:fs/promises";
import { isIPv6 } from "node:net";
import { basename } from "node:path";
import { programOf } from "../../../src/store/lock.ts";

/** Who listens on a port. */
export interface Listener {
	/** Address as text; `0.0.0.0` and `::` are all. */
	address: string;
	/** The user that made the socket. */
	uid: number;
	/** Processes that have the socket; none if this user may not see them. */
	processes: readonly { pid: number; program: string }[];
}

/** The address in a line of /proc/net/tcp or tcp6: 32-bit numbers of this machine. */
function addressIn(hex: string): string {
	const bytes = Buffer.from(hex, "hex");
	// these machines are little-endian
	bytes.swap32();
	if (bytes.length === 4) return [...bytes].join(".");
	const groups = Array.from({ length: 8 }, (_, at) =>
		bytes.readUInt16BE(2 * at).toString(16),
	);
	return canonical(groups.join(":"));
}

/** An address in its usual form: IPv6 compressed. */
export const canonical = (address: string) =>
	isIPv6(address)
		? new URL(`http://[${address}]`).hostname.slice(1, -1)
		: address;

const listening = "0A";

async function socketsOn(port: number) {
	const texts = await Promise.all(
		["tcp", "tcp6"].map((name) =>
			readFile(`/proc/net/${name}`, "utf8").catch(() => ""),
		),
	);
	return texts
		.flatMap((text) => text.split("\n").slice(1))
		.flatMap((line) => {
			const [, local = "", , state, , , , uid, , inode = ""] = line
				.trim()
				.split(/\s+/);
			const [hex = "", number = ""] = local.split(":");
			if (state !== listening || Number.parseInt(number, 16) !== port)
				return [];
			return [{ address: addressIn(hex), uid: Number(uid), inode }];
		});
}

/** Ids of all processes that this user can see. */
export async function processIds(): Promise<number[]> {
	const names = await readdir("/proc");
	return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** Processes by the inode of a socket that they have open. */
async function ownersOf(inodes: ReadonlySet<string>) {
	const owners = new Map<string, number[]>();
	for (const pid of await processIds()) {
		const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
		const links = await Promise.all(
			names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => "")),
		);
		for (const link of new Set(links)) {
			const [, inode = ""] = /^socket:\[(\d+)\]$/.exec(link) ?? [];
			if (inodes.has(inode))
				owners.set(inode, [...(owners.get(inode) ?? []), pid]);
		}
	}
	return owners;
}

const isEverywhere = (address: string) =>
	address === "0.0.0.0" || address === "::";

/**
 * Who listens on a port, so that nobody else can listen on an address of it.
 * @param address empty for all
 */
export async function listenersOn(
	port: number,
	address: string,
): Promise<Listener[]> {
	const found = (await socketsOn(port)).filter(
		(socket) =>
			address === "" ||
			isEverywhere(address) ||
			isEverywhere(socket.address) ||
			socket.address === canonical(address),
	);
	if (found.length === 0) return [];
	const owners = await ownersOf(new Set(found.map(({ inode }) => inode)));
	return Promise.all(
		found.map(async ({ address, uid, inode }) => ({
			address,
			uid,
			processes: await Promise.all(
				(owners.get(inode) ?? []).map(async (pid) => ({
					pid,
					program: await programOf(pid),
				})),
			),
		})),
	);
}

/** Words of a process's command line; none if it has ended or has none. */
async function wordsOf(pid: number): Promise<string[]> {
	const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
	return text.split("\0").filter((word) => word !== "");
}

/** Whether a process is `happo-agent daemon`. */
export async function isDaemon(pid: number): Promise<boolean> {
	const words = await wordsOf(pid);
	const at = words.findIndex((word) =>
		/^happo-agent(?:\.js)?$/.test(basename(word)),
	);
	return at >= 0 && words.slice(at + 1).includes("daemon");
}

/** The effective user of a process; undefined if it has ended. */
export async function userIdOf(pid: number): Promise<number | undefined> {
	const text = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
	const [, id] = /^Uid:\s+\d+\s+(\d+)/m.exec(text) ?? [];
	return id === undefined ? undefined : Number(id);
}

/** The variables that a process was started with; undefined if this user may not read them. */
export async function environmentOf(
	pid: number,
): Promise<Record<string, string> | undefined> {
	const text = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
	if (text === "") return undefined;
	return Object.fromEntries(
		text.split("\0").flatMap((entry) => {
			const at = entry.indexOf("=");
			return at > 0 ? [[entry.slice(0, at), entry.slice(at + 1)] as const] : [];
		}),
	);
}

/** The working directory of a process; undefined if this user may not see it. */
export const directoryOf = (pid: number): Promise<string | undefined> =>
	readlink(`/proc/${pid}/cwd`).catch(() => undefined);
