import type { Readable, Writable } from "node:stream";
import { Cli } from "clipanion";
import { SettingsError } from "../../src/setting-table.ts";
import { safeLine } from "../ctl/output/terminal.ts";
import { UsageError } from "./arguments.ts";
import type { ProgramCommand } from "./command.ts";
import {
	commandHelp,
	familyHelp,
	type HelpTopic,
	optionsOf,
	programHelp,
	topicHelp,
} from "./help.ts";
import {
	explainCommand,
	explainOperands,
	explainOption,
	readCommandLine,
} from "./selection.ts";

/** Streams and environment of a program. */
export interface Surroundings {
	stdin: Readable;
	stdout: Writable;
	stderr: Writable;
	env: Record<string, string | undefined>;
}

/** A program: its commands and the texts of its help. */
export interface Program {
	name: string;
	version: string;
	commands: readonly ProgramCommand[];
	/** Summaries of command families, by their common first words: `metric config`. */
	families?: Readonly<Record<string, string>>;
	/** What `help TOPIC` explains. */
	topics?: readonly HelpTopic[];
	/** Follows the list of commands in the program's help. */
	epilogue?: string;
}

const helpWords = ["help", "h"];

/** The first line of clipanion's message; usage lines follow it. */
function firstLine(error: unknown): string {
	const message = error instanceof Error ? error.message : String(error);
	return message.split("\n", 1)[0] ?? message;
}

/** The help of a command, of a family or of the program. */
function helpFor(program: Program, path: readonly string[]): string {
	const { name, families = {}, topics, epilogue = "" } = program;
	const commands = program.commands.filter(({ isHidden }) => !isHidden);
	const words = path.join(" ");
	if (words === "")
		return programHelp(name, commands, families, topics) + epilogue;
	const family = commands.filter((c) => c.name.startsWith(`${words} `));
	const command = program.commands.find((c) => c.name === words);
	if (command) return commandHelp(name, command.help, family);
	return familyHelp(name, words, families[words] ?? "", family);
}

/**
 * Runs a program. Reports an invalid command line and invalid settings on standard error, one line
 * each.
 * @returns the exit status: 2 for these errors, otherwise the command's
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
	const refuse = (...lines: readonly string[]) => {
		for (const line of lines) stderr.write(`${name}: ${safeLine(line)}\n`);
		return 2;
	};
	try {
		const [first, ...others] = args;
		const wantsHelp = helpWords.includes(first ?? "help");
		const rest = wantsHelp ? others : args;
		const line = readCommandLine(rest, commands, optionsOf);
		const { command, path, options, operands } = line;
		if (line.complaint) return refuse(line.complaint);
		if (line.asks.version) return print(`${name} version ${version}\n`);
		const asked = wantsHelp || line.asks.help;
		const topic = wantsHelp
			? program.topics?.find((topic) => topic.name === rest.join(" "))
			: undefined;
		if (topic) return print(topicHelp(name, topic));
		if (!command && (operands.length > 0 || (path.length > 0 && !asked)))
			return refuse(explainCommand(program, path, operands));
		const [stray] = line.unknown;
		if (stray)
			return refuse(explainOption(stray, command ? [command] : commands));
		if (!command || asked) return print(helpFor(program, path));
		const wrong = explainOperands(program, command, operands);
		if (wrong) return refuse(wrong);
		// register no other command: clipanion compiles all registered ones
		const cli = new Cli({
			binaryLabel: name,
			binaryName: name,
			binaryVersion: version,
			// clipanion itself prints nothing that needs colours
			enableColors: false,
		});
		cli.register(command.command);
		const instance = cli.process([...path, ...options, "--", ...operands], {
			stdin,
			stdout,
			stderr,
			env,
			colorDepth: 1,
		});
		return (await instance.execute()) ?? 0;
	} catch (error) {
		if (error instanceof UsageError) return refuse(error.message);
		if (error instanceof SettingsError) return refuse(...error.lines);
		if (isClipanionError(error)) return refuse(firstLine(error));
		throw error;
	}
}

const isClipanionError = (error: unknown): error is Error =>
	error instanceof Error && "clipanion" in error;

/** Runs a program in this process and sets the process's exit status. */
export async function main(program: Program): Promise<void> {
	// the writer gets the error; a reader that stops reading, such as head, must not change the
	// exit status
	process.stdout.on("error", () => {});
	process.stderr.on("error", () => {});
	process.exitCode = await runProgram(program, process.argv.slice(2), process);
}
