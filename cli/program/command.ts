import {
	type BaseContext,
	Command,
	type CommandClass,
	Option,
} from "clipanion";
import type { SettingTable } from "../../src/setting-table.ts";
import { type CommandHelp, flagged, helpTables } from "./help.ts";

/** Texts of the flags that were given, in order, by their long names. */
export type Flags = Readonly<Record<string, readonly string[]>>;

/** The words behind a command that are no options. */
export interface Operands {
	minimum: number;
	maximum: number;
	/** What is missing if there are too few: `PLUGIN`. */
	name: string;
	/** Everything behind the first one belongs to it, options too: it is a command line of its own. */
	isCommandLine?: boolean;
}

/** A command of a program: clipanion's class, and what help says of it. */
export interface ProgramCommand {
	command: CommandClass;
	/** The words that select it: `daemon`, `metric config show`. */
	name: string;
	help: CommandHelp;
	/** None by default. */
	operands?: Operands;
	/** Help does not list it: programs call it, not people. */
	isHidden?: boolean;
}

/** What was given to a command. */
export interface Given {
	flags: Flags;
	operands: readonly string[];
	context: BaseContext;
}

/**
 * The flags of some tables as one option of clipanion's, each declared under its
 * names and with its help. They are collected as texts; what those mean, beside
 * variables and defaults, is the business of the tables.
 */
const tableFlags = (tables: readonly SettingTable[]): Flags =>
	Option.makeCommandOption<Flags>({
		definition(builder) {
			for (const [long, { short, help }] of tables.flatMap(flagged))
				builder.addOption({
					names: [...(short ? [`-${short}`] : []), `--${long}`],
					arity: 1,
					description: help,
				});
		},
		transformer(_builder, _key, { options }) {
			const flags: Record<string, string[]> = {};
			// a normal command line has long names only
			for (const { name, value } of options) {
				const long = name.slice(2);
				flags[long] = [...(flags[long] ?? []), value];
			}
			return flags;
		},
	});

/** A command from its declaration; its options are those of its help. */
export function defineCommand(
	declared: Omit<ProgramCommand, "command">,
	run: (given: Given) => Promise<number>,
): ProgramCommand {
	const { name, help } = declared;
	const command = class extends Command {
		static override paths = [name.split(" ")];
		static override usage = Command.Usage({
			description: help.summary,
			details: help.details,
			examples: help.examples.map((example) => ["", example]),
		});
		flags = tableFlags(helpTables(help));
		operands = Option.Rest();
		execute(): Promise<number> {
			return run(this);
		}
	};
	return { ...declared, command };
}
