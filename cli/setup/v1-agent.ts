import { existsSync } from "node:fs";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import {
	parseVariables,
	splitAssignments,
} from "../ctl/doctor/environment-file.ts";
import {
	directoryOf,
	environmentOf,
	isDaemon,
	processIds,
	userIdOf,
} from "../ctl/doctor/processes.ts";
import { asUser, type Words } from "../ctl/doctor/tools.ts";
import { readUnit, type Unit, unitDirectories } from "../ctl/doctor/unit.ts";
import { counted } from "../message-text.ts";
import { at, type Machine, textAt, userOf } from "./machine.ts";
import { SetupError } from "./setup-error.ts";
import { expanded, startOf, variablesIn } from "./unit-start.ts";

/** A happo-agent 1.x of this machine, and how it is started. */
export interface V1Agent {
	/** What starts it, for people. */
	starter: string;
	/** Its systemd unit. */
	unit: Unit | undefined;
	/** Its process, if it runs. */
	pid: number | undefined;
	/** `1.1.0` */
	version: string;
	/** The program, as a path of the machine. */
	program: string;
	/** The words before and after `daemon`, which are its flags. */
	flags: readonly string[];
	/** The variables that it is started with. */
	variables: Readonly<Record<string, string>>;
	/** Files with variables, the last wins. */
	environmentFiles: readonly string[];
	directory: string;
	user: string;
	/** Empty for the group of the user. */
	group: string;
}

const searchPath =
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const programName = "happo-agent";

/** How something starts an agent, before anybody knows of which version. */
interface Start {
	starter: string;
	unit?: Unit;
	pid?: number;
	words: readonly string[];
	variables: Readonly<Record<string, string>>;
	environmentFiles: readonly string[];
	directory: string;
	user: string;
	/** Empty for the group of the user. */
	group: string;
}

/** Names of unit files that seem to start an agent. */
async function unitNames(machine: Machine): Promise<string[]> {
	const names = new Set<string>();
	for (const directory of unitDirectories) {
		const path = at(machine, directory);
		for (const name of await readdir(path).catch(() => [] as string[])) {
			if (!name.endsWith(".service") || names.has(name)) continue;
			const text = await readFile(join(path, name), "utf8").catch(() => "");
			if (/^ExecStart=.*happo-agent(?:.*\s)?daemon\b/m.test(text))
				names.add(name);
		}
	}
	return [...names];
}

async function unitStart(
	machine: Machine,
	name: string,
): Promise<Start | undefined> {
	const unit = await readUnit(machine.tools, name, machine.root);
	if (!unit) return undefined;
	return {
		...{ starter: unit.name, unit },
		...(await startOf(machine, unit)),
		environmentFiles: unit.environmentFiles,
		directory: unit.directory || "/",
		user: unit.user || "root",
		group: unit.group,
		...(unit.pid !== undefined && { pid: unit.pid }),
	};
}

const jobFile = "/etc/init/happo-agent.conf";

/** The upstart job, as far as it is like v1's. */
async function jobStart(machine: Machine): Promise<Start | undefined> {
	const text = await textAt(machine, jobFile);
	if (text === undefined) return undefined;
	const value = (stanza: string) =>
		new RegExp(`^\\s*${stanza}\\s+(\\S+)`, "m").exec(text)?.[1];
	const [, line = ""] =
		/^\s*(?:exec\s+)?(\S*happo-agent\b.*\bdaemon\b.*)$/m.exec(
			text.replace(/\\\n/g, " "),
		) ?? [];
	const files = [...text.matchAll(/^\s*(?:\.|source)\s+(\S+)/gm)].map(
		([, file = ""]) => file,
	);
	const own = [...text.matchAll(/^\s*env\s+(\w+=.*)$/gm)]
		.map(([, assigned = ""]) => assigned)
		.join("\n");
	const variables = {
		...parseVariables(own),
		...(await variablesIn(machine, files)),
	};
	return {
		...{ starter: `the upstart job ${jobFile}`, variables },
		words: expanded(splitAssignments(line), variables),
		environmentFiles: files,
		directory: value("chdir") ?? "/",
		user: value("setuid") ?? "root",
		group: value("setgid") ?? "",
	};
}

/**
 * The program that a process runs, by the kernel's word: a process can write anything into its
 * command line, also while it is a set-user-ID program. undefined if it has ended, or if the file
 * belongs to neither root nor the process's user, as whom setup would run it.
 */
async function programOf(
	pid: number,
	uid: number,
): Promise<string | undefined> {
	try {
		const link = `/proc/${pid}/exe`;
		const path = await readlink(link);
		const { uid: owner } = await stat(link);
		return owner === 0 || owner === uid ? path : undefined;
	} catch {
		return undefined;
	}
}

