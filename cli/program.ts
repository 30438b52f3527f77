import type { Readable, Writable } from "node:stream";
import { Cli, type CommandClass } from "clipanion";
import { normaliseArguments, UsageError } from "./argv.ts";
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
		const words = normal.filter((word) => !word.startsWith("-"));
		const [first, second] = words;
		if (["-v", "--version"].includes(normal[0] ?? "")) {
			print(`${name} version ${version}\n`);
			return 0;
		}
		const askedFor = isHelp(first) ? second : first;
		const command = askedFor === undefined ? undefined : named(askedFor);
		if (askedFor !== undefined && !command) return unknown(askedFor);
		const help = normal.some((word) => ["--help", "-h"].includes(word));
		if (help || isHelp(first)) {
			const stray = normal.find((word) => /^--?[^h-]/.test(word));
			if (!command && stray) return refuse(`no such option: ${stray}`);
			print(
				command ? commandHelp(name, command.help) : programHelp(name, commands),
			);
			return 0;
		}
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

const isClipanionError = (error: unknown): error is Error =>
	error instanceof Error && "clipanion" in error;
