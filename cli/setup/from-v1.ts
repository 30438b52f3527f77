import { existsSync } from "node:fs";
import { readdir, realpath, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Status } from "../../src/client/index.ts";
import {
	MetricConfigError,
	parseMetricConfig,
} from "../../src/protocol/metric-config.ts";
import {
	resolveSettings,
	SettingsError,
	variableName,
} from "../../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../../src/settings.ts";
import { sizeOf } from "../../src/store/directory.ts";
import { lockHolder } from "../../src/store/lock.ts";
import { systemReason } from "../../src/system-error.ts";
import { KeyPairError, loadKeyPair } from "../../src/tls/key-pair.ts";
import { parseVariables } from "../ctl/doctor/environment-file.ts";
import { pathSettings, usualFile, withPaths } from "../ctl/doctor/patient.ts";
import { listenersOn } from "../ctl/doctor/processes.ts";
import { daemonCommand } from "../daemon.ts";
import { pluginPaths } from "../daemon-defaults.ts";
import { counted } from "../message-text.ts";
import { normaliseArguments, UsageError } from "../program/arguments.ts";
import { optionsOf } from "../program/help.ts";
import { environmentText, withVariables } from "./environment-text.ts";
import { at, groupOf, type Machine, textAt, userOf } from "./machine.ts";
import {
	administratorsUnit,
	answerSeconds,
	figuresOf,
	ownService,
	ownUnit,
	rootFile,
	socketDropIn,
	waitForStatus,
} from "./own-agent.ts";
import type { FileChange, Plan } from "./plan.ts";
import { SetupError } from "./setup-error.ts";
import { findV1, type V1Agent } from "./v1-agent.ts";
import {
	hasDatabase,
	type Survey,
	surveyDatabase,
	surveyText,
} from "./v1-database.ts";

/** What the command line says about v1. */
export interface V1Options {
	/** Name of its unit; empty to look for it. */
	unit: string;
	/** Its environment file; empty for that of the unit. */
	environmentFile: string;
}

/** Flags of a command line, by long name. */
function flagsOf(words: readonly string[]): Record<string, string[]> {
	const flags: Record<string, string[]> = {};
	for (const word of normaliseArguments(words, optionsOf(daemonCommand))) {
		const [, name = "", value = ""] = /^--([\w-]+)=([\s\S]*)$/.exec(word) ?? [];
		if (!Object.hasOwn(daemonSettings, name))
			throw new SetupError(
				`${word.split("=", 1)}: not an option of happo-agent`,
			);
		flags[name] = [...(flags[name] ?? []), value];
	}
	return flags;
}

type Buffered = Status["metric_buffer_status"];

/** Everything about a machine with v1, before a plan is made. */
interface Found {
	agent: V1Agent;
	/** With absolute paths. */
	settings: DaemonSettings;
	/** Names of those that v1 is given. */
	given: ReadonlySet<string>;
	notes: string[];
	obstacles: string[];
}

/** The settings of v1 as this agent reads them. */
function readSettings(agent: V1Agent): Omit<Found, "agent"> {
	const notes: string[] = [];
	const obstacles: string[] = [];
	let flags: Record<string, string[]> = {};
	try {
		flags = flagsOf(agent.flags);
	} catch (error) {
		if (!(error instanceof SetupError || error instanceof UsageError))
			throw error;
		obstacles.push(`${agent.starter}: ${error.message}`);
	}
	const resolveWith = (variables: Readonly<Record<string, string>>) =>
		resolveSettings(daemonSettings, flags, variables, pluginPaths, (line) =>
			notes.push(line),
		);
	let settings: DaemonSettings;
	try {
		settings = resolveWith(agent.variables);
	} catch (error) {
		if (!(error instanceof SettingsError)) throw error;
		obstacles.push(...error.lines);
		settings = resolveSettings(daemonSettings, {}, {}, pluginPaths);
	}
	const given = Object.keys(daemonSettings).filter(
		(name) => flags[name] ?? agent.variables[variableName(name)],
	);
	return {
		...{ notes, obstacles, given: new Set(given) },
		settings: withPaths(settings, agent.directory),
	};
}

const valueText = (value: unknown): string =>
	typeof value === "boolean" ? (value ? "yes" : "no") : String(value);

/** Settings that v1 takes from its working directory if it is not told. */
const alwaysWritten = [
	...(["public-key", "private-key", "metric-config"] as const),
	...(["dbfile", "logfile"] as const),
];

