import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { createPlugins, type Plugins } from "../../../src/commands/plugin.ts";
import {
	type Command,
	type Policy,
	PolicyError,
	parsePolicy,
} from "../../../src/policy/policy.ts";
import { fitValues, isFit } from "../../../src/policy/template.ts";
import {
	MetricConfigError,
	parseMetricConfig,
} from "../../../src/protocol/metric-config.ts";
import {
	calledPlugin,
	checkPluginName,
} from "../../../src/protocol/plugin-name.ts";
import { atProgram } from "../../../src/spawn/program-paths.ts";
import { systemReason } from "../../../src/system-error.ts";
import { tryAccess } from "./files.ts";
import { type Finding, finding } from "./finding.ts";
import type { Patient } from "./patient.ts";
import type { Tools } from "./tools.ts";

/** A command of the policy that can be run: its file and the words after it. */
export interface Runnable {
	command: Command;
	file: string;
	args: readonly string[];
}

/** Where plugins are looked for, in the agent's order. */
const pluginsIn = (directories: readonly string[]) =>
	createPlugins({ directories, allowShell: false });

/** How a plugin that cannot run is named, by what is missing. */
const missingWords: Readonly<Record<string, string>> = {
	"not found": "does not exist in any of the plugin directories",
	"not executable": "is not executable",
	empty: "is an empty file",
};

/** Finds a plugin, or a file by its absolute path; returns its file, or what is wrong. */
async function locate(
	plugins: Plugins,
	name: string,
): Promise<{ file: string } | { fault: string }> {
	const found = await plugins.find([name]);
	if ("missing" in found)
		return {
			fault:
				found.missing === "not found" && isAbsolute(name)
					? "does not exist"
					: `${missingWords[found.missing] ?? found.missing}: ${found.file}`,
		};
	if ("hanging" in found)
		return {
			fault: `may be in ${found.hanging}, whose file system does not answer`,
		};
	return { file: found.file };
}

const withoutBlank = (text: string) => text.replace(/\s+/g, " ").trim();

/** A plugin that somebody has named, and by whom. */
interface Wanted {
	where: string;
	/** `The plugin check_load`. */
	title: string;
	why: string;
	/** How to make it available. */
	remedy: string;
}

const missing = (
	{ where, title, why, remedy }: Wanted,
	fault: string,
): Finding =>
	finding("problem", "plugins", where, [`${title} ${fault}.`, why, remedy]);

const pluginRemedy = (
	setting: "nagios-plugin-paths" | "sensu-plugin-paths",
	{ settings }: Patient,
) =>
	`Install the plugin, or name its directory in the setting ${setting}, which is ${settings[setting].join(",")}.`;

/** The files that plugins were found as, and whether the agent's user may execute them. */
async function examineFiles(
	tools: Tools,
	patient: Patient,
	found: readonly { wanted: Wanted; file: string }[],
): Promise<Finding[]> {
	const { user } = patient;
	const can = await tryAccess(
		tools,
		patient,
		found.map(({ file }) => ({ path: file, flags: "x" })),
	);
	if (!can && found.length > 0)
		return [
			finding("unknown", "plugins", `user ${user.name}`, [
				`It could not be tried whether the agent's user ${user.name} may execute the plugins.`,
				"Checks with such a plugin give UNKNOWN.",
				"Run doctor as root. It needs setpriv, which is part of util-linux.",
			]),
		];
	return found.flatMap(({ wanted, file }, at) =>
		can?.[at] === false
			? [
					finding("problem", "plugins", wanted.where, [
						`The agent's user ${user.name} may not execute ${file}.`,
						wanted.why,
						`chmod 755 ${file}, and let the user enter the directories above: namei -l ${file} shows them all.`,
					]),
				]
			: [],
	);
}

