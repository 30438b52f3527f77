import type { Readable, Writable } from "node:stream";
import { Cli, type CommandClass } from "clipanion";
import { isOption, normaliseArguments, UsageError } from "./argv.ts";
import {
	explainCommand,
	explainOperands,
	explainOption,
	strayOption,
} from "./explain.ts";
import {
	type CommandHelp,
	commandHelp,
	familyHelp,
	isHelpOption,
	optionsOf,
	programHelp,
} from "./help.ts";
import { selectCommand } from "./selection.ts";

/** Where a program reads from and writes to, and what it is told by variables. */
export interface Surroundings {
	stdin: Readable;
	stdout: Writable;
	stderr: Writable;
	env: Record<string, string | undefined>;
}

/** The words behind a command that are no options. */
export interface Operands {
	minimum: number;
	maximum: number;
	/** What is missing if there are too few: `PLUGIN`. */
	name: string;
	/** Everything behind the first one belongs to it, options too: it is a command line of its own. */
	isCommandLine?: boolean;
}

/** A command of a program: clipanion's class, and what help says of it. */
export interface ProgramCommand {
	command: CommandClass;
	/** The words that select it: `daemon`, `metric config show`. */
	name: string;
	help: CommandHelp;
	/** None by default. */
	operands?: Operands;
	/** Help does not list it: programs call it, not people. */
	isHidden?: boolean;
}

/** A program: its commands, and what its help begins with. */
export interface Program {
	name: string;
	version: string;
	commands: readonly ProgramCommand[];
	/** What commands with the same first words have in common, by those words: `metric config`. */
	families?: Readonly<Record<string, string>>;
	/** Behind the list of commands in the help of the program. */
	epilogue?: string;
}

const helpWords = ["help", "h"];
const versionOptions = ["-v", "--version"];

/** One line of clipanion's message, without its usage lines. */
function firstLine(error: unknown): string {
	const message = error instanceof Error ? error.message : String(error);
	return message.split("\n", 1)[0] ?? message;
}

/** The help of a command, of all that begin with these words, or of the program. */
function helpFor(program: Program, path: readonly string[]): string {
	const { name, families = {}, epilogue = "" } = program;
	const commands = program.commands.filter(({ isHidden }) => !isHidden);
	const words = path.join(" ");
	if (words === "") return programHelp(name, commands, families) + epilogue;
	const family = commands.filter((c) => c.name.startsWith(`${words} `));
	const command = program.commands.find((c) => c.name === words);
	if (command) return commandHelp(name, command.help, family);
	return familyHelp(name, words, families[words] ?? "", family);
}

/**
 * Runs a program and gives its exit status: 2 for a command line that cannot
 * be understood, said in one line on standard error, otherwise the command's.
 */
export async function runProgram(
	program: Program,
	args: readonly string[],
	surroundings: Surroundings,
): Promise<number> {
	const { name, version, commands } = program;
	const { stdin, stdout, stderr, env } = surroundings;
	const print = (text: string) => {
		stdout.write(text);
		return 0;
	};
	const refuse = (message: string) => {
		stderr.write(`${name}: ${message}\n`);
		return 2;
	};
	try {
		const [first, ...others] = args;
		const wantsHelp = helpWords.includes(first ?? "help");
		const rest = wantsHelp ? others : args;
		const { command, path, next } = selectCommand(rest, commands, optionsOf);
		const normal = normaliseArguments(
			rest,
			command ? optionsOf(command) : commands.flatMap(optionsOf),
			command?.operands?.isCommandLine ? path.length + 1 : undefined,
		);
		const end = normal.includes("--") ? normal.indexOf("--") : normal.length;
		const own = normal.slice(0, end);
		const options = own.filter(isOption);
		if (options.some((option) => versionOptions.includes(option)))
			return print(`${name} version ${version}\n`);
		const asked = wantsHelp || options.some(isHelpOption);
		if (!command && (next !== undefined || (path.length > 0 && !asked)))
			return refuse(explainCommand(program, path, next));
		const stray = strayOption(options, command ? [command] : commands);
		if (stray)
			return refuse(explainOption(stray, command ? [command] : commands));
		if (!command || asked) return print(helpFor(program, path));
		const operands = [
			...own.filter((word) => !isOption(word)).slice(path.length),
			...normal.slice(end + 1),
		];
		const complaint = explainOperands(program, command, operands);
		if (complaint) return refuse(complaint);
		// only this one: clipanion makes its machine of all commands at once
		const cli = new Cli({
			binaryLabel: name,
			binaryName: name,
			binaryVersion: version,
			// clipanion has nothing to say that would be coloured
			enableColors: false,
		});
		cli.register(command.command);
		const instance = cli.process(
			[
				...path,
				...options,
				...(operands.length > 0 ? ["--"] : []),
				...operands,
			],
			{ stdin, stdout, stderr, env, colorDepth: 1 },
		);
		return (await instance.execute()) ?? 0;
	} catch (error) {
		if (error instanceof UsageError) return refuse(error.message);
		if (isClipanionError(error)) return refuse(firstLine(error));
		throw error;
	}
}

const isClipanionError = (error: unknown): error is Error =>
	error instanceof Error && "clipanion" in error;