/** What the environment file is to have. */
function variablesFor(
	{ agent, settings, given }: Found,
	present: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
	const values: Record<string, string | undefined> = {};
	// of the unit, and other variables of the same file
	for (const [name, value] of Object.entries(agent.variables))
		if (present[name] !== value) values[name] = value;
	const paths: readonly string[] = [...pathSettings, "logfile"];
	for (const [name, value] of Object.entries(settings)) {
		const variable = variableName(name);
		const isWritten = (alwaysWritten as readonly string[]).includes(name);
		if (!given.has(name) && !isWritten) {
			delete values[variable];
			continue;
		}
		const text = valueText(value);
		const own = present[variable];
		// an equal value may be written in another way
		const isKept =
			own !== undefined &&
			!paths.includes(name) &&
			agent.variables[variable] === own &&
			!agent.flags.some((word) => word.replace(/^-+/, "").startsWith(name));
		if (isKept || own === text) delete values[variable];
		else values[variable] = text;
	}
	// the package's policy knows none of v1's clients
	if (present.HAPPO_AGENT_POLICY && !given.has("policy"))
		values.HAPPO_AGENT_POLICY = undefined;
	return values;
}

/** The environment file with v1's settings. */
async function environmentChange(
	machine: Machine,
	found: Found,
): Promise<FileChange | undefined> {
	const text = await environmentText(machine, usualFile);
	const values = variablesFor(found, parseVariables(text));
	if (Object.keys(values).length === 0) return undefined;
	const [from = found.agent.starter] = found.agent.environmentFiles;
	return {
		path: usualFile,
		content: withVariables(text, values, `settings of v1, from ${from}`),
		shown: "environment",
		owner: { ...rootFile, mode: 0o640 },
	};
}

/** Unit files of v1 that systemd would take instead of ours, and its drop-ins. */
async function removals(
	machine: Machine,
	agent: V1Agent,
): Promise<FileChange[]> {
	if (agent.unit?.name !== ownService) return [];
	const directory = `${administratorsUnit}.d`;
	const names = await readdir(at(machine, directory)).catch(
		() => [] as string[],
	);
	return [
		administratorsUnit,
		...names
			.filter((name) => name.endsWith(".conf"))
			.map((name) => join(directory, name)),
	]
		.filter((path) => existsSync(at(machine, path)))
		.map((path) => ({
			...{ path, content: undefined, shown: "text", owner: rootFile },
			isLinkItself: true,
		}));
}

const ownPath = (machine: Machine, path: string) =>
	path.startsWith(machine.root) ? path.slice(machine.root.length) : path;

/** The files that make systemd start this agent in place of v1. */
async function unitChanges(
	machine: Machine,
	agent: V1Agent,
): Promise<FileChange[]> {
	const [fragment] = agent.unit?.files ?? [];
	const isSameName = agent.unit?.name === ownService;
	const user = await userOf(machine, agent.user);
	const group = await groupOf(machine, agent.group || String(user?.gid ?? 0));
	const ours = await ownUnit(
		machine,
		isSameName && fragment ? ownPath(machine, fragment) : undefined,
		{
			from: "v1",
			user: user?.name ?? agent.user,
			group: group?.name ?? "root",
			...{ groups: [], directory: agent.directory },
		},
	);
	const removed = (await removals(machine, agent)).filter(
		({ path }) => !ours.some((change) => change.path === path),
	);
	return [...removed, ...ours];
}

async function examineKeyPair(
	machine: Machine,
	{ settings, obstacles }: Found,
) {
	try {
		const pair = await loadKeyPair({
			certificateFile: at(machine, settings["public-key"]),
			privateKeyFile: at(machine, settings["private-key"]),
			passphrase: settings["private-key-passphrase"] || undefined,
			passphraseFile: settings["private-key-passphrase-file"] || undefined,
		});
		return pair.fingerprint256;
	} catch (error) {
		if (!(error instanceof KeyPairError)) throw error;
		obstacles.push(error.message);
		return undefined;
	}
}

async function examineMetricConfig(
	machine: Machine,
	{ settings, notes, obstacles }: Found,
): Promise<string> {
	const file = settings["metric-config"];
	const text = await textAt(machine, file);
	if (text === undefined) {
		notes.push(`${file}: no such file, so no metrics are collected`);
		return `${file}, not there`;
	}
	try {
		const { metrics } = parseMetricConfig(text, file, (line) =>
			notes.push(line),
		);
		const plugins = metrics.flatMap(({ plugins }) => plugins).length;
		return `${file}, ${counted(plugins, "metric plugin")}`;
	} catch (error) {
		if (!(error instanceof MetricConfigError)) throw error;
		obstacles.push(error.message);
		return file;
	}
}

/** Free bytes of the file system of a path, which need not exist. */
async function freeBytes(path: string): Promise<number> {
	for (let directory = path; ; directory = dirname(directory))
		try {
			const { bavail, bsize } = await statfs(directory);
			return bavail * bsize;
		} catch (error) {
			if (directory === "/") throw error;
		}
}

/** Where a copy may be for a moment. */
const scratch = () => (existsSync("/var/tmp") ? "/var/tmp" : tmpdir());