/** Agents that run, whoever has started them. */
async function processStarts(machine: Machine): Promise<Start[]> {
	if (machine.root !== "") return [];
	const starts: Start[] = [];
	for (const pid of await processIds()) {
		if (!(await isDaemon(pid))) continue;
		const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
		const uid = await userIdOf(pid);
		if (uid === undefined) continue;
		const program = await programOf(pid, uid);
		// v1 needs no interpreter, whose script could be any file
		const isAgent = program !== undefined && basename(program) === programName;
		const [, ...rest] = text.split("\0").filter((word) => word !== "");
		starts.push({
			...{ starter: `process ${pid}`, pid },
			words: isAgent ? [program, ...rest] : [],
			variables: (await environmentOf(pid)) ?? {},
			environmentFiles: [],
			directory: (await directoryOf(pid)) ?? "/",
			user: String(uid),
			group: "",
		});
	}
	return starts;
}

/** The path of a program that is found as the service manager finds it. */
function findProgram(machine: Machine, name: string, path: string): string {
	if (name.includes("/")) return name;
	const found = path
		.split(":")
		.map((directory) => join(directory, name))
		.find((file) => existsSync(at(machine, file)));
	return found ?? name;
}

/** The program of a start with its words, and its version; undefined if there is no agent in it. */
async function versionOf(
	machine: Machine,
	start: Start,
): Promise<{ words: string[]; version: string; flags: string[] } | undefined> {
	const words = start.words.filter(
		(word, index) => !(index === 0 && word.endsWith("/env")),
	);
	const isAgent = (word: string) => /(?:^|\/)happo-agent(?:\.js)?$/.test(word);
	const program = words.findIndex(isAgent);
	const daemon = words.indexOf("daemon", program + 1);
	const [first = ""] = words;
	if (program < 0 || daemon < 0) return undefined;
	const path = start.variables.PATH ?? searchPath;
	const front = words.slice(0, program + 1);
	front[0] = findProgram(machine, first, path);
	const user = await userOf(machine, start.user);
	const prefix = (user && machine.root === "" && asUser(user)) || [];
	const said = await machine.tools.run(
		[
			...prefix,
			...front.map((word) => (word.startsWith("/") ? at(machine, word) : word)),
			"--version",
		] as unknown as Words,
		{ environment: { PATH: path }, seconds: 30 },
	);
	const [, version] =
		/^happo-agent version (\S+)/m.exec(said?.stdout ?? "") ?? [];
	if (version === undefined) return undefined;
	const flags = [
		...words.slice(program + 1, daemon),
		...words.slice(daemon + 1),
	];
	return { words: front, version, flags };
}

/**
 * Finds the happo-agent 1.x of a machine by systemd's units, upstart's job and the processes.
 * @param unit name of a unit; empty to look for one
 * @returns undefined if there is none
 * @throws SetupError if there are several
 */
export async function findV1(
	machine: Machine,
	unit: string,
): Promise<V1Agent | undefined> {
	const names = unit === "" ? await unitNames(machine) : [unit];
	const starts: Start[] = [];
	for (const name of names) {
		const start = await unitStart(machine, name);
		if (start) starts.push(start);
	}
	if (unit !== "" && starts.length === 0)
		throw new SetupError(`${unit}: no such unit`);
	const job = await jobStart(machine);
	if (job && unit === "") starts.push(job);
	const running = await processStarts(machine);
	const agents: V1Agent[] = [];
	for (const start of [...starts, ...(unit === "" ? running : [])]) {
		if (agents.some(({ pid }) => pid !== undefined && pid === start.pid))
			continue;
		const own = running.find(({ pid }) => pid === start.pid);
		// a shell in front of it hides the words in the unit
		const found =
			(await versionOf(machine, start)) ??
			(own && (await versionOf(machine, own)));
		if (!found || !/^[01]\./.test(found.version)) continue;
		agents.push({
			...{ starter: start.starter, unit: start.unit, pid: start.pid },
			version: found.version,
			program: found.words.at(-1) ?? "",
			flags: found.flags,
			variables: { ...happoVariables(own?.variables), ...start.variables },
			environmentFiles: start.environmentFiles,
			directory: own?.directory ?? start.directory,
			...{ user: start.user, group: start.group },
		});
	}
	const withUnit = agents.filter(({ unit }) => unit);
	// of a job and a unit, systemd starts the unit
	const candidates = withUnit.length > 0 ? withUnit : agents;
	const [first, ...others] = candidates;
	if (others.length > 0)
		throw new SetupError(
			`${counted(candidates.length, "happo-agent 1.x")} on this machine: ${candidates.map(({ starter }) => starter).join(", ")}; name one with --unit`,
		);
	return first;
}

const happoVariables = (variables: Readonly<Record<string, string>> = {}) =>
	Object.fromEntries(
		Object.entries(variables).filter(([name]) => name.startsWith("HAPPO_")),
	);
