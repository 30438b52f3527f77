import type { Readable, Writable } from "node:stream";
import {
	resolveSettings,
	type SettingTable,
	type SettingValues,
} from "../../src/setting-table.ts";
import {
	defineCommand,
	type Flags,
	type ProgramCommand,
} from "../program/command.ts";
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
export interface CommandDefinition extends Omit<ProgramCommand, "command"> {
	/** Gives the exit status. A UsageError and a SettingsError are 2. */
	run(call: Call): Promise<number>;
}

const programName = "happo-ctl";

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
export function createCommand({
	run,
	...declared
}: CommandDefinition): ProgramCommand {
	return defineCommand(declared, async ({ flags, operands, context }) => {
		const { stdin, stdout, stderr } = context;
		const { environment, warning } = takeEnvironment(context.env);
		const say = (line: string) =>
			stderr.write(`${programName}: ${safeLine(line)}\n`);
		if (warning) say(`warning: ${warning}`);
		try {
			return await run({
				...{ flags, operands, environment, stdin, stderr, say },
				screen: screenOf(stdout, environment),
				write: (text) => writeTo(stdout, text),
			});
		} catch (error) {
			// a reader that stops reading, such as head, is no error
			if ((error as NodeJS.ErrnoException).code === "EPIPE") return 0;
			throw error;
		}
	});
}
