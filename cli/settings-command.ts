import type { Readable, Writable } from "node:stream";
import {
	resolveSettings,
	SettingsError,
	type SettingTable,
	type SettingValues,
	variableName,
} from "../src/setting-table.ts";
import { type Flags, flagCommand } from "./flag-command.ts";
import type { CommandHelp } from "./help.ts";
import type { Operands, ProgramCommand } from "./program.ts";
import { didYouMean } from "./suggestion.ts";
import { takeEnvironment } from "./wiped-variables.ts";

/** Exit status for a wrong argument or setting. */
const usageStatus = 2;

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
 * variables. Wrong settings, also those that `run` throws a SettingsError for, are
 * said on standard error, one line each: exit status 2. What the original ignored
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
	const command = flagCommand(name, [table], async (given) => {
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
		try {
			const settings = resolveSettings(
				table,
				flags,
				environment,
				defaults,
				warn,
			);
			return await run(settings, {
				...{ flags, operands, stdin, stdout, stderr, complain, warnings },
				environment,
			});
		} catch (error) {
			if (!(error instanceof SettingsError)) throw error;
			for (const line of error.lines) complain(line);
			return usageStatus;
		}
	});
	const any = { minimum: 0, maximum: Number.POSITIVE_INFINITY, name: "" };
	return { command, name, help, operands: taken ?? any };
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
