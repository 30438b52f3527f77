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

/** A running command of happo-ctl. */
export interface Call {
	flags: Flags;
	operands: readonly string[];
	environment: NodeJS.ProcessEnv;
	stdin: Readable;
	stderr: Writable;
	/** Width and colours of standard output. */
	screen: Screen;
	/** Writes data to standard output; rejects if the reader is gone. */
	write(text: string): Promise<void>;
	/** Writes a message of one line to standard error. */
	say(line: string): void;
}

/** Declares a command. */
export interface CommandDefinition extends Omit<ProgramCommand, "command"> {
	/** Returns the exit status. A UsageError or SettingsError gives 2. */
	run(call: Call): Promise<number>;
}

/** Writes a text and waits until the stream has passed it on. */
const writeTo = (stream: Writable, text: string) =>
	new Promise<void>((resolve, reject) => {
		stream.write(text, (error) => (error ? reject(error) : resolve()));
	});

/** The settings of a table, resolved from the flags. */
export function valuesOf<T extends SettingTable>(
	table: T,
	flags: Flags,
): SettingValues<T> {
	return resolveSettings(table, flags, {});
}

/**
 * Defines a command of happo-ctl, or of another program. Its options are those in its help.
 * @param programName comes before its messages
 */
export function createCommand(
	{ run, ...declared }: CommandDefinition,
	programName = "happo-ctl",
): ProgramCommand {
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
