import { basename } from "node:path";
import {
	fixedWord,
	type PolicyValue,
} from "../../../src/policy/policy-text.ts";
import {
	calledPlugin,
	checkPluginName,
	hasControlCharacter,
} from "../../../src/protocol/plugin-name.ts";
import { splitWords } from "../../../src/protocol/words.ts";
import { expanded, piecesOf, roomForArguments } from "./macros.ts";
import { type Guess, guessValue, punctuation } from "./slot-guess.ts";

/** What the import has to know about the machine. */
export interface Machine {
	/** The name by which the agent finds exactly this file in its plugin directories; else undefined. */
	pluginName(file: string): string | undefined;
	/** The path of a program, as NRPE's shell finds it in PATH; undefined if it does not. */
	programFile(name: string): string | undefined;
	/** Whether only a shell can run the file, as it has no `#!` line. */
	needsShell(file: string): boolean;
	/** Whether the shell takes `~:10` for a directory and more, as bash does. */
	readonly expandsTildes: boolean;
}

/** How NRPE runs commands. */
export interface Daemon {
	/** Whether it takes arguments of requests. */
	readonly takesArguments: boolean;
	/** `command_prefix`, one character for each byte. */
	readonly prefix: string | undefined;
	/** Characters that no request may have. */
	readonly nastyCharacters: string;
}

/** A command of a policy that runs what NRPE runs. */
export interface MadeCommand {
	readonly run: readonly string[];
	readonly slots: Readonly<Record<string, PolicyValue>>;
	/** Limit of the bytes of all values. */
	readonly maxValueBytes: number | undefined;
	/** Sentences about what is as it was. */
	readonly notes: readonly string[];
	/** Sentences about what no longer passes. */
	readonly tightened: readonly string[];
}

/** Why a command line cannot be imported. */
export interface Unmade {
	readonly reason: string;
	readonly proposal: string;
}

/** Characters that stand for the places of arguments while a line is divided into words. */
const firstMark = 0xe000;
const markOf = (argument: number) => String.fromCharCode(firstMark + argument);
const anyMark = /[\ue001-\ue010]/;
const argumentOf = (mark: string) => mark.charCodeAt(0) - firstMark;

/** Where an argument stands. */
type Quotes = "plain" | "single" | "double";

/** What the shell treats as special outside of quotes, and what ends a word there. */
const shellCharacters = " !\"#$&'()*;<>?[\\]`{|}~";

/** What a value must not have at its place, besides control characters. */
const specialIn: Readonly<Record<Quotes, string>> = {
	plain: shellCharacters,
	// NRPE refuses $( in any argument
	single: "'$",
	double: '"$`\\',
};

/** Words that a shell does not look up in PATH. */
const shellWords = new Set(
	": . ! [ [[ { } alias bg bind break builtin caller case cd chdir command compgen complete compopt continue coproc declare dirs disown do done echo elif else enable esac eval exec exit export false fc fg fi for function getopts hash help history if in jobs kill let local logout mapfile popd printf pushd pwd read readarray readonly return select set shift shopt source suspend test then time times trap true type typeset ulimit umask unalias unset until wait while".split(
		" ",
	),
);

/** Programs that run another one, which their arguments name. */
const launchers = new Set(
	"ash awk bash busybox chroot chrt dash doas env expect find gawk ionice ksh lua mawk negate nice node nohup perl php pkexec python python2 python3 ruby runuser setpriv setsid sh ssh stdbuf su sudo taskset timeout xargs zsh".split(
		" ",
	),
);

/** A text in UTF-8; undefined if the bytes are no UTF-8. */
export function decoded(bytes: string): string | undefined {
	try {
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
			Buffer.from(bytes, "latin1"),
		);
	} catch {
		return undefined;
	}
}

/** Whether a word is run by a shell as a variable's value: `LANG=C`. */
const isAssignment = (word: string) => /^[A-Za-z_]\w*\+?=/.test(word);

/** A shell that runs a fixed text, under the name that it has under NRPE, which is in messages. */
const inShell = (text: string) => ["/bin/sh", "-c", fixedWord(text), "sh"];

/** An absolute path as a policy can have it, in its shortest form; undefined if it cannot. */
function plainPath(file: string): string | undefined {
	const name = file.slice(1).replace(/^\/+/, "");
	return checkPluginName(name) === undefined && !/\s/.test(name)
		? `/${calledPlugin(name).name}`
		: undefined;
}

/** The words that run a program without a shell; undefined if a shell has to find it. */
function directProgram(
	first: string,
	machine: Machine,
): { run: string[]; notes: string[] } | undefined {
	if (isAssignment(first)) return undefined;
	const file = first.startsWith("/")
		? plainPath(first)
		: first.includes("/") || shellWords.has(first)
			? undefined
			: machine.programFile(first);
	if (file === undefined || machine.needsShell(file)) return undefined;
	const notes =
		file === first ? [] : [`${first} is ${file}, where NRPE's shell finds it.`];
	return { run: [machine.pluginName(file) ?? file], notes };
}

