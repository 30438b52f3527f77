import { constants } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import {
	AgentRefused,
	createAgentClient,
	type Status,
} from "../../../src/client/index.ts";
import {
	resolveSettings,
	SettingsError,
	variableName,
} from "../../../src/setting-table.ts";
import { type DaemonSettings, daemonSettings } from "../../../src/settings.ts";
import { lockHolder } from "../../../src/store/lock.ts";
import { systemReason } from "../../../src/system-error.ts";
import { clientSettings } from "../../client-settings.ts";
import { pluginPaths, quickStartDefaults } from "../../daemon-defaults.ts";
import { UsageError } from "../../program/arguments.ts";
import { didYouMean } from "../../program/suggestion.ts";
import { parseVariables } from "./environment-file.ts";
import { type Finding, finding } from "./finding.ts";
import {
	directoryOf,
	environmentOf,
	isDaemon,
	listenersOn,
	userIdOf,
} from "./processes.ts";
import { findUser, groupsOf, type SystemUser, type Tools } from "./tools.ts";
import type { Unit } from "./unit.ts";

/** An agent of this host, as far as it is known before anything is examined. */
export interface Patient {
	/** Paths in them are absolute. */
	settings: DaemonSettings;
	/** Where they come from, in words. */
	source: string;
	/** The environment file, if there is one. */
	environmentFile: string | undefined;
	/** Its working directory. */
	directory: string;
	/** Its process, if it runs and this user can see it. */
	pid: number | undefined;
	/** Its answer, with the times around it in seconds since 1970. */
	status: Status | undefined;
	asked: { before: number; after: number };
	/** The user that it runs as, or would run as. */
	user: SystemUser;
	groups: ReadonlySet<number>;
	/** What its service manager gives it, without the variables of its settings. */
	environment: Record<string, string>;
	unit: Unit | undefined;
}

/** What the command line says about the agent. */
export interface PatientOptions {
	/** Empty for the one of the unit, or the usual place. */
	environmentFile: string;
	/** Empty for what the settings say. */
	adminSocket: string;
	/** Empty for the user of the process or of the unit. */
	user: string;
	timeoutMilliseconds: number;
}

/** The environment file of an installed agent. */
export const usualFile = "/etc/default/happo-agent.env";

/** The variables of service managers for programs without any. */
const servicePath =
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Settings that are paths; an empty one means none. */
export const pathSettings = [
	...(["public-key", "private-key", "metric-config", "dbfile"] as const),
	...(["proxy-ca-file", "proxy-certificate", "proxy-private-key"] as const),
	...(["private-key-passphrase-file", "own-key-pair", "audit-log"] as const),
	...(["client-ca-file", "client-crl-file", "policy"] as const),
] as const;

/** Settings that are paths unless they have another meaning. */
const mostlyPaths = { logfile: "-", "admin-socket": "none" } as const;

/** Settings with absolute paths. */
export function withPaths(settings: DaemonSettings, directory: string) {
	const fixed = { ...settings };
	for (const name of pathSettings)
		if (fixed[name] !== "") fixed[name] = resolve(directory, fixed[name]);
	for (const name of ["logfile", "admin-socket"] as const)
		if (fixed[name] !== mostlyPaths[name])
			fixed[name] = resolve(directory, fixed[name]);
	return fixed;
}

type Variables = Readonly<Record<string, string>>;

/** Reads the environment file of the agent; undefined if there is none. */
async function readVariables(
	given: string,
	unit: Unit | undefined,
): Promise<{ file: string; variables: Variables } | Finding | undefined> {
	const [ofUnit] = unit?.environmentFiles ?? [];
	const file = given || ofUnit || usualFile;
	try {
		return { file, variables: parseVariables(await readFile(file, "utf8")) };
	} catch (error) {
		if (given !== "")
			throw new UsageError(
				`--environment-file ${file}: ${systemReason(error)}`,
			);
		if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
		return finding("unknown", "settings", file, [
			`The file cannot be read: ${systemReason(error)}.`,
			"It has the settings of the agent, so the defaults were examined instead.",
			"Run doctor as root.",
		]);
	}
}

const knownVariables = [
	...Object.keys(daemonSettings),
	// the other commands of happo-agent read the same file
	...Object.keys(clientSettings),
	...["endpoint", "bastion-endpoint", "api-key", "key-file", "hostname"],
	...["group-name", "ip", "datafile", "dry-run"],
].map(variableName);

/** Warns of variables that look like settings and are none. */
const strayVariables = (file: string, variables: Variables): Finding[] =>
	Object.keys(variables)
		.filter((name) => /^HAPPO_AGENT_/i.test(name))
		.filter((name) => !knownVariables.includes(name))
		.map((name) =>
			finding("problem", "settings", `${file}: ${name}`, [
				`There is no such setting${didYouMean(name, knownVariables)}.`,
				"The agent ignores the line, and uses the default of what was meant.",
				"Correct the name, or remove the line.",
			]),
		);