/** Examines metrics.yaml and its plugins. */
export async function examineMetrics(
	tools: Tools,
	patient: Patient,
): Promise<Finding[]> {
	const { settings } = patient;
	if (settings["disable-collect-metrics"]) return [];
	const file = settings["metric-config"];
	const problem = (what: string, why: string, remedy: string) =>
		finding("problem", "metrics", file, [what, why, remedy]);
	const check = `happo-ctl metric config check ${file} reads it as the agent does, which reads it again when it changes.`;
	let text: string;
	try {
		text = await readFile(file, "utf8");
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "EACCES")
			return [
				finding("unknown", "metrics", file, [
					"The file cannot be read by this user.",
					"Nobody can say whether it has problems.",
					"Run doctor as root.",
				]),
			];
		return [
			problem(
				`The file cannot be read: ${systemReason(error)}.`,
				"The agent runs and answers checks, but collects no metrics.",
				"Write the file, correct the setting metric-config, or turn the collection off (disable-collect-metrics).",
			),
		];
	}
	const findings: Finding[] = [];
	try {
		const config = parseMetricConfig(text, file, (line) =>
			findings.push(
				problem(
					`${line}.`,
					"The agent leaves out what the line has, so metrics may be missing.",
					check,
				),
			),
		);
		const plugins = pluginsIn(settings["sensu-plugin-paths"]);
		const found: { wanted: Wanted; file: string }[] = [];
		for (const { hostname, plugins: entries } of config.metrics)
			for (const { plugin_name: given } of entries) {
				const { name } = calledPlugin(given);
				const wanted: Wanted = {
					where: `${file}: ${withoutBlank(given)}`,
					title: `The plugin ${name}`,
					remedy: pluginRemedy("sensu-plugin-paths", patient),
					why: `Its metrics for the host ${hostname || "(none)"} are missing.`,
				};
				const refused = checkPluginName(given);
				if (refused !== undefined) {
					findings.push(
						problem(
							`The plugin name ${withoutBlank(given)} ${refused}.`,
							wanted.why,
							check,
						),
					);
					continue;
				}
				const located = await locate(plugins, name);
				if ("fault" in located) findings.push(missing(wanted, located.fault));
				else found.push({ wanted, file: located.file });
			}
		findings.push(...(await examineFiles(tools, patient, found)));
	} catch (error) {
		if (!(error instanceof MetricConfigError)) throw error;
		findings.push(
			problem(
				`${error.message}.`,
				"The agent keeps the configuration that it read before; after a restart it collects no metrics.",
				check,
			),
		);
	}
	return findings;
}

const policyCheck = (file: string) =>
	`happo-ctl policy check ${file} names all problems; the agent reads the file again when it changes.`;

/** Reads the policy; undefined if there is none or if it cannot be used. */
async function readPolicy(
	{ settings, pid }: Patient,
	findings: Finding[],
): Promise<Policy | undefined> {
	const file = settings.policy;
	const add = (
		level: Finding["level"],
		what: string,
		why: string,
		remedy: string,
	) => findings.push(finding(level, "policy", file, [what, why, remedy]));
	/** check_nrpe only names a command, and the policy says what it runs. */
	const needsForce = settings["nrpe-port"] !== 0;
	if (file === "" && needsForce) {
		findings.push(
			finding("problem", "policy", "nrpe-port", [
				"The agent has no policy, and nrpe-port needs one in force.",
				"The agent cannot start.",
				"Name a policy with the setting policy (happo-ctl policy import nrpe makes one), or set nrpe-port to 0.",
			]),
		);
		return undefined;
	}
	if (file === "") {
		findings.push(
			finding("note", "policy", "policy", [
				"The agent has no policy.",
				`Whoever may connect may do everything that the settings allow${settings.shell ? ", and run any command" : ""}.`,
				"Name a policy with the setting policy. happo-ctl policy explains decisions before you put it in force.",
			]),
		);
		return undefined;
	}
	try {
		const { policy, warnings } = parsePolicy(await readFile(file, "utf8"));
		for (const line of warnings)
			add(
				"note",
				`${line}.`,
				"The policy may not do what its author meant.",
				policyCheck(file),
			);
		if (policy.mode === "observe" && needsForce)
			add(
				"problem",
				"The policy only observes (mode: observe), and nrpe-port needs one in force.",
				"The agent does not start with it.",
				"Set mode: enforce in the policy, or nrpe-port to 0.",
			);
		else if (policy.mode === "observe")
			add(
				"note",
				"The policy only observes: it refuses nothing (mode: observe).",
				"Whoever may connect may do everything, as without a policy.",
				"When happo-ctl status shows no calls that would be refused, set mode: enforce.",
			);
		return policy;
	} catch (error) {
		if (error instanceof PolicyError) {
			for (const line of error.problems)
				add(
					"problem",
					`${line}.`,
					pid === undefined
						? "The agent does not start with it."
						: "The running agent keeps the policy that it read before, and will not start again with this one.",
					policyCheck(file),
				);
			return undefined;
		}
		const { code } = error as NodeJS.ErrnoException;
		add(
			code === "EACCES" ? "unknown" : "problem",
			`The policy cannot be read: ${systemReason(error)}.`,
			"The agent does not start without it.",
			code === "EACCES"
				? "Run doctor as root."
				: "Put the file there, or correct the setting policy.",
		);
		return undefined;
	}
}