/** What a command through sudo relies on. */
function sudoNotes(words: readonly string[], user: string): string[] {
	if (basename(words[0] ?? "") !== "sudo") return [];
	const at = words.findIndex(
		(word, index) => index > 0 && word.startsWith("/"),
	);
	const target = /^-(?:u|-user)$/;
	const asked = words.findIndex((word) => target.test(word));
	const other = asked > 0 && asked < at ? words[asked + 1] : "root";
	return [
		`It runs through sudo, so sudoers must let the agent's user do it without a password, as with this line for ${user}: ${user} ALL=(${other}) NOPASSWD: ${
			at < 0
				? "ALL"
				: words
						.slice(at)
						.join(" ")
						.replaceAll(/[\ue001-\ue010]/g, "*")
		}`,
	];
}

/** A command line without places for arguments. */
function madeFixed(
	text: string,
	machine: Machine,
	user: string,
): MadeCommand | Unmade {
	const words = splitWords(text);
	const direct = words?.[0] && directProgram(words[0], machine);
	const empty = { slots: {}, maxValueBytes: undefined, tightened: [] };
	if (words && direct)
		return {
			...empty,
			run: [...direct.run, ...words.slice(1).map(fixedWord)],
			notes: [...direct.notes, ...sudoNotes(words, user)],
		};
	if (text.trim() === "")
		return {
			reason: "The command line is empty.",
			proposal: "Write a command, or take the line out.",
		};
	return {
		...empty,
		run: inShell(text),
		notes: [
			"A shell runs the text as it is, as under NRPE.",
			...(words ? sudoNotes(words, user) : []),
		],
	};
}

/** The characters of a line as a shell reads them, a backslash together with the one behind it. */
function* readAsShell(
	text: string,
): Generator<{ characters: string; quotes: Quotes }> {
	let quotes: Quotes = "plain";
	for (let at = 0; at < text.length; at++) {
		const character = text[at] ?? "";
		if (character === "\\" && quotes !== "single") {
			yield { characters: character + (text[++at] ?? ""), quotes };
			continue;
		}
		yield { characters: character, quotes };
		if (character === '"' && quotes !== "single")
			quotes = quotes === "double" ? "plain" : "double";
		else if (character === "'" && quotes !== "double")
			quotes = quotes === "single" ? "plain" : "single";
	}
}

/** How each argument is quoted; "escaped" after a backslash. */
function quotesOf(text: string): Map<number, Set<Quotes | "escaped">> {
	const found = new Map<number, Set<Quotes | "escaped">>();
	for (const { characters, quotes } of readAsShell(text)) {
		const mark = characters.at(-1) ?? "";
		if (!anyMark.test(mark)) continue;
		const argument = argumentOf(mark);
		const known = found.get(argument) ?? new Set();
		found.set(argument, known.add(mark === characters ? quotes : "escaped"));
	}
	return found;
}

/** The word of a policy's `run` for a word with marks. */
const runWord = (word: string, several: number | undefined) =>
	word
		.split(/([\ue001-\ue010])/)
		.map((part) => {
			if (!anyMark.test(part)) return fixedWord(part);
			const argument = argumentOf(part);
			return `{arg${argument}${argument === several ? "..." : ""}}`;
		})
		.join("");

/** An argument at one place of the words. */
interface Place {
	argument: number;
	/** The option that it follows, in the word or before it. */
	option: string | undefined;
	/** Whether the word begins with it. */
	isFirst: boolean;
}

function placesOf(words: readonly string[]): Place[] {
	return words.flatMap((word, index) => {
		const before = words[index - 1] ?? "";
		return [...word.matchAll(/[\ue001-\ue010]/g)].map((match): Place => {
			const front = word.slice(0, match.index);
			const [, attached] =
				/^(--?[A-Za-z][\w-]*)=$/.exec(front) ??
				/^(-[A-Za-z])$/.exec(front) ??
				[];
			const isAlone = word.length === 1;
			return {
				argument: argumentOf(match[0]),
				option: isAlone && /^--?[A-Za-z]/.test(before) ? before : attached,
				isFirst: match.index === 0,
			};
		});
	});
}

const printable = Array.from({ length: 95 }, (_, at) =>
	String.fromCharCode(32 + at),
).filter((character) => /[^A-Za-z0-9]/.test(character));

const shownCharacters = (characters: readonly string[]) =>
	characters
		.map((character) => (character === " " ? "blank" : character))
		.join(" ");

const unique = (characters: string) => [...new Set(characters)].join("");

