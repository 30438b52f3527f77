import { join, resolve } from "node:path";
import {
	type CalledPlugin,
	calledPlugin,
	checkPluginName,
} from "../protocol/plugin-name.ts";
import { type CommandLine, CommandStartError } from "./command.ts";
import { createLookups, type Lookups } from "./lookups.ts";
import { refuseLongLine, splitWords } from "./words.ts";

export interface PluginCommand {
	kind: "direct" | "shell";
	/** The plugin itself, which the shell may stand in front of. */
	file: string;
	/** All its options, those that stood behind its name included. */
	option: string;
	line: CommandLine;
}

export interface MissingPlugin {
	missing: "not found" | "not executable" | "empty" | "busy" | "not permitted";
	file: string;
}

/** A plugin that may be in a directory that does not answer. */
export interface HangingPlugin {
	/** The directory. */
	hanging: string;
	file: string;
	option: string;
}

export interface LocatedPlugin {
	file: string;
	/** Whether this user may run it; a start says so in its own way. */
	mayRun: boolean;
}

/** Names remembered at most, of plugins that a later directory has; clients choose them. */
const MOST_REMEMBERED = 10_000;

/** Of the owner, the group or others. */
const ANY_EXECUTE = 0o111;

export interface Plugins {
	/**
	 * Looks a checked name up in the directories, in their order; the first that has it decides. A directory that does not
	 * answer is waited for, as it may have the plugin; it is passed over only for a name that it did not have when it
	 * last answered and that a later one has.
	 * @param milliseconds to wait, at most
	 */
	locate(
		name: string,
		milliseconds?: number,
	): Promise<LocatedPlugin | MissingPlugin | Omit<HangingPlugin, "option">>;
	/**
	 * All that comes before running: `refused` says why nothing may be run, and which of the two was at fault.
	 * @throws AgentError `bad-request` for a name and options that are too long together
	 */
	prepare(
		name: string,
		option: string,
		milliseconds?: number,
	): Promise<
		| PluginCommand
		| MissingPlugin
		| HangingPlugin
		| { refused: "plugin_name" | "plugin_option"; reason: string }
	>;
}

/**
 * @param parts.directories searched in this order
 * @param parts.ownPlugins the directory of the agent's own plugins; what is missing is not reported as missing there
 * @param parts.allowShell whether an option that only a shell understands may be given to one
 * @param parts.timeoutMilliseconds that a look-up may take; a caller may have less
 */
export function createPlugins({
	directories,
	allowShell,
	ownPlugins,
	lookups = createLookups(),
	timeoutMilliseconds = 10_000,
}: {
	directories: readonly string[];
	allowShell: boolean;
	ownPlugins?: string;
	lookups?: Lookups;
	timeoutMilliseconds?: number;
}): Plugins {
	// a bare name would be looked for in PATH when it is run
	const paths = directories.map((directory) => resolve(directory));
	// operators put their plugins into a directory of the settings, not into the package
	const named = paths.findLast((path) => path !== ownPlugins) ?? ownPlugins;

	/** Files that were not there when a later directory had the plugin. */
	const absent = new Set<string>();
	const remember = (files: readonly string[]) => {
		for (const file of files) absent.add(file);
		for (const oldest of absent) {
			if (absent.size <= MOST_REMEMBERED) return;
			absent.delete(oldest);
		}
	};

	const locate: Plugins["locate"] = async (
		name,
		milliseconds = timeoutMilliseconds,
	) => {
		const deadline =
			performance.now() + Math.min(milliseconds, timeoutMilliseconds);
		for (;;) {
			const notThere: string[] = [];
			let hanging: string | undefined;
			for (const directory of paths) {
				const file = join(directory, name);
				const found = await lookups.look(directory, name);
				if (found === "nothing") notThere.push(file);
				else if (found === "late") {
					if (absent.has(file)) continue;
					hanging = directory;
					break;
				} else {
					absent.delete(file);
					remember(notThere);
					if (!found.isFile || (found.mode & ANY_EXECUTE) === 0)
						return { missing: "not executable", file };
					if (found.size === 0) return { missing: "empty", file };
					return { file, mayRun: found.mayRun };
				}
			}
			if (hanging === undefined)
				return { missing: "not found", file: join(named ?? "", name) };
			const left = deadline - performance.now();
			if (left <= 0) return { hanging, file: join(hanging, name) };
			await lookups.settled(hanging, left);
		}
	};

	/** The name as a file's; else, as a shell takes it, its first word with options behind it. */
	const locateCalled = async (
		called: CalledPlugin,
		option: string,
		milliseconds: number | undefined,
	) => {
		const whole = await locate(called.whole, milliseconds);
		if (called.options === "" || !("missing" in whole))
			return { found: whole, option };
		if (whole.missing !== "not found") return { found: whole, option };
		return {
			found: await locate(called.name, milliseconds),
			option: option === "" ? called.options : `${called.options} ${option}`,
		};
	};

	return {
		locate,
		async prepare(name, givenOption, milliseconds) {
			refuseLongLine("plugin_name and plugin_option", name, givenOption);
			const reason = checkPluginName(name);
			if (reason) return { refused: "plugin_name", reason };
			const { found, option } = await locateCalled(
				calledPlugin(name),
				givenOption,
				milliseconds,
			);
			if (!allowShell && !splitWords(option))
				return {
					refused: "plugin_option",
					reason: "needs a shell, which the setting shell does not allow",
				};
			if ("missing" in found) return found;
			if ("hanging" in found) return { ...found, option };
			const { file, mayRun } = found;
			const command = pluginCommand(file, option);
			// a shell would start, and say in its own words what it cannot
			return command.kind === "direct" || mayRun
				? command
				: { missing: "not executable", file };
		},
	};
}

/**
 * What a start that failed says of the plugin: it has gone since it was found, its interpreter is not there (a shell
 * calls both "not found"), or it may not be run. undefined: the plugin is not at fault.
 */
export function missingPlugin(
	error: unknown,
	{ kind, file }: PluginCommand,
): MissingPlugin | undefined {
	if (!(error instanceof CommandStartError) || kind === "shell")
		return undefined;
	const missing = startFailures.get(error.code);
	return missing && { missing, file };
}

const startFailures: ReadonlyMap<string, MissingPlugin["missing"]> = new Map([
	["EACCES", "not executable"],
	["ENOENT", "not found"],
	["ENOTDIR", "not found"],
	["EPERM", "not permitted"],
	["ETXTBSY", "busy"],
] as const);

/**
 * How a plugin is run: by itself where the option is plain words, else as the original did for all,
 * `/bin/sh -c "<file> <option>"`.
 */
export function pluginCommand(file: string, option: string): PluginCommand {
	const args = splitWords(option);
	if (args) return { kind: "direct", file, option, line: { file, args } };
	// the file comes from our settings and is one word, whatever is in it; the option is the shell's to read
	const plain = splitWords(file);
	const word =
		plain?.length === 1 && plain[0] === file
			? file
			: `'${file.replaceAll("'", "'\\''")}'`;
	return {
		kind: "shell",
		file,
		option,
		line: { file: "/bin/sh", args: ["-c", `${word} ${option}`] },
	};
}
