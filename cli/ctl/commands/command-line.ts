import { quotedWord } from "../../../src/protocol/words.ts";

/**
 * Turns words of the command line into a command and its option line for the agent. Several words
 * after the command are quoted, so that they stay separate words. A single word is an option line
 * as it is, and the agent's shell may interpret it: `ps 'aux | grep x'`. If the command itself has
 * spaces, as in `'ps aux'`, its first word is the command and the rest the option line.
 */
export function commandLine(words: readonly string[]): {
	command: string;
	option: string;
} {
	const [first = "", ...rest] = words;
	if (rest.length > 1)
		return { command: first, option: rest.map(quotedWord).join(" ") };
	if (rest.length === 1) return { command: first, option: rest[0] ?? "" };
	const [, command = "", option = ""] =
		/^\s*(\S*)\s*([\s\S]*)$/.exec(first) ?? [];
	return { command, option };
}
