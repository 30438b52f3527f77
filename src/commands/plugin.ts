import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import {
	type CalledPlugin,
	calledPlugin,
	checkPluginName,
} from "../protocol/plugin-name.ts";
import { splitWords } from "../protocol/words.ts";
import {
	type CommandLine,
	CommandStartError,
	refuseLongLine,
} from "./command.ts";
import { createLookups, type Lookups } from "./lookups.ts";

/** A plugin and its command line. */
export interface PluginCommand {
	kind: "direct" | "shell";
	/** The plugin itself, even if a shell runs it. */
	file: string;
	/** All its options, including those given as part of its name. */
	option: string;
	line: CommandLine;
}

/** A plugin that cannot be run, and the path where it was expected. */
export interface MissingPlugin {
	missing: "not found" | "not executable" | "empty" | "busy" | "not permitted";
	file: string;
}

/** A plugin that may be in a directory whose file system hangs. */
export interface HangingPlugin {
	/** The directory. */
	hanging: string;
	file: string;
	option: string;
}

/** A plugin that was found. */
export interface LocatedPlugin {
	file: string;
	/** Whether this user may execute it. */
	mayRun: boolean;
}

/** Limit of remembered files, as clients choose the names. */
const maxRemembered = 10_000;

/** The execute permissions of owner, group and others. */
const anyExecute = 0o111;

/** Finds plugins in the configured directories. */
export interface Plugins {
	/**
	 * Looks a checked name up in the directories, in order; the first that has it wins. A directory
	 * that hangs is waited for, as it may have the plugin. It is skipped only for a name that it did
	 * not have when it last answered and that a later directory has.
	 * @param milliseconds the longest wait
	 */
	locate(
		name: string,
		milliseconds?: number,
	): Promise<LocatedPlugin | MissingPlugin | Omit<HangingPlugin, "option">>;
	/**
	 * Checks the name and options, finds the plugin and builds its command line. `refused` names the
	 * field at fault.
	 * @throws AgentError `bad-request` if name and options are too long together
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
	/**
	 * Finds the plugin that a policy names, or the file at its absolute path, and builds its command
	 * line from the words that follow it. A shell never runs it.
	 */
	find(
		argv: readonly [string, ...string[]],
		milliseconds?: number,
	): Promise<PluginCommand | MissingPlugin | HangingPlugin>;
}

/**
 * @param parts.directories searched in this order
 * @param parts.isInUse whether a directory is searched at this moment; by default all are
 * @param parts.ownPlugins the directory of the agent's own plugins; never named in "not found"
 * answers
 * @param parts.allowShell whether options that need a shell are run through one
 * @param parts.timeoutMilliseconds the longest look-up; callers may ask for less
 */
export function createPlugins({
	directories,
	isInUse = () => true,
	allowShell,
	ownPlugins,
	lookups = createLookups(),
	timeoutMilliseconds = 10_000,
}: {
	directories: readonly string[];
	isInUse?: ((directory: string) => boolean) | undefined;
	allowShell: boolean;
	ownPlugins?: string;
	lookups?: Lookups;
	timeoutMilliseconds?: number;
}): Plugins {
	// absolute, as a bare name would be searched in PATH at the start
	const paths = directories.map((directory) => resolve(directory));
	// the file named in "not found": operators install plugins into a configured directory, not into
	// the package
	const named = () =>
		paths.findLast((path) => path !== ownPlugins && isInUse(path)) ??
		ownPlugins ??
		"";

	/** Files that did not exist when a later directory had the plugin. */
	const absent = new Set<string>();
	const remember = (files: readonly string[]) => {
		for (const file of files) absent.add(file);
		for (const oldest of absent) {
			if (absent.size <= maxRemembered) return;
			absent.delete(oldest);
		}
	};

	/** Looks a name up in directories; `expected` is the file named if none of them has it. */
	const search = async (
		searched: () => readonly string[],
		name: string,
		expected: () => string,
		milliseconds = timeoutMilliseconds,
	): Promise<Awaited<ReturnType<Plugins["locate"]>>> => {
		const deadline =
			performance.now() + Math.min(milliseconds, timeoutMilliseconds);
		for (;;) {
			const notThere: string[] = [];
			let hanging: string | undefined;
			for (const directory of searched()) {
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
					if (!found.isFile || (found.mode & anyExecute) === 0)
						return { missing: "not executable", file };
					if (found.size === 0) return { missing: "empty", file };
					return { file, mayRun: found.mayRun };
				}
			}
			if (hanging === undefined)
				return { missing: "not found", file: expected() };
			const left = deadline - performance.now();
			if (left <= 0) return { hanging, file: join(hanging, name) };
			await lookups.settled(hanging, left);
		}
	};

	const locate: Plugins["locate"] = (name, milliseconds) =>
		search(
			() => paths.filter((path) => isInUse(path)),
			name,
			() => join(named(), name),
			milliseconds,
		);

	/** Locates a plugin by its name, or a file by its absolute path, also outside the directories. */
	const locateProgram = (program: string, milliseconds: number | undefined) =>
		isAbsolute(program)
			? search(
					() => [dirname(program)],
					basename(program),
					() => program,
					milliseconds,
				)
			: locate(program, milliseconds);

	/**
	 * Locates the whole name as a file; failing that, its first word, with the rest as options, as a
	 * shell reads it.
	 */
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
		async find([program, ...args], milliseconds) {
			const found = await locateProgram(program, milliseconds);
			const option = args.join(" ");
			if ("missing" in found) return found;
			if ("hanging" in found) return { ...found, option };
			const { file } = found;
			return { kind: "direct", file, option, line: { file, args } };
		},
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
					reason: "needs a shell, and the setting shell is off",
				};
			if ("missing" in found) return found;
			if ("hanging" in found) return { ...found, option };
			const { file, mayRun } = found;
			const command = pluginCommand(file, option);
			// the shell itself would start, and hide the reason in its output
			return command.kind === "direct" || mayRun
				? command
				: { missing: "not executable", file };
		},
	};
}

/**
 * Explains a failed start by the plugin: it has been removed since it was found, its interpreter
 * does not exist (a shell calls both "not found"), or it may not be executed. undefined if the
 * plugin is not at fault.
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
 * Builds a plugin's command line: without a shell if the option is plain words, otherwise as v1
 * (Go) always did, `/bin/sh -c "<file> <option>"`.
 */
export function pluginCommand(file: string, option: string): PluginCommand {
	const args = splitWords(option);
	if (args) return { kind: "direct", file, option, line: { file, args } };
	// quote the file, which must stay one word; the shell parses the option
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
