import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { systemReason } from "../../../src/system-error.ts";
import { UsageError } from "../../program/arguments.ts";
import { parseVariables, splitAssignments } from "./environment-file.ts";
import type { Tools } from "./tools.ts";

/** A line `Name=value` of a unit, or a property that systemd reports. */
export type Assignment = readonly [name: string, value: string];

/** How a service manager starts the agent. */
export interface Unit {
	name: string;
	/** Whether systemd knows it; otherwise it was read from files. */
	isLoaded: boolean;
	/** Files that it was made from. */
	files: readonly string[];
	/** `active`, `failed` and so on; empty if only systemd could tell. */
	state: string;
	/** Why it failed last, in systemd's words, such as `exit-code`. */
	result: string;
	pid: number | undefined;
	user: string;
	/** Empty for the group of the user. */
	group: string;
	directory: string;
	/** The program with its arguments. */
	program: readonly string[];
	/** Variables of `Environment=`. */
	variables: Readonly<Record<string, string>>;
	environmentFiles: readonly string[];
	/** Directories that systemd makes for the user when the unit starts. */
	madeDirectories: readonly string[];
	/** What restricts its processes, in order. */
	restrictions: readonly Assignment[];
}

/** Properties that restrict what processes may do; systemd-run takes them as systemctl shows them. */
const restricting = [
	...["NoNewPrivileges", "CapabilityBoundingSet", "AmbientCapabilities"],
	...["LockPersonality", "MemoryDenyWriteExecute", "RestrictRealtime"],
	...["RestrictSUIDSGID", "RestrictNamespaces", "RestrictAddressFamilies"],
	...["SystemCallFilter", "SystemCallArchitectures", "SystemCallErrorNumber"],
	...["ProtectSystem", "ProtectHome", "ProtectProc", "ProcSubset"],
	...["ProtectClock", "ProtectHostname", "ProtectKernelLogs"],
	...["ProtectKernelModules", "ProtectKernelTunables"],
	...["ProtectControlGroups", "PrivateTmp", "PrivateDevices"],
	...["PrivateNetwork", "PrivateUsers", "PrivateMounts", "PrivateIPC"],
	...["ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths"],
	...["NoExecPaths", "TemporaryFileSystem", "DevicePolicy", "DeviceAllow"],
	...["IPAddressAllow", "IPAddressDeny", "SupplementaryGroups", "UMask"],
	...["LimitNPROC", "LimitAS", "LimitFSIZE", "LimitMEMLOCK"],
];

/** Where systemd makes the directories that a unit names, by setting. */
const directoryRoots = {
	StateDirectory: "/var/lib",
	LogsDirectory: "/var/log",
	CacheDirectory: "/var/cache",
	RuntimeDirectory: "/run",
} as const;

/** @param valuesOf returns the values of a setting */
const madeDirectories = (
	valuesOf: (setting: string) => readonly string[],
): string[] =>
	Object.entries(directoryRoots).flatMap(([setting, root]) =>
		valuesOf(setting)
			.flatMap((value) => value.split(/\s+/))
			.filter((name) => name !== "")
			.map((name) => join(root, name)),
	);

const asked = [
	...["LoadState", "ActiveState", "Result", "MainPID", "User", "Group"],
	"ExecStart",
	...["WorkingDirectory", "Environment", "EnvironmentFiles", "FragmentPath"],
	...["DropInPaths", ...Object.keys(directoryRoots), ...restricting],
];

