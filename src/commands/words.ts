import { AgentError } from "../agent-error.ts";

/**
 * Characters of a command and its options, at most. v1 gave all of them to a shell as one argument, and Linux takes
 * none that is longer (MAX_ARG_STRLEN).
 */
const LONGEST_LINE = 131_072;

/**
 * Refuses a line that no command line can hold, before anybody looks at its characters.
 * @param names of the fields that the parts come from, for the message
 * @throws AgentError `bad-request`
 */
export function refuseLongLine(names: string, ...parts: string[]): void {
	const length = parts.reduce((sum, part) => sum + part.length, 0);
	if (length > LONGEST_LINE)
		throw new AgentError(
			"bad-request",
			`${names}: ${length} characters, a command line has room for ${LONGEST_LINE}`,
		);
}

/** What a character means to a shell outside quotes. */
type Meaning = "blank" | "quote" | "comment" | "shell" | "control";

/** By the character's code; those that are not here mean themselves. */
const meanings: readonly (Meaning | undefined)[] = Array.from(
	{ length: 128 },
	(_, code) => {
		const character = String.fromCharCode(code);
		if (" \t".includes(character)) return "blank";
		if ("'\"\\".includes(character)) return "quote";
		if (character === "#") return "comment";
		// the operators and expansions of POSIX, and the braces of other shells
		if ("|&;<>()$`*?[]{}~".includes(character)) return "shell";
		return isControl(code) ? "control" : undefined;
	},
);

function isControl(code: number) {
	return code < 32 || code === 127;
}

const codeOf = (character: string) => character.charCodeAt(0);

const TAB = codeOf("\t");
const NEWLINE = codeOf("\n");
const SINGLE = codeOf("'");
const DOUBLE = codeOf('"');
const BACKSLASH = codeOf("\\");
const DOLLAR = codeOf("$");
const BACKTICK = codeOf("`");

/** Only these lose their meaning after a backslash inside double quotes; before anything else the backslash stays. */
const isEscapedInDoubleQuotes = (code: number) =>
	code === DOLLAR || code === BACKTICK || code === DOUBLE || code === BACKSLASH;

/** Inside quotes a newline and a tab are themselves in every shell. */
const isDoubtfulInQuotes = (code: number) =>
	isControl(code) && code !== NEWLINE && code !== TAB;

/** A line with more words than this is the shell's: each costs a string, and a body has room for millions. */
const MOST_WORDS = 4096;

/**
 * The words of a line. One without quotes is a slice of the line; others are collected one UTF-16 unit after the other,
 * in memory of a fixed size: a string that grows by a character is a tree of strings.
 */
class WordCollector {
	readonly words: string[] = [];
	readonly #line: string;
	/** Where the word began; undefined between words. */
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

	/** The character at a place means itself. */
	addPlain(at: number): void {
		this.#start ??= at;
		if (this.#isQuoted) this.add(this.#line.charCodeAt(at));
	}

	/** At this place is a quote or a backslash; a word may have nothing else. */
	beginQuoted(at: number): void {
		this.#start ??= at;
		if (this.#isQuoted) return;
		this.#isQuoted = true;
		// no word has more units than the line
		this.#units ??= Buffer.allocUnsafe(2 * this.#line.length);
		this.#used = 0;
		for (let plain = this.#start; plain < at; plain++)
			this.add(this.#line.charCodeAt(plain));
	}

	/** Adds a unit to a quoted word. */
	add(unit: number): void {
		if (!this.#units) return;
		this.#units[this.#used++] = unit & 0xff;
		this.#units[this.#used++] = unit >> 8;
	}

	/** Ends the word, if there is one, before this place. */
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
 * Splits a line of options into words exactly as a POSIX shell would, as long as it holds nothing but plain words,
 * single quotes, double quotes and backslashes. It looks at each character once, as a client may send megabytes.
 *
 * The rules are those of POSIX.1-2017, Shell Command Language, 2.2 (quoting) and 2.3 (token recognition). Blanks are
 * space and tab: IFS plays no part without expansions.
 *
 * @returns the words, or undefined when only a shell can say what the line means: operators, expansions, globs,
 * braces, tildes, a comment, an open quote, a trailing backslash, an unquoted newline. It is undefined too in doubtful
 * cases, so that the worst that can happen is a shell started for nothing: control characters, which some shells use as
 * marks of their own, and more than 4096 words.
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
				if (collector.words.length > MOST_WORDS) return undefined;
				break;
			case "comment":
				if (!collector.isInWord) return undefined;
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

/** Reads what begins with a quote or a backslash; gives the place of its last character. */
function readQuoted(
	line: string,
	start: number,
	collector: WordCollector,
): number | undefined {
	switch (line.charCodeAt(start)) {
		case SINGLE:
			return readSingleQuotes(line, start + 1, collector);
		case DOUBLE:
			return readDoubleQuotes(line, start + 1, collector);
		default: {
			const escaped = line.charCodeAt(start + 1);
			// nothing follows, or a newline: the shell would join lines
			if (Number.isNaN(escaped) || (isControl(escaped) && escaped !== TAB))
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
		if (code === SINGLE) return at;
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
		if (code === DOUBLE) return at;
		if (code === DOLLAR || code === BACKTICK || isDoubtfulInQuotes(code))
			return undefined;
		if (code !== BACKSLASH) {
			collector.add(code);
			continue;
		}
		const next = line.charCodeAt(at + 1);
		if (next === NEWLINE) return undefined;
		collector.add(isEscapedInDoubleQuotes(next) ? next : code);
		if (isEscapedInDoubleQuotes(next)) at++;
	}
	return undefined;
}