/** Resolves settings; an invalid one is reported and gets its default. */
function resolved(
	file: string,
	variables: Variables,
): { settings: DaemonSettings; findings: Finding[] } {
	const findings: Finding[] = [];
	const directory = variables.HAPPO_AGENT_QUICK_START ?? "";
	const defaults = {
		...pluginPaths,
		...(directory !== "" && quickStartDefaults(directory)),
	};
	const usable = { ...variables };
	for (;;)
		try {
			const settings = resolveSettings(
				daemonSettings,
				{},
				usable,
				defaults,
				(line) =>
					findings.push(
						finding("note", "settings", file, [
							`${line}.`,
							"The agent does not use the value that stands there.",
							"Correct the value.",
						]),
					),
			);
			return { settings, findings };
		} catch (error) {
			if (!(error instanceof SettingsError)) throw error;
			for (const line of error.lines) {
				const [name = ""] = line.split(":", 1);
				delete usable[name];
				findings.push(
					finding("problem", "settings", `${file}: ${name}`, [
						`The value is invalid:${line.slice(name.length + 1)}.`,
						"The agent does not start with it.",
						"Correct the value, or remove the line to get the default.",
					]),
				);
			}
			// warnings come again
			findings.splice(
				0,
				findings.length,
				...findings.filter(({ level }) => level !== "note"),
			);
		}
}

/** An answer of the agent, or why there is none. */
type Asked =
	| { status: Status; before: number; after: number }
	| { refused: string }
	| { unreachable: string };

/** Why an agent did not tell its status. */
function silence(answer: Asked | undefined): string {
	if (answer && "refused" in answer) return answer.refused;
	if (answer && "unreachable" in answer) return answer.unreachable;
	return "it has neither an admin socket nor a known port";
}

async function ask(
	where: { adminSocket: string } | { agent: string },
	timeoutMilliseconds: number,
): Promise<Asked> {
	const client = createAgentClient({
		agent: "localhost",
		// an agent of this host; what is asked is no secret, and the answer is compared with /proc
		trust: "unverified",
		checkAnswers: true,
		retries: 0,
		timeoutMilliseconds,
		...where,
	});
	const before = Date.now() / 1000;
	try {
		const { data, response } = await client.GET("/status");
		if (data) return { status: data, before, after: Date.now() / 1000 };
		return { refused: `status ${response.status}` };
	} catch (error) {
		const { message } = error as Error;
		return error instanceof AgentRefused
			? { refused: message }
			: { unreachable: message };
	} finally {
		client.close();
	}
}

/** Names of settings that differ between a file and the running agent. */
function differences(
	file: DaemonSettings,
	shown: Readonly<Record<string, string>>,
): string[] {
	const text = (value: unknown) =>
		typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
	return Object.entries(file)
		.filter(([name]) => shown[name] !== undefined && shown[name] !== "(hidden)")
		.filter(([name, value]) => text(value) !== shown[name])
		.map(([name]) => name);
}

const exists = (path: string) =>
	stat(path).then(
		() => true,
		() => false,
	);

/** Whether this user may not use a socket, or not even see whether there is one. */
const isForbidden = (path: string) =>
	access(path, constants.W_OK).then(
		() => false,
		({ code }: NodeJS.ErrnoException) => code === "EACCES",
	);

/** The process that listens on the agent's port, if that is an agent. */
async function daemonOnPort(settings: DaemonSettings) {
	const { port, "listen-address": address } = settings;
	if (port === 0) return undefined;
	for (const { processes } of await listenersOn(port, address))
		for (const { pid } of processes) if (await isDaemon(pid)) return pid;
	return undefined;
}

/**
 * Finds the process of the agent and asks for its status: over the admin socket, otherwise over the
 * port.
 * @param adminSocket undefined if it has none
 * @param directory its working directory, as far as that is known
 */
async function askAgent(
	settings: DaemonSettings,
	adminSocket: string | undefined,
	unit: Unit | undefined,
	directory: string,
	timeoutMilliseconds: number,
): Promise<{ pid: number | undefined; answer: Asked | undefined }> {
	let first: Asked | undefined;
	if (adminSocket !== undefined && (await exists(adminSocket))) {
		first = await ask({ adminSocket }, timeoutMilliseconds);
		// a process can say anything of itself, and plugins are tried as the user of this one
		if ("status" in first)
			return { pid: unit?.pid ?? first.status.pid, answer: first };
	}
	const { port, "listen-address": address } = settings;
	const pid = unit?.pid ?? (await daemonOnPort(settings));
	if (pid === undefined || port === 0) return { pid, answer: first };
	const agent = `${localAddress(address)}:${port}`;
	const answer = await ask({ agent }, timeoutMilliseconds);
	// another agent may have this one's port, or any user's program, while the agent is stopped
	const isOurs =
		pid === unit?.pid ||
		(await lockHolder(resolve(directory, settings.dbfile)))?.pid === pid ||
		// root sees who holds the lock, and must not run what a stranger's answer names
		(process.geteuid?.() !== 0 &&
			"status" in answer &&
			answer.status.settings?.dbfile === settings.dbfile);
	if (!isOurs) return { pid: undefined, answer: undefined };
	return { pid, answer: "status" in answer ? answer : (first ?? answer) };
}