/** Why a command of the policy is not tried; undefined if it can be. */
function valuesOf(
	command: Command,
): { args: readonly string[] } | { lacking: string } {
	const fit = fitValues(command, [], { real: undefined, wanted: new Set() });
	if (isFit(fit)) return { args: fit.words };
	const slots = command.slots
		.filter(({ initial, kind }) => initial === undefined && kind === "word")
		.map(({ name }) => name);
	return {
		lacking:
			slots.length > 0
				? `it needs values for ${slots.join(", ")}`
				: fit.why(command.name, undefined),
	};
}

/** The path of a program, as the agent finds it in PATH; undefined if there is none. */
const programFile = (
	name: string,
	environment: Readonly<Record<string, string>>,
): Promise<string | undefined> =>
	atProgram(name, environment, async (path) => {
		await access(path, constants.X_OK);
		return resolve(path);
	}).catch(() => undefined);

/**
 * Examines the policy and the plugins of its commands.
 * @param options.triesCommands whether commands will be tried
 * @param options.triesInventory whether those for inventories may be
 * @returns with the commands that can be tried
 */
export async function examinePolicy(
	tools: Tools,
	patient: Patient,
	{
		triesCommands,
		triesInventory,
	}: { triesCommands: boolean; triesInventory: boolean },
): Promise<{ findings: Finding[]; runnable: Runnable[] }> {
	const findings: Finding[] = [];
	const runnable: Runnable[] = [];
	const policy = await readPolicy(patient, findings);
	const { settings, environment } = patient;
	const plugins = pluginsIn(settings["nagios-plugin-paths"]);
	const found: { wanted: Wanted; file: string }[] = [];
	const untried: string[] = [];
	for (const command of policy?.commands.values() ?? []) {
		const { name, program, permission } = command;
		const where = `command ${name}`;
		const isCheck = permission === "check";
		const isFile = isAbsolute(program);
		const wanted: Wanted = {
			where,
			title: `The ${isCheck && !isFile ? "plugin" : "program"} ${program}`,
			remedy: isFile
				? "Install the program, or correct its path in the policy."
				: isCheck
					? pluginRemedy("nagios-plugin-paths", patient)
					: `Install the program, or write its whole path in the policy; the agent's PATH is ${environment.PATH}.`,
			why: `Calls of the command ${name} fail.`,
		};
		let located: { file: string } | { fault: string };
		if (isCheck) located = await locate(plugins, program);
		else {
			const file = await programFile(program, environment);
			located = file === undefined ? { fault: "does not exist" } : { file };
		}
		if ("fault" in located) {
			findings.push(missing(wanted, located.fault));
			continue;
		}
		found.push({ wanted, file: located.file });
		const values = valuesOf(command);
		if ("lacking" in values) untried.push(`${name} (${values.lacking})`);
		else if (!isCheck && !triesInventory)
			untried.push(
				`${name} (it is for inventories, which may do more than look)`,
			);
		else runnable.push({ command, file: located.file, args: values.args });
	}
	findings.push(...(await examineFiles(tools, patient, found)));
	if (triesCommands && untried.length > 0)
		findings.push(
			finding("note", "commands", settings.policy, [
				`Not tried: ${untried.join(", ")}.`,
				"Whether these commands work, in the unit or at all, is not known.",
				"Give the slots defaults, try the commands from a client, or use --inventory for those of inventories.",
			]),
		);
	return { findings, runnable: triesCommands ? runnable : [] };
}