async function examineDatabase(
	machine: Machine,
	{ settings, agent, notes, obstacles }: Found,
): Promise<string> {
	const { dbfile } = settings;
	const path = at(machine, dbfile);
	if (!hasDatabase(path)) {
		notes.push(`${dbfile}: there is no database yet`);
		return `${dbfile}, not there`;
	}
	const [own, above] = await Promise.all([stat(path), stat(join(path, ".."))]);
	if (own.dev !== above.dev)
		obstacles.push(
			`${dbfile}: a mount point, and going back could not move the store aside`,
		);
	const holder = await lockHolder(path);
	if (holder && agent.pid !== undefined && holder.pid !== agent.pid)
		obstacles.push(
			`${dbfile}: in use by process ${holder.pid} (${holder.program}), and not by v1`,
		);
	if (holder && !machine.services.works)
		obstacles.push(
			`${dbfile}: in use by process ${holder.pid} (${holder.program}): stop it by hand first`,
		);
	const bytes = (await sizeOf(path).catch(() => 0)) || 0;
	// the copy, a copy to try, and as much again to go back
	for (const directory of [at(machine, "/var/lib"), scratch()])
		if ((await freeBytes(directory)) < 3 * bytes)
			obstacles.push(
				`${directory}: not enough room for copies of the database, which has ${bytes} bytes`,
			);
	try {
		const survey = await surveyDatabase(path, scratch());
		if (survey.problems.length > 0)
			notes.push(
				`${dbfile}: could not be read completely while v1 writes to it (${survey.problems[0]}); it is read again when v1 has stopped`,
			);
		return `${dbfile}, ${surveyText(survey)}`;
	} catch (error) {
		obstacles.push(`${dbfile}: ${systemReason(error)}`);
		return dbfile;
	}
}

/** The directory itself, which going back renames, if the path of the setting is a link. */
const realDatabase = (machine: Machine, path: string) =>
	realpath(at(machine, path)).then(
		(found) => ownPath(machine, found),
		() => path,
	);

async function examinePort(
	machine: Machine,
	{ settings, agent, obstacles }: Found,
): Promise<void> {
	if (machine.root !== "") return;
	const { port, "listen-address": address } = settings;
	for (const { processes } of await listenersOn(port, address)) {
		const [other] = processes;
		if (!other || other.pid === agent.pid || other.pid === 1) continue;
		obstacles.push(
			`port ${port}: process ${other.pid} (${other.program}) listens there, and not v1`,
		);
	}
}

/** What v1 does that this agent does not, or that is worth a change. */
async function examineHabits(
	machine: Machine,
	{ agent, settings, notes }: Found,
): Promise<void> {
	if (settings.policy === "")
		notes.push(
			"there is no policy: as with v1, whoever may connect may do everything (contrib/doc/policy.md)",
		);
	if (agent.user === "root" || agent.user === "0")
		notes.push(
			`the agent and its plugins run as root, as with v1; it does not need that (User= in ${administratorsUnit}.d)`,
		);
	const files = await stat(
		at(machine, resolve(agent.directory, "public")),
	).catch(() => undefined);
	if (files?.isDirectory())
		notes.push(
			`${resolve(agent.directory, "public")}: v1 shows these files to everybody, this agent does not`,
		);
}

/** Operations that take metrics out of the store, as /metrics counts them. */
const taking = /operation="(?:drainMetrics|leaseMetrics|acknowledgeMetrics)"/;

/** Compares the metrics in the store with those that v1 had, as far as they are not too old. */
async function compareMetrics(
	{ settings }: Found,
	survey: Survey,
	{ oldest_timestamp: oldest, newest_timestamp: newest }: Buffered,
): Promise<void> {
	const lifetime = settings["metrics-max-lifetime-seconds"];
	const kept = Date.now() / 1000 - lifetime;
	if (survey.newest <= kept + answerSeconds) return;
	const isOldestThere =
		oldest === survey.oldest || survey.oldest <= kept + answerSeconds;
	if (isOldestThere && newest >= survey.newest) return;
	// a consumer may have come in the meantime
	if (taking.test(await figuresOf(settings))) return;
	throw new SetupError(
		`${settings.dbfile}: the new agent has metrics from ${time(oldest)} to ${time(newest)}, but v1 had them from ${time(survey.oldest)} to ${time(survey.newest)}`,
	);
}

