import type { Readable, Writable } from "node:stream";
import {
	resolveSettings,
	SettingsError,
	type SettingTable,
	type SettingValues,
} from "../src/setting-table.ts";
import { type Flags, flagCommand } from "./flag-command.ts";
import type { CommandHelp } from "./help.ts";
import type { ProgramCommand } from "./program.ts";

/** Exit status for a wrong argument or setting. */
const usageStatus = 2;

/** What a command is run with. */
export interface Invocation {
	flags: Flags;
	stdin: Readable;
	/** Data, and nothing else. */
	stdout: Writable;
	environment: Readonly<Record<string, string | undefined>>;
	/** One line on standard error, behind the name of the program. */
	complain(line: string): void;
	/** Text on standard error as it is. */
	stderr: Writable;
}

/**
 * A command of happo-agent: it takes the settings of its help, as flags or as
 * variables, and no operands. Wrong settings, also those that `run` throws a
 * SettingsError for, are said on standard error, one line each: exit status 2.
 */
export function settingsCommand<const T extends SettingTable>(parts: {
	name: string;
	help: CommandHelp & { settings: T };
	run(settings: SettingValues<T>, invocation: Invocation): Promise<number>;
}): ProgramCommand {
	const { name, help, run } = parts;
	const table = help.settings;
	const command = flagCommand(name, [table], async ({ flags, context }) => {
		const { stdin, stdout, stderr, env } = context;
		const complain = (line: string) => {
			stderr.write(`happo-agent: ${line}\n`);
		};
		try {
			const settings = resolveSettings(table, flags, env);
			return await run(settings, {
				...{ flags, stdin, stdout, stderr, complain },
				environment: env,
			});
		} catch (error) {
			if (!(error instanceof SettingsError)) throw error;
			for (const line of error.lines) complain(line);
			return usageStatus;
		}
	});
	return { command, name, help };
}
