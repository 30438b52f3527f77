import {
	type BaseContext,
	Command,
	type CommandClass,
	Option,
} from "clipanion";
import type { SettingTable } from "../../src/setting-table.ts";
import { type CommandHelp, flagged, helpTables } from "./help.ts";

/** Values of the flags on the command line, by long name, in their order. */
export type Flags = Readonly<Record<string, readonly string[]>>;

/** Which operands a command takes: words after its name that are no options. */
export interface Operands {
	minimum: number;
	maximum: number;
	/** What messages call a missing one: `PLUGIN`. */
	name: string;
	/**
	 * The operands are a command line of their own: everything after the first belongs to it, even
	 * options.
	 */
	isCommandLine?: boolean;
}

/** A command of a program: clipanion's class and the help. */
export interface ProgramCommand {
	command: CommandClass;
	/** One or more words: `daemon`, `metric config show`. */
	name: string;
	help: CommandHelp;
	/** None by default. */
	operands?: Operands;
	/** Help does not list the command, because only programs call it. */
	isHidden?: boolean;
}

/** What a command gets from the command line. */
export interface Given {
	flags: Flags;
	operands: readonly string[];
	context: BaseContext;
}

/**
 * One clipanion option for all flags of these tables. It declares each flag with its names and its
 * help, and collects the values as texts. resolveSettings() combines them with variables and
 * defaults.
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
			// takeOption() has replaced all short names
			for (const { name, value } of options) {
				const long = name.slice(2);
				flags[long] = [...(flags[long] ?? []), value];
			}
			return flags;
		},
	});

/** Defines a command. Its options are those in its help. */
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
