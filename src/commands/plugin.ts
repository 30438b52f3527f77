import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { join } from "node:path";
import type { CommandLine, CommandResult } from "./command.ts";
import type { Captured } from "./output.ts";
import { splitWords } from "./words.ts";

/** Nagios: UNKNOWN. */
const UNKNOWN = 3;
/** What shells answer for a command that is there but cannot be run, and for one that is not there. */
const NOT_EXECUTABLE = 126;
const NOT_FOUND = 127;

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

export interface Plugins {
	/** Looks a checked name up in the directories, in their order; the first that has it decides. */
	locate(name: string): Promise<{ file: string } | MissingPlugin>;
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
 * @param parts.allowShell whether an option that only a shell understands may be given to one
 */
export function createPlugins({
	directories,
	allowShell,
}: {
	directories: readonly string[];
	allowShell: boolean;
}): Plugins {
	const locate: Plugins["locate"] = async (name) => {
		let file = name;
		for (const directory of directories) {
			file = join(directory, name);
			// unreadable counts as not there, as it did in the original
			const found = await stat(file).catch(() => undefined);
			if (!found) continue;
			if (found.isFile() && (await isExecutable(file))) return { file };
			return { missing: "not executable", file };
		}
		return { missing: "not found", file };
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
			const found = await locate(name);
			return "missing" in found ? found : pluginCommand(found.file, option);
		},
	};
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

/** What dash, the original's /bin/sh, said and answered for a plugin that cannot be run. */
export function missingAnswer({ missing, file }: MissingPlugin) {
	return missing === "not found"
		? {
				exitCode: NOT_FOUND,
				message: `stdout=, stderr=/bin/sh: 1: ${file}: not found\n`,
			}
		: {
				exitCode: NOT_EXECUTABLE,
				message: `stdout=, stderr=/bin/sh: 1: ${file}: Permission denied\n`,
			};
}

/**
 * Standard output as it is when there is nothing else to say, otherwise `<stdout>, stderr=<stderr>`; silence is
 * `stdout=, stderr=`. Deaths by signal and cut outputs are told in the part of standard error.
 */
export function checkMessage({
	stdout,
	stderr,
	signal,
}: Pick<CommandResult, "stdout" | "stderr" | "signal">): string {
	const errors = withNotes(
		stderr.text,
		deathNote(signal),
		cutNote("stdout", stdout),
		cutNote("stderr", stderr),
	);
	if (stdout.text === "") return `stdout=, stderr=${errors}`;
	return errors === "" ? stdout.text : `${stdout.text}, stderr=${errors}`;
}

/** What a command with merged outputs wrote; its death by a signal and a cut are told at the end. */
export function outputText({
	stdout,
	signal,
}: Pick<CommandResult, "stdout" | "signal">): string {
	return withNotes(stdout.text, deathNote(signal), cutNote("output", stdout));
}

function deathNote(signal: NodeJS.Signals | undefined) {
	return signal ? `terminated by ${signal}\n` : "";
}

function cutNote(name: string, { cut, kept, bytes }: Captured) {
	return cut ? `${name} cut: ${kept} of ${bytes} bytes kept\n` : "";
}

/** Notes stand on lines of their own. */
function withNotes(text: string, ...notes: string[]) {
	const all = notes.join("");
	return all && text && !text.endsWith("\n")
		? `${text}\n${all}`
		: `${text}${all}`;
}

/**
 * The exit status, or 128 plus the number of the signal, as shells count. A command that did not end has neither:
 * UNKNOWN (3).
 */
export function exitCode({
	exitStatus,
	signalNumber,
}: Pick<CommandResult, "exitStatus" | "signalNumber">): number {
	if (exitStatus !== undefined) return exitStatus;
	return signalNumber === undefined ? UNKNOWN : 128 + signalNumber;
}
