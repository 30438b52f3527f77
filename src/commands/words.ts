/** Characters with a meaning outside quotes: the operators and expansions of POSIX, and the braces of other shells. */
const SHELL_CHARACTERS = new Set("|&;<>()$`*?[]{}~");

/** Only these lose their meaning after a backslash inside double quotes; before anything else the backslash stays. */
const ESCAPED_IN_DOUBLE_QUOTES = new Set('$`"\\');

function isControl(character: string) {
	return character < " " || character === "\x7f";
}

/**
 * Splits a line of options into words exactly as a POSIX shell would, as long as it holds nothing but plain words,
 * single quotes, double quotes and backslashes.
 *
 * The rules are those of POSIX.1-2017, Shell Command Language, 2.2 (quoting) and 2.3 (token recognition). Blanks are
 * space and tab: IFS plays no part without expansions.
 *
 * @returns the words, or undefined when only a shell can say what the line means: operators, expansions, globs,
 * braces, tildes, a comment, an open quote, a trailing backslash, an unquoted newline. It is undefined too in doubtful
 * cases, so that the worst that can happen is a shell started for nothing; control characters are such a case, some
 * shells use them as marks of their own.
 */
export function splitWords(line: string): string[] | undefined {
	const words: string[] = [];
	let word: string | undefined;
	for (let at = 0; at < line.length; at++) {
		const character = line.charAt(at);
		if (character === " " || character === "\t") {
			if (word !== undefined) words.push(word);
			word = undefined;
		} else if (character === "'") {
			const end = line.indexOf("'", at + 1);
			if (end === -1) return undefined;
			const quoted = line.slice(at + 1, end);
			if (hasDoubtful(quoted)) return undefined;
			word = (word ?? "") + quoted;
			at = end;
		} else if (character === '"') {
			const quoted = readDoubleQuotes(line, at + 1);
			if (quoted === undefined) return undefined;
			word = (word ?? "") + quoted.text;
			at = quoted.end;
		} else if (character === "\\") {
			at++;
			const escaped = line.charAt(at);
			// nothing follows, or a newline: the shell would join lines
			if (escaped === "" || (isControl(escaped) && escaped !== "\t"))
				return undefined;
			word = (word ?? "") + escaped;
		} else if (
			SHELL_CHARACTERS.has(character) ||
			isControl(character) ||
			(character === "#" && word === undefined)
		) {
			return undefined;
		} else {
			word = (word ?? "") + character;
		}
	}
	if (word !== undefined) words.push(word);
	return words;
}

/** Inside quotes a newline and a tab are themselves in every shell. */
function hasDoubtful(quoted: string) {
	for (const character of quoted)
		if (isControl(character) && character !== "\n" && character !== "\t")
			return true;
	return false;
}

/** Reads from behind the opening quote; `end` is the place of the closing one. */
function readDoubleQuotes(line: string, start: number) {
	let text = "";
	for (let at = start; at < line.length; at++) {
		const character = line.charAt(at);
		if (character === '"')
			return hasDoubtful(text) ? undefined : { text, end: at };
		if (character === "$" || character === "`") return undefined;
		if (character === "\\") {
			const next = line.charAt(at + 1);
			if (next === "\n") return undefined;
			if (ESCAPED_IN_DOUBLE_QUOTES.has(next)) {
				text += next;
				at++;
				continue;
			}
		}
		text += character;
	}
	return undefined;
}
