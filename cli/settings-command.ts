import type { Readable, Writable } from "node:stream";
import {
	resolveSettings,
	type SettingTable,
	type SettingValues,
	variableName,
} from "../src/setting-table.ts";
import {
	defineCommand,
	type Flags,
	type Operands,
	type ProgramCommand,
} from "./program/command.ts";
import type { CommandHelp } from "./program/help.ts";
import { didYouMean } from "./program/suggestion.ts";
import { takeEnvironment } from "./wiped-variables.ts";

/** What a command is run with. */
export interface Invocation {
	flags: Flags;
	operands: readonly string[];
	stdin: Readable;
	/** Data, and nothing else. */
	stdout: Writable;
	environment: Readonly<Record<string, string | undefined>>;
	/** One line on standard error, behind the name of the program. */
	complain(line: string): void;
	/** Text on standard error as it is. */
	stderr: Writable;
	/** What was not taken as it was given, already said on standard error. */
	warnings: readonly string[];
}

/** The settings of every command: one environment file serves them all. */
const allTables: SettingTable[] = [];

/** A line for each variable that looks like a setting and is none; its value may be a secret. */
function unknownVariables(environment: Invocation["environment"]): string[] {
	const known = allTables.flatMap(Object.keys).map(variableName);
	return Object.keys(environment)
		.filter((name) => /^HAPPO_AGENT_/i.test(name) && !known.includes(name))
		.map(
			(name) => `${name}: no such setting, ignored${didYouMean(name, known)}`,
		);
}

/**
 * A command of happo-agent: it takes the settings of its help, as flags or as
 * variables. Wrong settings end it, also those that `run` throws a SettingsError for. What the original ignored
 * is ignored, with a warning: operands, and variables that are no setting.
 */
export function settingsCommand<const T extends SettingTable>(parts: {
	name: string;
	help: CommandHelp & { settings: T };
	/** Defaults that take the place of the table's. */
	defaults?: Partial<SettingValues<T>>;
	/** Without this, operands are ignored. */
	operands?: Operands;
	run(settings: SettingValues<T>, invocation: Invocation): Promise<number>;
}): ProgramCommand {
	const { name, help, operands: taken, run, defaults } = parts;
	const table = help.settings;
	allTables.push(table);
	const any = { minimum: 0, maximum: Number.POSITIVE_INFINITY, name: "" };
	const declared = { name, help, operands: taken ?? any };
	return defineCommand(declared, async (given) => {
		const { flags, operands, context } = given;
		const { stdin, stdout, stderr } = context;
		const { environment, warning } = takeEnvironment(
			context.env,
			ownVariables(),
		);
		const complain = (line: string) => {
			stderr.write(`happo-agent: ${line}\n`);
		};
		const warnings: string[] = [];
		const warn = (line: string) => {
			warnings.push(line);
			complain(`warning: ${line}`);
		};
		for (const operand of taken ? [] : operands)
			warn(`${name}: unexpected argument, ignored: ${operand}`);
		for (const line of unknownVariables(environment)) warn(line);
		if (warning) warn(warning);
		const settings = resolveSettings(table, flags, environment, defaults, warn);
		return run(settings, {
			...{ flags, operands, stdin, stdout, stderr, complain, warnings },
			environment,
		});
	});
}

/** Variables of the settings of all commands, and whether nobody else may read them. */
const ownVariables = () =>
	new Map(
		allTables.flatMap((table) =>
			Object.entries(table).map(([name, { isSecret = false }]) => [
				variableName(name),
				isSecret,
			]),
		),
	);
