import { connect } from "node:net";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { type Hop, hopText, parseHop } from "../../../src/protocol/hop.ts";
import type { SettingValues } from "../../../src/setting-table.ts";
import { defaultAdminSocket } from "../../../src/socket-file.ts";
import { UsageError } from "../../program/arguments.ts";
import type { targetSettings } from "../flags.ts";
import { readFlagFile } from "../input-file.ts";

/** An agent and the bastions in front of it. */
export interface Target {
	/** Name for people: `web01:6777`. */
	name: string;
	agent: Hop;
	/** Bastions, nearest first. */
	via: readonly Hop[];
	/** Admin socket to reach it through. */
	adminSocket?: string;
	/** Its group and its name on the management server that listed it. */
	group?: string;
	label?: string;
}

/** What tells a target from all others: two behind different bastions may have one name. */
export const targetKey = ({ name, via }: Target): string =>
	via.length === 0 ? name : `${name} via ${via.map(hopText).join(", ")}`;

export type TargetSettings = SettingValues<typeof targetSettings>;

/** A host that a management server lists. */
export interface ListedHost {
	group_name: string;
	ip: string;
	/** May be empty. */
	hostname: string;
	port: number;
	proxies: readonly string[];
}

/** Asks the management server for the hosts of a group. */
export type ListHosts = (
	group: string,
	signal?: AbortSignal,
) => Promise<readonly ListedHost[]>;

/**
 * Parses a hosts file: one host a line, blank lines and comments are ignored.
 * @throws UsageError that names the line
 */
function parseHostsFile(content: string, file: string): Hop[] {
	return content.split("\n").flatMap((line, at) => {
		const entry = line.replace(/(^|\s)#.*/, "").trim();
		if (entry === "") return [];
		const hop = parseHop(entry);
		if (hop) return [hop];
		throw new UsageError(
			`${file} line ${at + 1}: not a host with an optional port: ${entry}`,
		);
	});
}

async function readHostsFile(file: string, stdin: Readable): Promise<Hop[]> {
	if (file === "-") return parseHostsFile(await text(stdin), "standard input");
	const content = await readFlagFile("hosts-file", file);
	return parseHostsFile(content?.toString("utf8") ?? "", file);
}

/** The hosts of a flag, which has checked them. */
const hops = (texts: readonly string[]) =>
	texts.flatMap((text) => parseHop(text) ?? []);

/**
 * The bastions of a listed host. One that is left out would lead to another host with the same
 * address, or around the bastion.
 * @throws UsageError
 */
const listedBastions = ({ ip, port, proxies }: ListedHost, group: string) =>
	proxies
		.filter((text) => text.trim() !== "")
		.map((text) => {
			const hop = parseHop(text);
			if (hop) return hop;
			throw new UsageError(
				`--group ${group}: ${ip} port ${port}: not a bastion with an optional port: ${JSON.stringify(text)}`,
			);
		});

/**
 * The target for a listed host, through the bastions of --via or else through its own.
 * @throws UsageError if one of them is invalid
 */
function listedTarget(
	host: ListedHost,
	{ group, via }: { group: string; via: readonly Hop[] },
): Target {
	const { group_name, ip, hostname, port } = host;
	const place = ip.includes(":") ? `[${ip.replace(/^\[|\]$/g, "")}]` : ip;
	const agent = parseHop(`${place}:${port}`);
	if (!agent)
		throw new UsageError(`--group ${group}: not a host: ${ip} port ${port}`);
	const own = via.length > 0 ? via : listedBastions(host, group);
	return {
		...{ name: hopText(agent), agent, via: own, group: group_name },
		...(hostname !== "" && { label: hostname }),
	};
}

/** Whether somebody listens on a Unix socket, and this user may use it. */
const answers = (path: string) =>
	new Promise<boolean>((resolve) => {
		const socket = connect(path);
		socket.once("error", () => resolve(false));
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
	});

/** The agent on this machine: through its admin socket if that can be used. */
async function localTarget(
	adminSocket: string,
	via: readonly Hop[],
): Promise<Target> {
	const agent = { host: "127.0.0.1", port: 6777 };
	const path = adminSocket || defaultAdminSocket;
	const isUsed =
		via.length === 0 &&
		adminSocket !== "none" &&
		(adminSocket !== "" || (await answers(path)));
	return isUsed
		? { name: "localhost", agent, via, adminSocket: path }
		: { name: hopText(agent), agent, via };
}

/**
 * The agents of a command, without duplicates; the agent on this machine if none is named.
 * @param adminSocket of a variable
 * @param signal ends the request to the management server
 * @throws UsageError for invalid hosts, unreadable files and empty groups
 */
export async function findTargets(
	settings: TargetSettings,
	stdin: Readable,
	listHosts: ListHosts,
	adminSocket = "",
	signal?: AbortSignal,
): Promise<Target[]> {
	const via = hops(settings.via);
	const direct = hops(settings.host);
	direct.push(...(await readHostsFile(settings["hosts-file"], stdin)));
	const found: Target[] = direct.map((agent) => ({
		name: hopText(agent),
		agent,
		via,
	}));
	const { group } = settings;
	if (group !== "")
		for (const host of await listHosts(group, signal))
			found.push(listedTarget(host, { group, via }));
	const named =
		settings.host.length > 0 ||
		settings["hosts-file"] !== "" ||
		settings.group !== "";
	const ownSocket = settings["admin-socket"];
	if (ownSocket !== "" && ownSocket !== "none" && (named || via.length > 0))
		throw new UsageError(
			"--admin-socket: cannot be used with --host, --hosts-file, --group or --via",
		);
	if (!named) found.push(await localTarget(ownSocket || adminSocket, via));
	const once = new Map(found.map((target) => [targetKey(target), target]));
	if (once.size === 0) throw new UsageError(noTargets(settings));
	return [...once.values()];
}

const noTargets = (settings: TargetSettings) =>
	settings.group !== ""
		? `--group ${settings.group}: the management server lists no hosts for it`
		: `--hosts-file ${settings["hosts-file"]}: contains no hosts`;
