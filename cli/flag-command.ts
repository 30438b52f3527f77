import {
	type BaseContext,
	Command,
	type CommandClass,
	Option,
} from "clipanion";
import type { SettingTable } from "../src/setting-table.ts";
import { knownOptions } from "./options.ts";

/** Texts of the flags that were given, in order, by their long names. */
export type Flags = Readonly<Record<string, readonly string[]>>;

/** What was given to a command. */
export interface Given {
	flags: Flags;
	operands: readonly string[];
	context: BaseContext;
}

/**
 * clipanion's class for a command with the flags of some tables. They are
 * collected as texts; conversion is the business of the tables.
 */
export function flagCommand(
	name: string,
	tables: readonly SettingTable[],
	run: (given: Given) => Promise<number>,
): CommandClass {
	// with their dashes: `context` is a property of every command, and a flag too
	const names = tables
		.flatMap(knownOptions)
		.map(({ long }) => [long, `--${long}`] as const);

	return class extends Command {
		static override paths = [name.split(" ")];
		rest = Option.Rest({ required: 0 });

		constructor() {
			super();
			for (const [, option] of names)
				Object.assign(this, { [option]: Option.Array(option) });
		}

		execute(): Promise<number> {
			const given = this as unknown as Record<string, string[] | undefined>;
			const flags: Record<string, readonly string[]> = {};
			for (const [long, option] of names) {
				const texts = given[option];
				if (texts) flags[long] = texts;
			}
			return run({ flags, operands: this.rest, context: this.context });
		}
	};
}