const typeNames: Readonly<Record<Guess | "word" | "text", string>> = {
	threshold: "a threshold",
	duration: "a duration",
	host: "a host",
	port: "a port",
	path: "a path",
	word: "a plain word",
	text: "a text",
};

/** The slot of an argument that is one word or a part of one. */
function wordSlot(
	argument: number,
	places: readonly Place[],
	quotes: ReadonlySet<Quotes>,
	plugin: string,
	room: number,
	{ daemon, machine }: Parts,
): { slot: PolicyValue; tightened: string } {
	const guesses = places.map(({ option }) => guessValue(plugin, option));
	const [first] = guesses;
	const isSame = guesses.every(({ type }) => type === first?.type);
	const isQuoted = !quotes.has("plain");
	const type =
		(isSame ? first?.type : undefined) ?? (isQuoted ? "text" : "word");
	const isTilde =
		type === "threshold" &&
		machine.expandsTildes &&
		!isQuoted &&
		places.some(({ isFirst }) => isFirst);
	// ! ends an argument
	const refused = unique(
		[...quotes]
			.map((each) => specialIn[each])
			.join("")
			.concat(daemon.nastyCharacters, "!"),
	);
	const passes = type === "text" ? printable.join("") : punctuation[type];
	const without = [...refused]
		.filter(
			(character) =>
				passes.includes(character) ||
				// letters and digits, if a nrpe.cfg calls them nasty
				/[A-Za-z0-9\u0080-\u{10ffff}]/u.test(character),
		)
		// a tilde is special at the beginning only, and no user is called :10
		.filter((character) => character !== "~" || type !== "threshold" || isTilde)
		.join("");
	const isSecret = guesses.some(({ isSecret }) => isSecret);
	const lost = printable.filter(
		(character) =>
			!daemon.nastyCharacters.includes(character) &&
			character !== "!" &&
			(without.includes(character) || !passes.includes(character)),
	);
	const options = [
		...new Set(places.flatMap(({ option }) => option ?? [])),
	].join(", ");
	const guessed = isSame && first?.type !== undefined && options !== "";
	const gone = [
		...(lost.length > 0 ? [shownCharacters(lost)] : []),
		...(type === "threshold" ? [] : ["a value that begins with -"]),
	].join(" or ");
	const slot: Record<string, PolicyValue> = { is: type };
	if (type === "threshold") slot.negative = true;
	if (without !== "") slot.without = without;
	// a missing argument is an empty word in quotes
	if (type === "text") Object.assign(slot, { "at-most": room, default: "" });
	if (isSecret) slot.secret = true;
	return {
		slot: Object.keys(slot).length === 1 ? type : slot,
		tightened: `arg${argument} is ${typeNames[type]}${guessed ? ` (a guess, from ${options})` : ""}; it no longer takes ${gone}.`,
	};
}

/** The slot of an argument that is several words. */
function wordsSlot(argument: number, { nastyCharacters }: Daemon) {
	const inText = [..."#$()*?~"].filter(
		(character) => !nastyCharacters.includes(character),
	);
	return {
		slot: {
			is: "loose-words",
			without: unique(
				[...nastyCharacters, "$", "`", "!"]
					.filter((character) => character >= " ")
					.join(""),
			),
		},
		tightened: `arg${argument} is several words, as blanks and double quotes divide it; it no longer takes ${shownCharacters(inText)} where a shell treats them as special. It lets a caller pass any option, as under NRPE: list the options with the type words.`,
	};
}

/**
 * A proposal for a line with arguments that needs a shell: the arguments as words behind the text.
 * None of them stands behind a backslash.
 */
function shellProposal(text: string): string {
	const used = [...new Set([...text].filter((each) => anyMark.test(each)))];
	let script = "";
	for (const { characters, quotes } of readAsShell(text)) {
		if (!anyMark.test(characters)) {
			script += characters;
			continue;
		}
		const number = used.indexOf(characters) + 1;
		const value = number > 9 ? `\${${number}}` : `$${number}`;
		script +=
			quotes === "double"
				? value
				: quotes === "single"
					? `'"${value}"'`
					: `"${value}"`;
	}
	const names = used.map((mark) => `arg${argumentOf(mark)}`);
	const slots = names.map((name) => `${name}: word`).join(", ");
	const words = names.map((name) => `, "{${name}}"`).join("");
	return `Look at this, and add it to commands: { run: [/bin/sh, -c, ${JSON.stringify(fixedWord(script))}, sh${words}], slots: { ${slots} } }`;
}