/** Parses lines `Name=value`; continued lines, comments and sections are as in unit files. */
export function parseAssignments(text: string, section?: string): Assignment[] {
	let current = section;
	return text
		.replace(/\\\r?\n/g, " ")
		.split("\n")
		.flatMap((line): Assignment[] => {
			const trimmed = line.trim();
			const [, title] = /^\[(.*)\]$/.exec(trimmed) ?? [];
			if (title !== undefined && section !== undefined) current = title;
			const at = trimmed.indexOf("=");
			if (at <= 0 || /^[#;[]/.test(trimmed) || current !== section) return [];
			return [[trimmed.slice(0, at).trim(), trimmed.slice(at + 1).trim()]];
		});
}

/** Error numbers of Linux are smaller; systemctl shows a larger one if there is none. */
const noErrorNumber = 4096;

const onlyRestrictions = (lines: readonly Assignment[]) =>
	lines.filter(
		([name, value]) =>
			restricting.includes(name) &&
			!(name === "SystemCallErrorNumber" && Number(value) >= noErrorNumber),
	);

/** What a drop-in for the unit would restrict. Throws the system's error. */
export const dropInRestrictions = async (file: string): Promise<Assignment[]> =>
	onlyRestrictions(parseAssignments(await readFile(file, "utf8"), "Service"));

/** The program in `ExecStart` as systemctl shows it; systemd separates words by blanks there. */
const shownProgram = (text: string) =>
	(/argv\[\]=(.*?) ;/.exec(text)?.[1] ?? "")
		.split(" ")
		.filter((word) => word !== "");

async function loadedUnit(
	tools: Tools,
	name: string,
): Promise<Unit | undefined> {
	const shown = await tools.run([
		...(["systemctl", "show", name] as const),
		...["--no-pager", `--property=${asked.join(",")}`],
	]);
	if (shown?.status !== 0) return undefined;
	const lines = parseAssignments(shown.stdout);
	const value = (wanted: string) =>
		lines.find(([name]) => name === wanted)?.[1] ?? "";
	if (value("LoadState") !== "loaded") return undefined;
	const pid = Number(value("MainPID"));
	return {
		name,
		isLoaded: true,
		files: [value("FragmentPath"), ...value("DropInPaths").split(" ")].filter(
			(file) => file !== "",
		),
		state: value("ActiveState"),
		result: value("Result"),
		pid: pid > 0 ? pid : undefined,
		user: value("User"),
		group: value("Group"),
		directory: value("WorkingDirectory").replace(/^!/, "") || "/",
		program: shownProgram(value("ExecStart")),
		variables: parseVariables(
			splitAssignments(value("Environment")).join("\n"),
		),
		environmentFiles: lines
			.filter(([name]) => name === "EnvironmentFiles")
			.map(([, text]) => text.replace(/ \(ignore_errors=\w+\)$/, "")),
		madeDirectories: madeDirectories((setting) => [value(setting)]),
		restrictions: onlyRestrictions(lines),
	};
}

/** Where unit files are; earlier directories win. */
export const unitDirectories = [
	...["/etc/systemd/system", "/run/systemd/system"],
	...["/usr/local/lib/systemd/system", "/usr/lib/systemd/system"],
	"/lib/systemd/system",
];

const textOf = (file: string) => readFile(file, "utf8").catch(() => undefined);

/** The drop-ins of a unit: of those with one name, the one in the first directory counts. */
async function dropIns(directories: readonly string[]): Promise<string[]> {
	const files = new Map<string, string>();
	for (const directory of directories.toReversed())
		for (const name of await readdir(directory).catch(() => [] as string[]))
			if (name.endsWith(".conf")) files.set(name, join(directory, name));
	return [...files.keys()].sort().map((name) => files.get(name) ?? "");
}

/** The files of a unit on the disk: its own and its drop-ins; none if there is no such unit. */
async function filesOf(unit: string, root: string): Promise<string[]> {
	const directories = unitDirectories.map((directory) => root + directory);
	const file = directories
		.map((directory) => join(directory, unit))
		.find(existsSync);
	if (file === undefined) return [];
	return [
		file,
		...(await dropIns(
			directories.map((directory) => join(directory, `${unit}.d`)),
		)),
	];
}

/**
 * The lines of a section of a unit, from its files on the disk.
 * @param root directory with the files of another machine
 */
export async function unitLines(
	unit: string,
	section: string,
	root = "",
): Promise<Assignment[]> {
	const texts = await Promise.all((await filesOf(unit, root)).map(textOf));
	return texts.flatMap((text) => parseAssignments(text ?? "", section));
}

async function unitInFiles(
	name: string,
	files: readonly string[],
): Promise<Unit> {
	const texts = await Promise.all(files.map(textOf));
	const lines = texts.flatMap((text) =>
		parseAssignments(text ?? "", "Service"),
	);
	/** All values since the last empty one, which resets the setting. */
	const values = (wanted: string) => {
		const all = lines.filter(([name]) => name === wanted).map(([, to]) => to);
		return all.slice(all.lastIndexOf("") + 1);
	};
	const [program = ""] = values("ExecStart");
	return {
		...{ name, isLoaded: false, files, state: "", result: "" },
		pid: undefined,
		user: values("User").at(-1) ?? "",
		group: values("Group").at(-1) ?? "",
		directory: values("WorkingDirectory").at(-1) ?? "/",
		program: splitAssignments(program.replace(/^[-@:+!|]+/, "")),
		variables: parseVariables(
			values("Environment").flatMap(splitAssignments).join("\n"),
		),
		environmentFiles: values("EnvironmentFile").map((path) =>
			path.replace(/^-/, ""),
		),
		madeDirectories: madeDirectories(values),
		restrictions: onlyRestrictions(lines),
	};
}

/** Whether systemd runs this machine. */
export const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/**
 * The agent's unit: as systemd has loaded it, or as its files have it if systemd does not run.
 * @param name a unit, or the path of a unit file
 * @param root directory with the files of another machine, in which systemd does not run
 * @throws UsageError if `name` is the path of a file that cannot be read
 */
export async function readUnit(
	tools: Tools,
	name: string,
	root = "",
): Promise<Unit | undefined> {
	if (name.includes("/")) {
		await readFile(name).catch((error) => {
			throw new UsageError(`--unit ${name}: ${systemReason(error)}`);
		});
		return unitInFiles(basename(name), [
			...[name, ...(await dropIns([`${name}.d`]))],
		]);
	}
	const full = name.includes(".") ? name : `${name}.service`;
	if (root === "" && hasSystemd()) return loadedUnit(tools, full);
	const files = await filesOf(full, root);
	return files.length === 0 ? undefined : unitInFiles(full, files);
}

/** A restriction as it applies in the end; undefined if it is not set. */
export const restriction = (
	restrictions: readonly Assignment[],
	wanted: string,
): string | undefined =>
	restrictions.findLast(([name]) => name === wanted)?.[1];

/** Whether a switch such as NoNewPrivileges= is on. */
export const isOn = (
	restrictions: readonly Assignment[],
	name: string,
): boolean =>
	/^(?:yes|true|on|1)$/i.test(restriction(restrictions, name) ?? "");

/** The capabilities that processes may have at most. */
export interface BoundingSet {
	/** As a value of CapabilityBoundingSet=; undefined if nothing is taken away. */
	text: string | undefined;
	/** @param name of a capability: `cap_net_raw` */
	has(name: string): boolean;
}

/**
 * What all lines CapabilityBoundingSet= together leave. Lines with ~ take capabilities away, others
 * add some, an empty one takes all away.
 */
export function boundingSet(restrictions: readonly Assignment[]): BoundingSet {
	/** undefined: nothing said yet, which means all. */
	let listed: Set<string> | undefined;
	let isExcept = false;
	for (const [name, value] of restrictions) {
		if (name !== "CapabilityBoundingSet") continue;
		const isInverted = value.startsWith("~");
		const names = value
			.replace(/^~/, "")
			.toLowerCase()
			.split(/\s+/)
			.filter((word) => word !== "");
		if (names.length === 0) {
			listed = new Set();
			isExcept = isInverted;
		} else if (!listed) {
			listed = new Set(names);
			isExcept = isInverted;
		} else
			for (const one of names)
				if (isInverted === isExcept) listed.add(one);
				else listed.delete(one);
	}
	const all = [...(listed ?? [])].map((name) => name.toUpperCase()).join(" ");
	return {
		text: listed && `${isExcept ? "~" : ""}${all}`,
		has: (name) => (listed ? listed.has(name) !== isExcept : true),
	};
}
