import type { Readable, Writable } from "node:stream";
import {
	resolveSettings,
	SettingsError,
	type SettingTable,
	type SettingValues,
} from "../../src/setting-table.ts";
import { UsageError } from "../argv.ts";
import { type Flags, flagCommand } from "../flag-command.ts";
import { type CommandHelp, helpTables } from "../help.ts";
import type { Operands, ProgramCommand } from "../program.ts";
import { takeEnvironment } from "../wiped-variables.ts";
import { type Screen, safeLine, screenOf } from "./output/terminal.ts";

/** A command of happo-ctl that is running. */
export interface Call {
	flags: Flags;
	operands: readonly string[];
	environment: NodeJS.ProcessEnv;
	stdin: Readable;
	stderr: Writable;
	/** What standard output is laid out for. */
	screen: Screen;
	/** Writes data to standard output; rejects once nobody reads it. */
	write(text: string): Promise<void>;
	/** Writes a message to standard error, one line. */
	say(line: string): void;
}

/** How a command is declared. */
export interface CommandDefinition {
	name: string;
	help: CommandHelp;
	operands?: Operands;
	isHidden?: boolean;
	/** Gives the exit status. A UsageError and a SettingsError are 2. */
	run(call: Call): Promise<number>;
}

const programName = "happo-ctl";
const usageStatus = 2;

/** Writes, and waits until it has been taken. */
const writeTo = (stream: Writable, text: string) =>
	new Promise<void>((resolve, reject) => {
		stream.write(text, (error) => (error ? reject(error) : resolve()));
	});

/** The values of a table, from the flags that belong to it. */
export function valuesOf<T extends SettingTable>(
	table: T,
	flags: Flags,
): SettingValues<T> {
	return resolveSettings(table, flags, {});
}

/** A command of happo-ctl from its declaration, its options those of its help. */
export function createCommand(definition: CommandDefinition): ProgramCommand {
	const { name, help, operands, isHidden, run } = definition;
	const command = flagCommand(name, helpTables(help), async (given) => {
		const { flags, context } = given;
		const { stdin, stdout, stderr } = context;
		const { environment, warning } = takeEnvironment(context.env);
		const say = (line: string) =>
			stderr.write(`${programName}: ${safeLine(line)}\n`);
		if (warning) say(`warning: ${warning}`);
		try {
			return await run({
				flags,
				operands: given.operands,
				environment,
				stdin,
				stderr,
				screen: screenOf(stdout, environment),
				write: (text) => writeTo(stdout, text),
				say,
			});
		} catch (error) {
			// a reader that stops reading, such as head, is no error
			if ((error as NodeJS.ErrnoException).code === "EPIPE") return 0;
			if (error instanceof SettingsError)
				for (const line of error.lines) say(line);
			else if (error instanceof UsageError) say(error.message);
			else throw error;
			return usageStatus;
		}
	});
	return {
		command,
		name,
		help,
		...(operands && { operands }),
		...(isHidden && { isHidden }),
	};
}
