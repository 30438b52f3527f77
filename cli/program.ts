import type { Readable, Writable } from "node:stream";
import { Cli, type CommandClass } from "clipanion";
import { type SettingTable, variableName } from "../src/setting-table.ts";
import { type KnownOption, normaliseArguments, UsageError } from "./argv.ts";
import { type CommandHelp, commandHelp, programHelp } from "./help.ts";
import { knownOptions } from "./options.ts";

/** Where a program reads from and writes to. */
export interface Streams {
	stdin: Readable;
	stdout: Writable;
	stderr: Writable;
	/** Whether standard output is a terminal that wants colour. */
	colour: boolean;
}

/** A command of a program: clipanion's class, and what help says of it. */
export interface ProgramCommand {
	command: CommandClass;
	/** The word that selects it. */
	name: string;
	help: CommandHelp;
}

const isHelp = (word: string | undefined) =>
	word === undefined || ["help", "h", "--help", "-h"].includes(word);

/** One line of clipanion's message, without its usage lines. */
function firstLine(error: unknown): string {
	const message = error instanceof Error ? error.message : String(error);
	return message.split("\n", 1)[0] ?? message;
}

/**
 * Runs a program and gives its exit status: 2 for a command line that cannot
 * be understood, said in one line on standard error, otherwise the command's.
 */
export async function runProgram(
	program: {
		name: string;
		version: string;
		commands: readonly ProgramCommand[];
	},
	args: readonly string[],
	streams: Streams,
): Promise<number> {
	const { name, version, commands } = program;
	const cli = new Cli({
		binaryLabel: name,
		binaryName: name,
		binaryVersion: version,
		enableColors: streams.colour,
	});
	for (const { command } of commands) cli.register(command);
	const print = (text: string) => streams.stdout.write(text);
	const refuse = (message: string) => {
		streams.stderr.write(`${name}: ${message}\n`);
		return 2;
	};
	const unknown = (word: string) =>
		refuse(`'${word}' is not a ${name} command. See '${name} --help'.`);
	const named = (word: string) => commands.find((c) => c.name === word);

	const wanted = named(args.find((word) => named(word)) ?? "");
	const tables = (wanted ? [wanted] : commands).map((c) => c.help.settings);
	try {
		const normal = normaliseArguments(args, tables.flatMap(knownOptions));
		const asks = (...forms: string[]) =>
			normal.some((word) => forms.includes(word));
		if (asks("-v", "--version")) {
			print(`${name} version ${version}\n`);
			return 0;
		}
		const words = normal.filter((word) => !word.startsWith("-"));
		const forHelp = isHelp(words[0]) || asks("-h", "--help");
		const [word, ...extra] = isHelp(words[0]) ? words.slice(1) : words;
		const command = word === undefined ? undefined : named(word);
		if (word !== undefined && !command) return unknown(word);
		const stray = strayOption(normal, tables.flatMap(knownOptions));
		if (stray) return refuse(explainOption(stray, tables));
		if (forHelp || !command) {
			print(
				command ? commandHelp(name, command.help) : programHelp(name, commands),
			);
			return 0;
		}
		if (extra[0] !== undefined)
			return refuse(`${command.name}: unexpected argument: ${extra[0]}`);
		const instance = cli.process(normal, {
			...streams,
			env: process.env,
			colorDepth: streams.colour ? 4 : 1,
		});
		return (await instance.execute()) ?? 0;
	} catch (error) {
		if (error instanceof UsageError) return refuse(error.message);
		if (isClipanionError(error)) return refuse(firstLine(error));
		throw error;
	}
}

/** The name of the first option that is none; never its value, it may be a secret. */
function strayOption(
	normal: readonly string[],
	options: readonly KnownOption[],
): string | undefined {
	return normal
		.filter((word) => word.startsWith("-") && word !== "-")
		.map((word) => word.split("=", 1)[0] ?? word)
		.find(
			(word) =>
				!["-h", "--help", "--"].includes(word) &&
				!options.some(({ long }) => `--${long}` === word),
		);
}

/** Why an option is none: it does not exist, or it is a variable only. */
function explainOption(option: string, tables: readonly SettingTable[]) {
	const long = option.replace(/^-+/, "").replaceAll("_", "-");
	return tables.some((table) => table[long]?.from === "environment")
		? `no such option: ${option} (only as the variable ${variableName(long)})`
		: `no such option: ${option}`;
}

const isClipanionError = (error: unknown): error is Error =>
	error instanceof Error && "clipanion" in error;
