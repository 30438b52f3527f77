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

/** A parsed command line. */
export interface CommandLine<C> {
	/** The command; undefined if the words are not the whole name of one. */
	command: C | undefined;
	/** The words of the command's name. */
	path: readonly string[];
	/** `--long=value`. */
	options: readonly string[];
	/** Names of unknown options, without their values: those may be secrets. */
	unknown: readonly string[];
	/** Whether `-h` or `-v` was given; every command has them. */
	asks: { help: boolean; version: boolean };
	/** The other words. */
	operands: readonly string[];
	/** What is wrong with an option; undefined if nothing is wrong. */
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
		// among the words of a command's name, -v asks for the version, whatever it means afterwards
		if (word === "-v" && !selected()) {
			asks.version = true;
			continue;
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
		// skip a `--` that somebody put there to be safe
		if (rest[0] === "--") rest.shift();
		operands.push(...rest);
		break;
	}
	const words = { command: selected(), path, operands };
	return { ...words, options, unknown, asks, complaint };
}

/**
 * Reads a command line. Options may come before and between the words of a command, as in
 * `-H web01 status memory`; the value of an option never counts as a word.
 */
export function readCommandLine<C extends Named>(
	args: readonly string[],
	commands: readonly C[],
	optionsOf: (command: C) => readonly KnownOption[],
): CommandLine<C> {
	const line = read(args, commands, optionsOf);
	// options before the command belong to it: read them again as its options
	return line.command ? read(args, [line.command], optionsOf) : line;
}

/** The words that can follow these words in the names of commands. */
export function nextWords(
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

/** Why these words are no command, and which command was probably meant. */
export function explainCommand(
	{ name, commands }: Program,
	path: readonly string[],
	[next]: readonly string[],
): string {
	const before = path.map((word) => `${word} `).join("");
	const known = nextWords(path, visible(commands));
	if (next === undefined)
		return `${path.join(" ")}: incomplete, add one of ${known.join(", ")}. See '${name} ${before}--help'.`;
	const word = `${before}${next}`;
	const meant = nearest(next, known);
	const hint =
		meant === undefined ? "." : `, did you mean '${before}${meant}'?`;
	return `'${word}' is not a ${name} command${hint} See '${name} ${before}--help'.`;
}

/** What is wrong with the operands of a command; undefined if nothing is wrong. */
export function explainOperands(
	{ name: program, commands }: Program,
	{ name, operands = none }: ProgramCommand,
	given: readonly string[],
): string | undefined {
	if (given.length < operands.minimum)
		return `${name}: ${operands.name} is missing. See '${program} ${name} --help'.`;
	const extra = given[operands.maximum];
	if (extra === undefined) return undefined;
	const next = nextWords(name.split(" "), visible(commands));
	return `${name}: unexpected argument: ${extra}${didYouMean(extra, next)}`;
}

/** Why an option is unknown: it does not exist, or only a variable exists. */
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
