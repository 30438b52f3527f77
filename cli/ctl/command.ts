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
import { createProgress, type Progress } from "./output/progress.ts";
import { type Screen, safeLine, screenOf, wrapped } from "./output/terminal.ts";

/** A running command of happo-ctl. */
export interface Call {
	flags: Flags;
	operands: readonly string[];
	environment: NodeJS.ProcessEnv;
	stdin: Readable;
	stderr: Writable;
	/** Width and colours of standard output. */
	screen: Screen;
	/** Standard output, if it is a terminal that can be drawn on. */
	terminal: Writable | undefined;
	/** Writes data to standard output; rejects if the reader is gone. */
	write(text: string): Promise<void>;
	/** Writes a message to standard error, in one line; a terminal gets it wrapped. */
	say(line: string): void;
	/** Width of standard error; undefined if it is no terminal. */
	messageColumns: number | undefined;
	/** Shows what the command is doing, if that takes longer than a second. */
	during: Progress["during"];
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
		const { columns: messageColumns } = screenOf(stderr, environment);
		const isDumb = environment.TERM === "dumb";
		const progress = createProgress(
			stderr,
			isDumb ? undefined : messageColumns,
		);
		const say = (line: string) => {
			progress.clear();
			const text = `${programName}: ${safeLine(line)}`;
			stderr.write(`${wrapped(text, messageColumns, 2)}\n`);
		};
		if (warning) say(`warning: ${warning}`);
		try {
			return await run({
				...{ flags, operands, environment, stdin, stderr },
				...{ say, messageColumns },
				screen: screenOf(stdout, environment),
				terminal:
					(stdout as { isTTY?: boolean }).isTTY && !isDumb ? stdout : undefined,
				during: progress.during,
				write(text) {
					progress.clear();
					return writeTo(stdout, text);
				},
			});
		} catch (error) {
			// a reader that stops reading, such as head, is no error
			if ((error as NodeJS.ErrnoException).code === "EPIPE") return 0;
			throw error;
		}
	});
}
