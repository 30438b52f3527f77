import { type SettingTable, variableName } from "../../src/setting-table.ts";
import {
	isOption,
	type KnownOption,
	takeOption,
	UsageError,
} from "./arguments.ts";
import type { Operands, ProgramCommand } from "./command.ts";
import { helpTables, optionsOf } from "./help.ts";
import type { Program } from "./program.ts";
import { didYouMean, nearest } from "./suggestion.ts";

/** A command line that was read. */
export interface CommandLine<C> {
	/** The command whose whole name the words are; undefined where they only begin one. */
	command: C | undefined;
	/** The words that belong to a name. */
	path: readonly string[];
	/** `--long=value`. */
	options: readonly string[];
	/** Names of options that are none; never their values, they may be secrets. */
	unknown: readonly string[];
	/** What is asked for by `-h` or `-v`, which every command has. */
	asks: { help: boolean; version: boolean };
	/** The other words. */
	operands: readonly string[];
	/** What is wrong with an option; undefined if nothing is. */
	complaint: string | undefined;
}

interface Named {
	name: string;
	operands?: Operands;
}

function read<C extends Named>(
	args: readonly string[],
	commands: readonly C[],
	optionsOf: (command: C) => readonly KnownOption[],
): CommandLine<C> {
	const rest = [...args];
	const path: string[] = [];
	const options: string[] = [];
	const unknown: string[] = [];
	const asks = { help: false, version: false };
	const operands: string[] = [];
	let complaint: string | undefined;
	let left = commands;
	const selected = () => left.find(({ name }) => name === path.join(" "));
	while (rest.length > 0) {
		const word = rest.shift() ?? "";
		if (word === "--") {
			operands.push(...rest);
			break;
		}
		if (isOption(word)) {
			try {
				const option = takeOption(word, rest, left.flatMap(optionsOf));
				if (option !== undefined) options.push(option);
				else if (/^(-h|--help)$/.test(word)) asks.help = true;
				else if (/^(-v|--version)$/.test(word)) asks.version = true;
				else unknown.push(word.split("=", 1)[0] ?? word);
			} catch (error) {
				if (!(error instanceof UsageError)) throw error;
				complaint ??= error.message;
			}
			continue;
		}
		const nearer = left.filter(
			({ name }) => name.split(" ")[path.length] === word,
		);
		if (operands.length === 0 && nearer.length > 0) {
			left = nearer;
			path.push(word);
			continue;
		}
		operands.push(word);
		if (!selected()?.operands?.isCommandLine) continue;
		// for those who write it to be sure
		if (rest[0] === "--") rest.shift();
		operands.push(...rest);
		break;
	}
	const words = { command: selected(), path, operands };
	return { ...words, options, unknown, asks, complaint };
}

/**
 * Reads a command line. The words of a command may stand between options,
 * `-H web01 status memory`; a value of an option is never taken for a word.
 */
export function readCommandLine<C extends Named>(
	args: readonly string[],
	commands: readonly C[],
	optionsOf: (command: C) => readonly KnownOption[],
): CommandLine<C> {
	const line = read(args, commands, optionsOf);
	// options are those of the command, even where they stand in front of it
	return line.command ? read(args, [line.command], optionsOf) : line;
}

/** The words that can follow others in the names of commands. */
export function wordsBehind(
	path: readonly string[],
	commands: readonly { name: string }[],
): string[] {
	const before = path.map((word) => `${word} `).join("");
	const words = commands
		.filter(({ name }) => name.startsWith(before))
		.map(({ name }) => name.slice(before.length).split(" ", 1)[0] ?? "");
	return [...new Set(words)];
}

const none: Operands = { minimum: 0, maximum: 0, name: "" };

const visible = (commands: readonly ProgramCommand[]) =>
	commands.filter(({ isHidden }) => !isHidden);

/** Why words are no command, and what was probably meant. */
export function explainCommand(
	{ name, commands }: Program,
	path: readonly string[],
	[next]: readonly string[],
): string {
	const before = path.map((word) => `${word} `).join("");
	const known = wordsBehind(path, visible(commands));
	if (next === undefined)
		return `${path.join(" ")}: which one: ${known.join(", ")}? See '${name} ${before}--help'.`;
	const word = `${before}${next}`;
	const meant = nearest(next, known);
	const hint =
		meant === undefined ? "." : `, did you mean '${before}${meant}'?`;
	return `'${word}' is not a ${name} command${hint} See '${name} ${before}--help'.`;
}

/** What is wrong with the operands of a command; undefined if nothing is. */
export function explainOperands(
	{ name: program, commands }: Program,
	{ name, operands = none }: ProgramCommand,
	given: readonly string[],
): string | undefined {
	if (given.length < operands.minimum)
		return `${name}: ${operands.name} is missing. See '${program} ${name} --help'.`;
	const extra = given[operands.maximum];
	if (extra === undefined) return undefined;
	const behind = wordsBehind(name.split(" "), visible(commands));
	return `${name}: unexpected argument: ${extra}${didYouMean(extra, behind)}`;
}

/** Why an option is none: it does not exist, or it is a variable only. */
export function explainOption(
	option: string,
	commands: readonly ProgramCommand[],
) {
	const long = option.replace(/^-+/, "").replaceAll("_", "-");
	const tables: SettingTable[] = commands.flatMap(({ help }) =>
		helpTables(help),
	);
	if (tables.some((table) => table[long]?.from === "environment"))
		return `no such option: ${option} (only as the variable ${variableName(long)})`;
	const known = commands.flatMap(optionsOf).map((known) => `--${known.long}`);
	const hint = option.startsWith("--") ? didYouMean(`--${long}`, known) : "";
	return `no such option: ${option}${hint}`;
}
