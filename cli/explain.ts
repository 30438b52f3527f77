import { type SettingTable, variableName } from "../src/setting-table.ts";
import { helpTables, isHelpOption, optionsOf } from "./help.ts";
import type { Operands, Program, ProgramCommand } from "./program.ts";
import { wordsBehind } from "./selection.ts";
import { didYouMean, nearest } from "./suggestion.ts";

const none: Operands = { minimum: 0, maximum: 0, name: "" };

const visible = (commands: readonly ProgramCommand[]) =>
	commands.filter(({ isHidden }) => !isHidden);

/** Why words are no command, and what was probably meant. */
export function explainCommand(
	{ name, commands }: Program,
	path: readonly string[],
	next: string | undefined,
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

/** The name of the first option that is none; never its value, it may be a secret. */
export function strayOption(
	options: readonly string[],
	commands: readonly ProgramCommand[],
): string | undefined {
	const known = commands.flatMap(optionsOf);
	return options
		.map((word) => word.split("=", 1)[0] ?? word)
		.find(
			(word) =>
				!isHelpOption(word) && !known.some(({ long }) => `--${long}` === word),
		);
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
