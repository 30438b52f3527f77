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

/** What a running command gets. */
export interface Invocation {
	flags: Flags;
	operands: readonly string[];
	stdin: Readable;
	/** For data only. */
	stdout: Writable;
	environment: Readonly<Record<string, string | undefined>>;
	/** Writes one line to standard error, after the program's name. */
	complain(line: string): void;
	/** Standard error, for texts without the program's name. */
	stderr: Writable;
	/** Warnings about arguments and variables; standard error has them already. */
	warnings: readonly string[];
}

/** The settings of all commands: they share one environment file. */
const allTables: SettingTable[] = [];

/**
 * A warning for each variable that is named like a setting but is no setting, without its value: that may
 * be a secret.
 */
function unknownVariables(environment: Invocation["environment"]): string[] {
	const known = allTables.flatMap(Object.keys).map(variableName);
	return Object.keys(environment)
		.filter((name) => /^HAPPO_AGENT_/i.test(name) && !known.includes(name))
		.map(
			(name) => `${name}: no such setting, ignored${didYouMean(name, known)}`,
		);
}

/**
 * Defines a command of happo-agent. Flags and variables set the settings in its help. Invalid
 * settings end the command; `run` throws a SettingsError for those that it finds. Operands and
 * unknown variables are ignored as in v1, but with a warning.
 */
export function settingsCommand<const T extends SettingTable>(parts: {
	name: string;
	help: CommandHelp & { settings: T };
	/** Override the table's defaults. */
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

/** Variables of all commands' settings, and whether each is a secret. */
const ownVariables = () =>
	new Map(
		allTables.flatMap((table) =>
			Object.entries(table).map(([name, { isSecret = false }]) => [
				variableName(name),
				isSecret,
			]),
		),
	);
