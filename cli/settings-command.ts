import type { Readable, Writable } from "node:stream";
import { Command, type CommandClass } from "clipanion";
import {
	resolveSettings,
	SettingsError,
	type SettingTable,
	type SettingValues,
} from "../src/setting-table.ts";
import { commandOptions, knownOptions } from "./options.ts";

/** Exit status for a wrong argument or setting. */
const usageStatus = 2;

/** The texts of the flags that were given, in order, by the long form. */
export type Flags = Readonly<Record<string, readonly string[]>>;

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
 * clipanion's class for a command that takes a table of settings and no
 * operands. Wrong settings, also those that `run` throws a SettingsError for,
 * are said on standard error, one line each: exit status 2.
 */
export function settingsCommand<T extends SettingTable>(parts: {
	program: string;
	name: string;
	table: T;
	run(settings: SettingValues<T>, invocation: Invocation): Promise<number>;
}): CommandClass {
	const { program, name, table, run } = parts;
	return class extends Command {
		static override paths = [[name]];

		constructor() {
			super();
			Object.assign(this, commandOptions(table));
		}

		async execute(): Promise<number> {
			const { stdin, stdout, stderr, env } = this.context;
			const given = this as unknown as Record<string, string[] | undefined>;
			const flags: Record<string, readonly string[]> = {};
			for (const { long } of knownOptions(table)) {
				const texts = given[long];
				if (texts) flags[long] = texts;
			}
			const complain = (line: string) => {
				stderr.write(`${program}: ${line}\n`);
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
		}
	};
}
