/** Means the same to every shell without quotes. */
const plain = /^[\w@%+=:,./-]+$/;

const quoted = (word: string) =>
	plain.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/**
 * A command and its option line as agents take them, from words.
 * Several words behind the command stay the words they are. One word is a line
 * as it stands, for a shell to read there: `ps 'aux | grep x'`; and so is the
 * rest of a command that has blanks in it: `'ps aux'`.
 */
export function commandLine(words: readonly string[]): {
	command: string;
	option: string;
} {
	const [first = "", ...rest] = words;
	if (rest.length > 1)
		return { command: first, option: rest.map(quoted).join(" ") };
	if (rest.length === 1) return { command: first, option: rest[0] ?? "" };
	const [, command = "", option = ""] =
		/^\s*(\S*)\s*([\s\S]*)$/.exec(first) ?? [];
	return { command, option };
}