/** A command line with places for arguments. */
function madeWithSlots(
	line: string,
	text: string,
	parts: Parts,
): MadeCommand | Unmade {
	const { daemon, machine, user } = parts;
	const quotes = quotesOf(text);
	if ([...quotes.values()].some((each) => each.has("escaped")))
		return {
			reason: "A backslash stands in front of an argument.",
			proposal: "Take the backslash out, and import again.",
		};
	const words = splitWords(text);
	if (!words || /[\ue001-\ue010]~/.test(text))
		return {
			reason:
				"The line needs a shell, and a value of a request would be a part of the shell's program.",
			proposal: shellProposal(text),
		};
	const [first = "", ...rest] = words;
	const script =
		"Write a script that takes the arguments, and a command that runs it.";
	if (anyMark.test(first))
		return {
			reason: "The program comes from an argument.",
			proposal: "Write a command for each program.",
		};
	const direct = directProgram(first, machine);
	if (!direct)
		return {
			...(!first.startsWith("/")
				? {
						reason: `A shell has to find ${first} itself.`,
						proposal:
							"Write the absolute path of the program, and import again.",
					}
				: plainPath(first) === undefined
					? {
							reason: `The path ${first} has a blank, .. or a character that is special for a shell, and no command of a policy can have it.`,
							proposal:
								"Make a link with a plain path to the program, and import again.",
						}
					: {
							reason: `${first} has no #! line, so only a shell can run it.`,
							proposal:
								"Give the file a first line such as #!/bin/sh, and import again.",
						}),
		};
	const withSlot = rest.findIndex((word) => anyMark.test(word));
	const program = rest.findIndex((word) => word.startsWith("/"));
	if (
		launchers.has(basename(first).replace(/[\d.]+$/, "")) &&
		(program < 0 || program >= withSlot)
	)
		return {
			reason: `An argument says what ${first} runs.`,
			proposal: script,
		};
	const room = roomForArguments(line);
	if (room < 1)
		return {
			reason: "The line is so long that NRPE has no room for an argument.",
			proposal: script,
		};
	const plugin = basename(program >= 0 ? (rest[program] ?? "") : first);
	const places = placesOf(words);
	const last = rest.at(-1) ?? "";
	const lastGuess = guessValue(plugin, places.at(-1)?.option);
	const isSeveral =
		anyMark.test(last) &&
		last.length === 1 &&
		quotes.get(argumentOf(last))?.has("plain") === true &&
		places.filter(({ argument }) => argument === argumentOf(last)).length ===
			1 &&
		lastGuess.type === undefined &&
		!lastGuess.isSecret;
	const several = isSeveral ? argumentOf(last) : undefined;
	const slots: Record<string, PolicyValue> = {};
	const tightened: string[] = [];
	for (const argument of [...quotes.keys()].toSorted((a, b) => a - b)) {
		const made =
			argument === several
				? wordsSlot(argument, daemon)
				: wordSlot(
						argument,
						places.filter((place) => place.argument === argument),
						quotes.get(argument) as ReadonlySet<Quotes>,
						plugin,
						room,
						parts,
					);
		slots[`arg${argument}`] = made.slot;
		tightened.push(made.tightened);
	}
	return {
		run: [...direct.run, ...rest.map((word) => runWord(word, several))],
		slots,
		maxValueBytes: room,
		notes: [...direct.notes, ...sudoNotes(words, user)],
		tightened,
	};
}

/** What a command line is made with. */
export interface Parts {
	readonly daemon: Daemon;
	readonly machine: Machine;
	/** The user as whom NRPE runs commands, for sentences about sudo. */
	readonly user: string;
}

/**
 * Makes the command of a policy that runs what NRPE runs for a command line, or says why there is
 * none.
 * @param line with `command_prefix`, one character for each byte
 */
export function makeCommand(line: string, parts: Parts): MadeCommand | Unmade {
	const { takesArguments } = parts.daemon;
	const pieces = piecesOf(line);
	const hasArguments = pieces.some((piece) => typeof piece === "object");
	const bytes =
		takesArguments && hasArguments
			? pieces
					.map((piece) => (typeof piece === "string" ? piece : "\0"))
					.join("")
			: expanded(line, []);
	const text = decoded(bytes);
	if (text === undefined)
		return {
			reason: "The line is not UTF-8.",
			proposal: "Write it in UTF-8, or move it into a script.",
		};
	if (anyMark.test(text))
		return {
			reason: "The line has a character for private use (U+E001 to U+E010).",
			proposal: "Move it into a script.",
		};
	const fixed = text.replaceAll("\0", "");
	if (hasControlCharacter(fixed) || (!takesArguments && text.includes("\0")))
		return {
			reason: "The line has a control character.",
			proposal: "Take it out, or move the line into a script.",
		};
	if (!takesArguments || !hasArguments)
		return madeFixed(text, parts.machine, parts.user);
	const numbers = pieces.flatMap((piece) =>
		typeof piece === "string" ? [] : [piece.argument],
	);
	let next = 0;
	const marked = text.replaceAll("\0", () => markOf(numbers[next++] ?? 0));
	return madeWithSlots(line, marked, parts);
}