/**
 * Finds the agent of this host: its settings, whether it runs, and as whom.
 * @throws UsageError for options that cannot be used
 */
export async function findPatient(
	tools: Tools,
	unit: Unit | undefined,
	options: PatientOptions,
): Promise<{ patient: Patient; findings: Finding[] }> {
	const findings: Finding[] = [];
	const read = await readVariables(options.environmentFile, unit);
	if (read && "level" in read) findings.push(read);
	const file = read && "file" in read ? read.file : undefined;
	const fileVariables = read && "file" in read ? read.variables : {};
	const variables = { ...unit?.variables, ...fileVariables };
	if (file !== undefined) findings.push(...strayVariables(file, fileVariables));
	const fromFile = resolved(file ?? "environment", variables);
	findings.push(...fromFile.findings);
	const before = fromFile.settings;

	const guess = unit?.directory ?? process.cwd();
	const socket = options.adminSocket || before["admin-socket"];
	const adminSocket = socket === "none" ? undefined : resolve(guess, socket);
	const { pid, answer } = await askAgent(
		before,
		adminSocket,
		unit,
		guess,
		options.timeoutMilliseconds,
	);
	const told = answer && "status" in answer ? answer : undefined;
	if (pid === undefined && adminSocket && (await isForbidden(adminSocket)))
		findings.push(
			finding("unknown", "agent", adminSocket, [
				"This user may not use the admin socket of the agent.",
				"Whether the agent runs, and with which settings, can be seen only in part.",
				"Run doctor as root.",
			]),
		);

	let settings = before;
	let source = file ?? "their defaults, as there is no environment file";
	if (told?.status.settings) {
		const shown = told.status.settings;
		const running = Object.fromEntries(
			Object.entries(shown)
				.filter(([, text]) => text !== "(hidden)")
				.map(([name, text]) => [variableName(name), text]),
		);
		settings = {
			...resolved("the running agent", running).settings,
			"private-key-passphrase": before["private-key-passphrase"],
		};
		source = "the running agent";
		const different = differences(before, shown);
		if (file !== undefined && different.length > 0)
			findings.push(
				finding("note", "settings", file, [
					`The running agent has other values of ${different.join(", ")}.`,
					"The agent reads the file only when it starts, and options of its command line win over the file. What follows is about the running agent.",
					"If you have changed the file, restart the agent: systemctl restart happo-agent.",
				]),
			);
	}
	if (pid !== undefined && !told)
		findings.push(
			finding("unknown", "agent", `process ${pid}`, [
				`The agent runs, but did not tell its status: ${silence(answer)}.`,
				"Its settings may differ from those that were examined, and nobody can say how it is.",
				"Run doctor as root on the host of the agent, and name its socket with --admin-socket. If the agent does not answer at all, look into its log.",
			]),
		);

	const environment =
		(pid === undefined ? undefined : await environmentOf(pid)) ?? variables;
	const directory =
		(pid === undefined ? undefined : await directoryOf(pid)) ?? guess;
	const { user, complaint } = await userOf(tools, options.user, pid, unit);
	if (complaint) findings.push(complaint);
	return {
		patient: {
			...{ source, directory, pid, unit, user },
			settings: withPaths(settings, directory),
			environmentFile: file,
			status: told?.status,
			asked: told ?? { before: 0, after: 0 },
			groups: await groupsOf(tools, user),
			environment: {
				...{ PATH: servicePath, HOME: user.home },
				...{ LOGNAME: user.name, USER: user.name },
				...environment,
			},
		},
		findings,
	};
}

/** An address to connect to, for one to listen on. */
export function localAddress(listen: string): string {
	if (listen === "" || listen === "0.0.0.0") return "127.0.0.1";
	if (listen === "::") return "[::1]";
	return listen.includes(":") ? `[${listen}]` : listen;
}

async function userOf(
	tools: Tools,
	given: string,
	pid: number | undefined,
	unit: Unit | undefined,
): Promise<{ user: SystemUser; complaint?: Finding }> {
	if (given !== "") {
		const user = await findUser(tools, given);
		if (!user) throw new UsageError(`--user ${given}: no such user`);
		return { user };
	}
	const uid = pid === undefined ? undefined : await userIdOf(pid);
	const own = String(process.geteuid?.() ?? 0);
	const wanted = uid !== undefined ? String(uid) : unit && (unit.user || "0");
	const user = await findUser(tools, wanted ?? own);
	if (user) return { user };
	const fallback = (await findUser(tools, own)) as SystemUser;
	return {
		user: fallback,
		complaint: finding("problem", "agent", unit?.name ?? "user", [
			`The user ${wanted} of the unit does not exist.`,
			`The agent cannot start (status 217/USER of systemd). Its files were examined for the user ${fallback.name} instead.`,
			`Create the user: useradd --system --home-dir /var/lib/happo-agent --shell /usr/sbin/nologin ${wanted}.`,
		]),
	};
}
