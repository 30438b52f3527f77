import { isOption, type KnownOption, takeOption, UsageError } from "./argv.ts";

/** What a command line selects. */
export interface Selection<C> {
	/** The command whose whole name the words are; undefined where they only begin one. */
	command: C | undefined;
	/** The words that belong to a name. */
	path: readonly string[];
	/** The word behind them, if there is one. */
	next: string | undefined;
}

/**
 * Finds the command in a command line: its words may stand between options,
 * `-H web01 status memory`. A value of an option is never taken for a word.
 */
export function selectCommand<C extends { name: string }>(
	args: readonly string[],
	commands: readonly C[],
	optionsOf: (command: C) => readonly KnownOption[],
): Selection<C> {
	const rest = [...args];
	const path: string[] = [];
	let left = [...commands];
	let next: string | undefined;
	while (rest.length > 0) {
		const argument = rest.shift() ?? "";
		if (argument === "--") {
			next = rest[0];
			break;
		}
		if (isOption(argument)) {
			const known = left.flatMap(optionsOf);
			try {
				takeOption(argument, rest, known);
			} catch (error) {
				// is said again when the command is known
				if (!(error instanceof UsageError)) throw error;
			}
			continue;
		}
		const nearer = left.filter(
			({ name }) => name.split(" ")[path.length] === argument,
		);
		if (nearer.length === 0) {
			next = argument;
			break;
		}
		left = nearer;
		path.push(argument);
	}
	const name = path.join(" ");
	return { command: left.find((c) => c.name === name), path, next };
}

/** The words that can follow others in the names of commands. */
export function wordsBehind(
	path: readonly string[],
	commands: readonly { name: string }[],
): string[] {
	const before = path.map((word) => `${word} `).join("");
	const words = commands
		.filter(({ name }) => name.startsWith(before))
		.map(({ name }) => name.slice(before.length).split(" ", 1)[0] ?? "");
	return [...new Set(words)];
}