/** Verifies that the agent works with v1's store. */
async function verify(
	machine: Machine,
	found: Found,
	signal: AbortSignal,
	survey: Survey | undefined,
): Promise<string[]> {
	const { settings } = found;
	const status = await waitForStatus(settings, { over: "port", signal });
	const { store, metric_buffer_status: buffer } = status;
	if (store && !store.available)
		throw new SetupError(
			`${settings.dbfile}: the new agent cannot use it: ${store.reason}`,
		);
	if (store && (store.damages > 0 || store.lost_entries > 0))
		throw new SetupError(
			`${settings.dbfile}: the new agent found damage in it: ${store.last_damage?.reason ?? "entries are missing"}`,
		);
	const holder = await lockHolder(at(machine, settings.dbfile));
	if (status.pid !== undefined && holder && holder.pid !== status.pid)
		throw new SetupError(
			`${settings.dbfile}: process ${holder.pid} (${holder.program}) has it open, and not the new agent`,
		);
	if (survey && survey.samples > 0) await compareMetrics(found, survey, buffer);
	return [
		`port ${settings.port} is answered by happo-agent ${status.app_version}`,
		buffer.newest_timestamp === 0
			? "the store has no metrics"
			: `the store has metrics from ${time(buffer.oldest_timestamp)} to ${time(buffer.newest_timestamp)}`,
	];
}

const time = (seconds: number) =>
	new Date(seconds * 1000).toISOString().replace(/\.\d+/, "");

/** v1 as an environment file alone describes it, when nothing starts it any more. */
async function describedByFile(
	machine: Machine,
	file: string,
): Promise<V1Agent> {
	const text = await textAt(machine, file);
	if (text === undefined) throw new SetupError(`${file}: cannot be read`);
	return {
		...{ starter: "nothing", unit: undefined, pid: undefined },
		...{ version: "1.x", program: "", flags: [] },
		variables: parseVariables(text),
		environmentFiles: [file],
		...{ directory: "/", user: "root", group: "" },
	};
}

/** Where install instructions and packages of v1 put the environment file. */
const v1Files = [usualFile, "/etc/default/happo-agent-env"];

/**
 * Makes the plan for a machine with v1. Changes nothing, except for a temporary copy of the
 * database.
 * @throws SetupError if there is no v1
 */
export async function planFromV1(
	machine: Machine,
	options: V1Options,
): Promise<Plan> {
	const { environmentFile } = options;
	let agent = await findV1(machine, options.unit);
	if (agent && environmentFile !== "")
		agent = {
			...agent,
			environmentFiles: [environmentFile],
			variables: {
				...agent.unit?.variables,
				...(await describedByFile(machine, environmentFile)).variables,
			},
		};
	if (!agent && environmentFile !== "")
		agent = await describedByFile(machine, environmentFile);
	if (!agent)
		throw new SetupError(
			`no happo-agent 1.x found: no unit, upstart job or process starts one${v1Files.some((file) => existsSync(at(machine, file))) ? `; if an environment file of it is left, name it with --environment-file` : ""}`,
		);
	const found: Found = { agent, ...readSettings(agent) };
	const { settings, notes, obstacles } = found;
	const isStopped = agent.pid === undefined;
	if (!isStopped && (!agent.unit || !machine.services.works))
		obstacles.push(
			`process ${agent.pid} is happo-agent ${agent.version}, and setup cannot stop it: stop it by hand, and see to it that nothing starts it again${agent.unit ? "" : `; then name its environment file with --environment-file`}`,
		);
	const user = await userOf(machine, agent.user);
	if (!user) obstacles.push(`${agent.user}: no such user, but v1 runs as it`);
	const fingerprint = await examineKeyPair(machine, found);
	const metricConfig = await examineMetricConfig(machine, found);
	const database = await examineDatabase(machine, found);
	await examinePort(machine, found);
	await examineHabits(machine, found);
	const environment = await environmentChange(machine, found);
	const socket = await socketDropIn(machine, settings);
	return {
		from: "v1",
		found: [
			[
				"agent",
				`happo-agent ${agent.version}${agent.program && `, ${agent.program}`}`,
			],
			[
				"started by",
				`${agent.starter}${isStopped ? ", does not run" : `, process ${agent.pid}`}`,
			],
			["settings", agent.environmentFiles.join(", ") || "command line"],
			["user", agent.user],
			["port", String(settings.port)],
			[
				"certificate",
				`${settings["public-key"]}${fingerprint ? `, SHA-256 ${fingerprint}` : ""}`,
			],
			["database", database],
			["metrics", metricConfig],
		],
		...{ notes, obstacles, losses: [] },
		files: [
			...(environment ? [environment] : []),
			...(await unitChanges(machine, agent)),
			...(socket ? [socket] : []),
		],
		owners: [],
		stops: agent.unit ? [agent.unit.name] : [],
		start: ownService,
		byHand: {
			before: isStopped
				? []
				: [`stop v1 (${agent.starter}), and see that nothing starts it again`],
			after: [
				`start happo-agent: ${machine.program.join(" ")} daemon, with the variables of ${usualFile}`,
			],
		},
		database: await realDatabase(machine, settings.dbfile),
		remember: async () => {},
		verify: (signal, survey) => verify(machine, found, signal, survey),
	};
}
