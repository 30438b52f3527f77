/** The meaning of a character to a shell, outside quotes. */
type Meaning = "blank" | "quote" | "comment" | "tilde" | "shell" | "control";

/** By character code; undefined for literal characters, and for those beyond ASCII. */
const meanings: readonly (Meaning | undefined)[] = Array.from(
	{ length: 128 },
	(_, code) => {
		const character = String.fromCharCode(code);
		if (" \t".includes(character)) return "blank";
		if ("'\"\\".includes(character)) return "quote";
		if (character === "#") return "comment";
		if (character === "~") return "tilde";
		// POSIX operators and expansions, and the brace expansion of other shells
		if ("|&;<>()$`*?[]{}".includes(character)) return "shell";
		return isControl(code) ? "control" : undefined;
	},
);

function isControl(code: number) {
	return code < 32 || code === 127;
}

const codeOf = (character: string) => character.charCodeAt(0);

const tab = codeOf("\t");
const newline = codeOf("\n");
const singleQuote = codeOf("'");
const doubleQuote = codeOf('"');
const backslash = codeOf("\\");
const dollar = codeOf("$");
const backtick = codeOf("`");

/**
 * Inside double quotes, a backslash escapes only these; before any other character it is literal.
 */
const isEscapedInDoubleQuotes = (code: number) =>
	code === dollar ||
	code === backtick ||
	code === doubleQuote ||
	code === backslash;

/**
 * Control characters that shells treat differently inside quotes; newline and tab are literal in
 * all.
 */
const isDoubtfulInQuotes = (code: number) =>
	isControl(code) && code !== newline && code !== tab;

/**
 * Limit of words split here, as each costs a string and a body has room for millions; a shell
 * splits longer lines.
 */
const maxWords = 4096;

/**
 * Collects the words of a line. A word without quotes is a slice of the line. A quoted one is
 * copied into a buffer of fixed size, one UTF-16 unit at a time: appending single characters to a
 * string would build a tree of strings.
 */
class WordCollector {
	readonly words: string[] = [];
	readonly #line: string;
	/** Start of the current word; undefined between words. */
	#start: number | undefined;
	#units: Buffer | undefined;
	#used = 0;
	#isQuoted = false;

	constructor(line: string) {
		this.#line = line;
	}

	get isInWord(): boolean {
		return this.#start !== undefined;
	}

	/**
	 * Whether a tilde at this position may stand for a directory: at the beginning of a word, and for
	 * some shells after = or : in one that looks like an assignment.
	 */
	mayExpandTilde(at: number): boolean {
		if (this.#start === undefined) return true;
		return (
			this.#line[this.#start] !== "-" && "=:".includes(this.#line[at - 1] ?? "")
		);
	}

	/** Adds the literal character at this position. */
	addPlain(at: number): void {
		this.#start ??= at;
		if (this.#isQuoted) this.add(this.#line.charCodeAt(at));
	}

	/** Notes a quote or backslash at this position, which may be all there is of the word. */
	beginQuoted(at: number): void {
		this.#start ??= at;
		if (this.#isQuoted) return;
		this.#isQuoted = true;
		// a word has at most as many units as the line
		this.#units ??= Buffer.allocUnsafe(2 * this.#line.length);
		this.#used = 0;
		for (let plain = this.#start; plain < at; plain++)
			this.add(this.#line.charCodeAt(plain));
	}

	/** Adds a UTF-16 unit to a quoted word. */
	add(unit: number): void {
		if (!this.#units) return;
		this.#units[this.#used++] = unit & 0xff;
		this.#units[this.#used++] = unit >> 8;
	}

	/** Ends the current word, if any, before this position. */
	endWord(at: number): void {
		if (this.#start === undefined) return;
		this.words.push(
			this.#isQuoted && this.#units
				? this.#units.toString("utf16le", 0, this.#used)
				: this.#line.slice(this.#start, at),
		);
		this.#start = undefined;
		this.#isQuoted = false;
	}
}

/**
 * Splits an option line into words exactly as a POSIX shell would, if it has nothing but plain
 * words, single quotes, double quotes and backslashes. It reads each character once, as a client
 * may send megabytes.
 *
 * The rules are those of POSIX.1-2017, Shell Command Language, 2.2 (quoting) and 2.3 (token
 * recognition). Blanks are space and tab: IFS only matters for expansions.
 *
 * @returns the words, or undefined if the line needs a shell: operators, expansions, globs, braces,
 * a tilde that may be expanded, a comment, an open quote, a trailing backslash, an unquoted newline.
 * Also undefined in doubtful cases, where starting a shell is always safe: control characters, which
 * some shells use internally, and more than 4096 words.
 */
export function splitWords(line: string): string[] | undefined {
	const collector = new WordCollector(line);
	for (let at = 0; at < line.length; at++) {
		switch (meanings[line.charCodeAt(at)]) {
			case undefined:
				collector.addPlain(at);
				break;
			case "blank":
				collector.endWord(at);
				if (collector.words.length > maxWords) return undefined;
				break;
			case "comment":
				if (!collector.isInWord) return undefined;
				collector.addPlain(at);
				break;
			case "tilde":
				if (collector.mayExpandTilde(at)) return undefined;
				collector.addPlain(at);
				break;
			case "quote": {
				collector.beginQuoted(at);
				const end = readQuoted(line, at, collector);
				if (end === undefined) return undefined;
				at = end;
				break;
			}
			default:
				return undefined;
		}
	}
	collector.endWord(line.length);
	return collector.words;
}

/** Words that need no quotes in any shell. */
const plainWord = /^[\w@%+=:,./-]+$/;

/** A word as it has to be written so that a shell, and `splitWords`, read it as it is. */
export const quotedWord = (word: string): string =>
	plainWord.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

/** Reads the quoted text that begins here; returns the position of its last character. */
function readQuoted(
	line: string,
	start: number,
	collector: WordCollector,
): number | undefined {
	switch (line.charCodeAt(start)) {
		case singleQuote:
			return readSingleQuotes(line, start + 1, collector);
		case doubleQuote:
			return readDoubleQuotes(line, start + 1, collector);
		default: {
			const escaped = line.charCodeAt(start + 1);
			// nothing follows, or a newline, at which the shell would join lines
			if (Number.isNaN(escaped) || (isControl(escaped) && escaped !== tab))
				return undefined;
			collector.add(escaped);
			return start + 1;
		}
	}
}

function readSingleQuotes(
	line: string,
	start: number,
	collector: WordCollector,
) {
	for (let at = start; at < line.length; at++) {
		const code = line.charCodeAt(at);
		if (code === singleQuote) return at;
		if (isDoubtfulInQuotes(code)) return undefined;
		collector.add(code);
	}
	return undefined;
}

function readDoubleQuotes(
	line: string,
	start: number,
	collector: WordCollector,
) {
	for (let at = start; at < line.length; at++) {
		const code = line.charCodeAt(at);
		if (code === doubleQuote) return at;
		if (code === dollar || code === backtick || isDoubtfulInQuotes(code))
			return undefined;
		if (code !== backslash) {
			collector.add(code);
			continue;
		}
		const next = line.charCodeAt(at + 1);
		if (next === newline) return undefined;
		collector.add(isEscapedInDoubleQuotes(next) ? next : code);
		if (isEscapedInDoubleQuotes(next)) at++;
	}
	return undefined;
}
