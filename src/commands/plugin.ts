import { constants, type Stats, statSync } from "node:fs";
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type CommandLine, CommandStartError } from "./command.ts";
import { splitWords } from "./words.ts";

export interface PluginCommand {
	kind: "direct" | "shell";
	/** The plugin itself, which the shell may stand in front of. */
	file: string;
	line: CommandLine;
}

export interface MissingPlugin {
	missing: "not found" | "not executable";
	file: string;
}

/** Of the owner, the group or others. */
const ANY_EXECUTE = 0o111;

export interface Plugins {
	/**
	 * Looks a checked name up in the directories, in their order; the first that has it decides. Whether this user may
	 * run it is left to the start.
	 */
	locate(name: string): { file: string } | MissingPlugin;
	/** All that comes before running: `refused` says why nothing may be run, and which of the two was at fault. */
	prepare(
		name: string,
		option: string,
	): Promise<
		| PluginCommand
		| MissingPlugin
		| { refused: "plugin_name" | "plugin_option"; reason: string }
	>;
}

/**
 * @param parts.directories searched in this order
 * @param parts.ownPlugins the directory of the agent's own plugins; what is missing is not reported as missing there
 * @param parts.allowShell whether an option that only a shell understands may be given to one
 */
export function createPlugins({
	directories,
	allowShell,
	ownPlugins,
}: {
	directories: readonly string[];
	allowShell: boolean;
	ownPlugins?: string;
}): Plugins {
	// a bare name would be looked for in PATH when it is run
	const paths = directories.map((directory) => resolve(directory));
	// operators put their plugins into a directory of the settings, not into the package
	const named = paths.findLast((path) => path !== ownPlugins) ?? ownPlugins;
	const locate: Plugins["locate"] = (name) => {
		for (const directory of paths) {
			const file = join(directory, name);
			const found = look(file);
			if (!found) continue;
			if (found.isFile() && (found.mode & ANY_EXECUTE) !== 0) return { file };
			return { missing: "not executable", file };
		}
		return { missing: "not found", file: join(named ?? "", name) };
	};

	return {
		locate,
		async prepare(name, option) {
			const reason = checkPluginName(name);
			if (reason) return { refused: "plugin_name", reason };
			if (!allowShell && !splitWords(option))
				return {
					refused: "plugin_option",
					reason: "needs a shell, which the setting shell does not allow",
				};
			const found = locate(name);
			if ("missing" in found) return found;
			const command = pluginCommand(found.file, option);
			// a shell would start, and say in its own words what it cannot
			return command.kind === "direct" || (await isExecutable(found.file))
				? command
				: { missing: "not executable", file: found.file };
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
	if (error.code === "EACCES") return { missing: "not executable", file };
	return error.code === "ENOENT" || error.code === "ENOTDIR"
		? { missing: "not found", file }
		: undefined;
}

/**
 * undefined for what is not there; unreadable counts as not there, as it did in the original. A thread of the pool
 * would take thirty times as long to ask, and where a file system hangs they hang all.
 */
function look(file: string): Stats | undefined {
	try {
		return statSync(file, { throwIfNoEntry: false });
	} catch {
		return undefined;
	}
}

async function isExecutable(file: string) {
	try {
		await access(file, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

/** Gives the reason why a name is refused: it must stay inside the plugin directories and mean nothing to a shell. */
export function checkPluginName(name: string): string | undefined {
	if (name === "") return "is empty";
	if (name.startsWith("/")) return "is an absolute path";
	// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
	if (/[\x00-\x1f\x7f]/.test(name)) return "has a control character";
	if (/\s/.test(name)) return "has a blank";
	const special = /[|&;<>()$`\\"'*?[\]#~{}!]/.exec(name);
	if (special) return `has the shell character ${special[0]}`;
	for (const segment of name.split("/")) {
		if (segment === "") return "has an empty path segment";
		if (segment === "." || segment === "..")
			return `has the path segment ${segment}`;
	}
	return undefined;
}

/**
 * How a plugin is run: by itself where the option is plain words, else as the original did for all,
 * `/bin/sh -c "<file> <option>"`.
 */
export function pluginCommand(file: string, option: string): PluginCommand {
	const args = splitWords(option);
	if (args) return { kind: "direct", file, line: { file, args } };
	// the file comes from our settings and is one word, whatever is in it; the option is the shell's to read
	const plain = splitWords(file);
	const word =
		plain?.length === 1 && plain[0] === file
			? file
			: `'${file.replaceAll("'", "'\\''")}'`;
	return {
		kind: "shell",
		file,
		line: { file: "/bin/sh", args: ["-c", `${word} ${option}`] },
	};
}
