import { isIP } from "node:net";
import { splitWords } from "../protocol/words.ts";
import type { YamlTree } from "../protocol/yaml.ts";
import type { DocumentReader, Pairs } from "./document.ts";
import { compilePattern, PatternError } from "./pattern.ts";
import { joined, shown } from "./shown.ts";
import { type ValueFacts, valueFacts } from "./value-facts.ts";

/** What a decision knows about the paths in a call. */
export interface Paths {
	/** The real path by the path in the call. */
	readonly real: ReadonlyMap<string, string> | undefined;
	/** Collects the paths whose real ones are wanted, in place of looking at them. */
	readonly wanted?: Set<string>;
}

/** The type of a slot that takes a single word. */
export interface WordType {
	readonly facts: ValueFacts;
	/** Whether values may be logged. */
	readonly isSecret: boolean;
	/** Whether it looks at the real paths of values. */
	readonly hasRealPaths: boolean;
	/** Returns why a value does not fit, as the end of a sentence about it: `is not a port`. */
	refuse(value: string, paths: Paths): string | undefined;
}

/** The type of a slot that takes several words. */
export interface WordsType {
	readonly facts: ValueFacts;
	readonly isSecret: boolean;
	readonly hasRealPaths: boolean;
	/** The options that it passes; undefined if it passes any words. */
	readonly options: ReadonlyMap<string, WordType | true> | undefined;
	/** What words that are no options must be; undefined if there must be none. */
	readonly others: WordType | undefined;
	/** Characters that no word may have. */
	readonly without: string;
	readonly maximum: number;
}

/** Limit of the characters of any value. */
const maxLength = 4_096;
const maxTextLength = 256;
const maxWords = 64;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const controls = /[\x00-\x1f\x7f-\x9f\p{Surrogate}\u2028\u2029]/u;

/** What no value of any type may have. */
function faultOf(value: string): string | undefined {
	// nearly all values, in a fraction of the time
	if (value.length <= maxLength && /^[ -~]*$/.test(value)) return undefined;
	if (value.length > maxLength) return `is longer than ${maxLength} characters`;
	return controls.test(value) ? "has a control character" : undefined;
}

/** Why a value is refused for a character of `without`; undefined if it has none of them. */
function excludedFault(value: string, without: string): string | undefined {
	for (const character of without)
		if (value.includes(character)) return `has ${shown(character)}`;
	return undefined;
}

const withoutOf = (pairs: Pairs, place: string, reader: DocumentReader) => {
	const pair = pairs.get("without");
	return pair ? (reader.text(pair.value, `${place}.without`) ?? "") : "";
};

type Refuse = WordType["refuse"];

const unsigned = "\\d{1,30}(?:\\.\\d{1,30})?";
const numberPattern = new RegExp(`^-?${unsigned}$`);
const percentPattern = new RegExp(`^-?${unsigned}%$`);

// with the units of Nagios' performance data, and those of common plugins
const bound = `-?${unsigned}(?:%|[num]?s|[mhdw]|[KMGTPE]?i?[Bb]|[kKMGTPE]|c)?`;
const rangePattern = new RegExp(
	`^@?(?:${bound}|(?:~|${bound})?:(?:${bound})?)$`,
);
const isRange = (text: string) =>
	// nearly all thresholds, in a fraction of the time
	/^\d{1,15}%?$/.test(text) ||
	(text !== ":" && text !== "@:" && rangePattern.test(text));

const durationPattern = new RegExp(
	`^(?:\\d{1,15}|(?:${unsigned}(?:[num]?s|[mhdw])){1,6})$`,
);

// what no shell and no terminal treats as special
const wordPattern = /^[\p{L}\p{M}\p{N}_.,:/@%+=^-]+$/u;

const hostName =
	/^(?=.{1,253}$)[A-Za-z0-9_][A-Za-z0-9_-]{0,62}(?:\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/;
// addresses in another spelling: 0x7f.1, 127.1
const numericName = /(?:^|\.)(?:\d+|0x[0-9a-f]*)\.?$/i;

const isHost = (value: string) =>
	isIP(value) !== 0
		? !value.includes("%")
		: hostName.test(value) && !numericName.test(value);

/** Why a path is not absolute and in its shortest form; undefined if it is. */
function pathFault(path: string): string | undefined {
	if (!path.startsWith("/")) return "is not an absolute path";
	const segments = path.slice(1).split("/");
	if (segments.includes("..")) return "has the path segment ..";
	const isShortest =
		path === "/" ||
		!segments.some((segment) => segment === "" || segment === ".");
	return isShortest ? undefined : "is a path with . or an empty segment";
}

const isBelow = (path: string, directory: string) =>
	directory === "/" || path === directory || path.startsWith(`${directory}/`);

function urlFault(value: string, schemes: readonly string[]) {
	const [, scheme = "", authority = ""] =
		/^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)/.exec(value) ?? [];
	if (!schemes.includes(scheme.toLowerCase()))
		return `is not a URL with ${joined(schemes, "or")}`;
	if (/[\s"'`<>\\^{|}]/.test(value)) return "has a character that no URL has";
	if (authority.includes("@")) return "is a URL with a user name";
	const [, host = ""] =
		/^(\[[0-9A-Fa-f:.]+\]|[^:[\]]*)(?::\d{1,5})?$/.exec(authority) ?? [];
	return isHost(host.replace(/^\[(.*)\]$/, "$1")) && URL.canParse(value)
		? undefined
		: "is not a URL with a host";
}

/** How each type is read. Returns the test of a value; undefined after a problem. */
type ReadType = (
	pairs: Pairs,
	place: string,
	reader: DocumentReader,
	at: { readonly line: number },
) => Refuse | undefined;

const limitsOf = (
	pairs: Pairs,
	place: string,
	reader: DocumentReader,
	isWhole: boolean,
): { minimum: number | undefined; maximum: number | undefined } => {
	const limit = (key: "min" | "max") => {
		const pair = pairs.get(key);
		return pair && reader.number(pair.value, `${place}.${key}`, { isWhole });
	};
	const limits = { minimum: limit("min"), maximum: limit("max") };
	const { minimum = Number.NEGATIVE_INFINITY, maximum } = limits;
	if (maximum !== undefined && minimum > maximum)
		reader.refuse(
			pairs.get("max") ?? { line: 0 },
			place,
			"min is greater than max",
		);
	return limits;
};

/** A number: negative only if `min` says so, as a word that begins with - is an option elsewhere. */
const readNumber =
	(
		what: string,
		pattern: RegExp,
		initial: { minimum: number; maximum?: number },
	): ReadType =>
	(pairs, place, reader) => {
		const given = limitsOf(pairs, place, reader, what === "a whole number");
		const minimum = given.minimum ?? initial.minimum;
		const maximum =
			given.maximum ?? initial.maximum ?? Number.POSITIVE_INFINITY;
		return (value) => {
			if (!pattern.test(value)) return `is not ${what}`;
			const number = Number.parseFloat(value);
			if (number < minimum) return `is less than ${minimum}`;
			if (value.startsWith("-") && minimum >= 0) return `is not ${what}`;
			return number > maximum ? `is more than ${maximum}` : undefined;
		};
	};

const lengthOf = (
	pairs: Pairs,
	place: string,
	reader: DocumentReader,
): number => {
	const pair = pairs.get("at-most");
	const limits = { minimum: 1, maximum: maxLength, isWhole: true };
	return (
		(pair && reader.number(pair.value, `${place}.at-most`, limits)) ??
		maxTextLength
	);
};

const beginsWithDash = "begins with -";

/** Types of a single word: the keys that each may have, and how it is read. */
const wordTypes: Readonly<
	Record<string, { keys: readonly string[]; needs?: string; read: ReadType }>
> = {
	integer: {
		keys: ["min", "max"],
		read: readNumber("a whole number", /^-?(?:0|[1-9]\d{0,14})$/, {
			minimum: 0,
		}),
	},
	number: {
		keys: ["min", "max"],
		read: readNumber("a number", numberPattern, { minimum: 0 }),
	},
	percent: {
		keys: ["min", "max"],
		read: readNumber("a percentage", percentPattern, {
			minimum: 0,
			maximum: 100,
		}),
	},
	threshold: {
		keys: ["negative"],
		read(pairs, place, reader) {
			const pair = pairs.get("negative");
			const isNegative =
				pair !== undefined && reader.truth(pair.value, `${place}.negative`);
			return (value) => {
				if (value.startsWith("-") && !isNegative) return beginsWithDash;
				return value.split(",").every(isRange)
					? undefined
					: "is not a threshold or a list of thresholds";
			};
		},
	},
	duration: {
		keys: [],
		read: () => (value) =>
			durationPattern.test(value) ? undefined : "is not a duration",
	},
	word: {
		keys: [],
		read: () => (value) => {
			if (value.startsWith("-")) return beginsWithDash;
			return wordPattern.test(value) ? undefined : "is not a plain word";
		},
	},
	text: {
		keys: ["at-most"],
		read(pairs, place, reader) {
			const maximum = lengthOf(pairs, place, reader);
			return (value) => {
				if (value.startsWith("-")) return beginsWithDash;
				return value.length > maximum
					? `is longer than ${maximum} characters`
					: undefined;
			};
		},
	},
	"one-of": {
		keys: ["values"],
		needs: "values",
		read(pairs, place, reader, at) {
			const pair = pairs.get("values");
			const values = pair ? reader.texts(pair.value, `${place}.values`) : [];
			const words = new Set<string>();
			for (const { text, line } of values) {
				const fault = text === "" ? "is empty" : faultOf(text);
				if (fault) reader.refuse({ line }, `${place}.values`, fault);
				if (words.has(text))
					reader.refuse(
						{ line },
						`${place}.values`,
						`${shown(text)}: comes twice`,
					);
				words.add(text);
			}
			if (words.size === 0) reader.refuse(at, place, "has no values");
			const list = joined([...words].slice(0, 10).map(shown), "or");
			return (value) =>
				words.has(value)
					? undefined
					: `is not ${list}${words.size > 10 ? " or another value of the list" : ""}`;
		},
	},
	path: {
		keys: ["below", "real"],
		read(pairs, place, reader) {
			const below = pairs.get("below");
			const directories = below
				? reader.texts(below.value, `${place}.below`)
				: [{ text: "/", line: 0 }];
			for (const { text, line } of directories) {
				const fault = faultOf(text) ?? pathFault(text);
				if (fault)
					reader.refuse({ line }, `${place}.below`, `${shown(text)} ${fault}`);
			}
			const real = pairs.get("real");
			const isReal =
				real !== undefined && reader.truth(real.value, `${place}.real`);
			const allowed = directories.map(({ text }) => text);
			const list = allowed.map(shown).join(", ");
			const isAllowed = (path: string) =>
				allowed.some((directory) => isBelow(path, directory));
			return (value, { real, wanted }) => {
				const fault = pathFault(value);
				if (fault) return fault;
				if (!isAllowed(value)) return `is not below ${list}`;
				if (!isReal) return undefined;
				if (wanted) {
					wanted.add(value);
					return undefined;
				}
				const path = real?.get(value);
				if (path === undefined) return "does not exist";
				return isAllowed(path)
					? undefined
					: `is really ${shown(path)}, which is not below ${list}`;
			};
		},
	},
	host: {
		keys: [],
		read: () => (value) =>
			isHost(value) ? undefined : "is not a host name or address",
	},
	port: {
		keys: [],
		read: () => (value) =>
			/^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535
				? undefined
				: "is not a port",
	},
	url: {
		keys: ["schemes"],
		read(pairs, place, reader) {
			const pair = pairs.get("schemes");
			const schemes = pair ? reader.texts(pair.value, `${place}.schemes`) : [];
			for (const { text, line } of schemes)
				if (!/^[a-z][a-z0-9+.-]*$/.test(text))
					reader.refuse(
						{ line },
						`${place}.schemes`,
						`${shown(text)} is not a scheme in lower case, such as https`,
					);
			const allowed = pair
				? schemes.map(({ text }) => text)
				: ["http", "https"];
			return (value) => urlFault(value, allowed);
		},
	},
	match: {
		keys: ["pattern", "at-most"],
		needs: "pattern",
		read(pairs, place, reader) {
			const maximum = lengthOf(pairs, place, reader);
			const pair = pairs.get("pattern");
			const text = pair && reader.text(pair.value, `${place}.pattern`);
			if (pair === undefined || text === undefined) return undefined;
			try {
				const matches = compilePattern(text);
				const written = controls.test(text) ? "its pattern" : text;
				return (value) => {
					if (value.startsWith("-")) return beginsWithDash;
					if (value.length > maximum)
						return `is longer than ${maximum} characters`;
					return matches(value) ? undefined : `does not match ${written}`;
				};
			} catch (error) {
				if (!(error instanceof PatternError)) throw error;
				reader.refuse(pair.value, `${place}.pattern`, error.message);
				return undefined;
			}
		},
	},
};

const wordTypeNames = Object.keys(wordTypes);
export const slotTypeNames = [...wordTypeNames, "words", "loose-words"];

/** The type's name and its keys, from `{ is: path, below: /var }` or only `path`. */
function typeOf(
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
	names: readonly string[],
) {
	const isName = tree.kind === "text";
	const pairs: Pairs = isName
		? new Map([["is", { line: tree.line, value: tree }]])
		: (reader.mapping(tree, place) ?? new Map());
	const is = pairs.get("is");
	if (!is) {
		if (tree.kind === "mapping")
			reader.refuse(tree, place, `has no type: write is: ${names[0]}`);
		return undefined;
	}
	const name = reader.text(is.value, isName ? place : `${place}.is`);
	if (name === undefined) return undefined;
	if (names.includes(name)) return { name, pairs };
	reader.refuse(
		is.value,
		place,
		`unknown type ${shown(name)}; there are ${names.join(", ")}`,
	);
	return undefined;
}

const isSecretOf = (pairs: Pairs, place: string, reader: DocumentReader) => {
	const pair = pairs.get("secret");
	return pair !== undefined && reader.truth(pair.value, `${place}.secret`);
};

function readWordType(
	{ name, pairs }: { name: string; pairs: Pairs },
	{
		tree,
		place,
		reader,
	}: { tree: YamlTree; place: string; reader: DocumentReader },
	moreKeys: readonly string[],
): WordType | undefined {
	const type = wordTypes[name];
	if (!type) return undefined;
	const keys = ["is", ...type.keys, "without", ...moreKeys];
	reader.mapping({ line: tree.line, kind: "mapping", pairs }, place, keys);
	if (type.needs && !pairs.has(type.needs)) {
		reader.refuse(tree, place, `${name} needs ${type.needs}`);
		return undefined;
	}
	const refuse = type.read(pairs, place, reader, tree);
	if (!refuse) return undefined;
	const mayBeEmpty = name === "text";
	const without = withoutOf(pairs, place, reader);
	const isSecret = isSecretOf(pairs, place, reader);
	// the reason would quote the values, or the pattern that they have
	const faultIn: Refuse =
		isSecret && (name === "one-of" || name === "match")
			? (value, paths) => refuse(value, paths) && "does not fit"
			: refuse;
	return {
		facts: valueFacts(name, pairs),
		isSecret,
		hasRealPaths: pairs.has("real"),
		refuse: (value, paths) =>
			value === "" && !mayBeEmpty
				? "is empty"
				: (faultOf(value) ??
					excludedFault(value, without) ??
					faultIn(value, paths)),
	};
}

function readOptions(
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
): ReadonlyMap<string, WordType | true> {
	const options = new Map<string, WordType | true>();
	for (const [name, { line, value }] of reader.mapping(tree, place) ?? []) {
		const at = `${place}.${name}`;
		if (!/^--?[A-Za-z0-9][\w.-]*$/.test(name)) {
			reader.refuse(
				{ line },
				place,
				`${shown(name)} is not an option, such as -w or --warning`,
			);
			continue;
		}
		if (value.kind === "text" && value.text === "true") {
			options.set(name, true);
			continue;
		}
		const type = readOneWordType(value, at, reader);
		if (type) options.set(name, type);
	}
	return options;
}

const readOneWordType = (
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
): WordType | undefined => {
	const type = typeOf(tree, place, reader, wordTypeNames);
	return type && readWordType(type, { tree, place, reader }, ["secret"]);
};

function readWordsType(
	{ name, pairs }: { name: string; pairs: Pairs },
	{
		tree,
		place,
		reader,
	}: { tree: YamlTree; place: string; reader: DocumentReader },
): WordsType {
	const isLoose = name === "loose-words";
	const own = isLoose ? [] : ["options", "others"];
	reader.mapping({ line: tree.line, kind: "mapping", pairs }, place, [
		...["is", ...own, "at-most", "without", ...slotKeys],
	]);
	const atMost = pairs.get("at-most");
	const limits = { minimum: 1, maximum: maxLength, isWhole: true };
	const maximum =
		(atMost && reader.number(atMost.value, `${place}.at-most`, limits)) ??
		maxWords;
	const options = pairs.get("options");
	const others = pairs.get("others");
	if (!isLoose && !options && !others)
		reader.refuse(tree, place, "words needs options or others");
	const read = options
		? readOptions(options.value, `${place}.options`, reader)
		: new Map<string, WordType | true>();
	const other =
		others && readOneWordType(others.value, `${place}.others`, reader);
	const types = [...read.values(), other].filter(
		(type) => typeof type === "object",
	);
	return {
		facts: valueFacts(name, pairs),
		isSecret:
			isSecretOf(pairs, place, reader) ||
			types.some(({ isSecret }) => isSecret),
		hasRealPaths: types.some(({ hasRealPaths }) => hasRealPaths),
		options: isLoose ? undefined : read,
		others: other,
		without: withoutOf(pairs, place, reader),
		maximum,
	};
}

/** Keys of every slot, besides those of its type. */
const slotKeys = ["default", "secret", "description"];

/** A slot of a command. */
export type Slot = {
	readonly name: string;
	/** For people; undefined if the policy has none. */
	readonly description: string | undefined;
} & (
	| {
			readonly kind: "word";
			readonly type: WordType;
			readonly initial: string | undefined;
	  }
	| {
			readonly kind: "words";
			readonly type: WordsType;
			readonly initial: readonly string[] | undefined;
	  }
);

/** Real paths are not known when a policy is read. */
const unresolved = (): Paths => ({ real: undefined, wanted: new Set() });

const maxDescriptionLength = 200;

/** Reads the `description` of a command or slot: one line for people. */
export function readDescription(
	pairs: Pairs,
	place: string,
	reader: DocumentReader,
): string | undefined {
	const pair = pairs.get("description");
	if (!pair) return undefined;
	const at = `${place}.description`;
	const text = reader.text(pair.value, at);
	if (text === undefined) return undefined;
	if (text.length > maxDescriptionLength)
		reader.refuse(
			pair.value,
			at,
			`is longer than ${maxDescriptionLength} characters`,
		);
	else if (controls.test(text))
		reader.refuse(pair.value, at, "has a control character");
	return text;
}

/** Reads the type of a slot; undefined after a problem. */
export function readSlot(
	name: string,
	tree: YamlTree,
	place: string,
	reader: DocumentReader,
): Slot | undefined {
	const found = typeOf(tree, place, reader, slotTypeNames);
	if (!found) return undefined;
	const initial = found.pairs.get("default");
	const at = `${place}.default`;
	const description = readDescription(found.pairs, place, reader);
	if (found.name === "words" || found.name === "loose-words") {
		const type = readWordsType(found, { tree, place, reader });
		const texts = initial ? reader.texts(initial.value, at) : [];
		const words = texts.map(({ text }) => text);
		// one text is an option line
		const split =
			initial?.value.kind === "text" ? splitWords(words[0] ?? "") : words;
		const reason = split
			? wordsFault(type, split, unresolved())
			: "needs a shell";
		if (initial && reason) reader.refuse(initial.value, at, reason);
		return {
			...{ name, description, kind: "words", type },
			initial: initial && split,
		};
	}
	const type = readWordType(found, { tree, place, reader }, slotKeys);
	if (!type) return undefined;
	const text = initial && reader.text(initial.value, at);
	const reason =
		text === undefined ? undefined : type.refuse(text, unresolved());
	if (initial && text !== undefined && reason)
		reader.refuse(initial.value, at, `${shown(text)} ${reason}`);
	return { name, description, kind: "word", type, initial: text };
}

/**
 * Why words do not fit a slot that takes several, as a sentence about one of them.
 * @param hasSecrets whether the words may be secrets although the type is none
 */
export function wordsFault(
	{ options, others, without, maximum, ...type }: WordsType,
	words: readonly string[],
	paths: Paths,
	hasSecrets = false,
): string | undefined {
	const isSecret = type.isSecret || hasSecrets;
	if (words.length > maximum) return `more than ${maximum} words`;
	const named = (word: string) => (isSecret ? "a word" : shown(word));
	for (let at = 0; at < words.length; at++) {
		const word = words[at] ?? "";
		const fault = faultOf(word) ?? excludedFault(word, without);
		if (fault) return `${named(word)} ${fault}`;
		if (options === undefined) continue;
		const equals = word.startsWith("--") ? word.indexOf("=") : -1;
		const name = equals < 0 ? word : word.slice(0, equals);
		const type = options.get(name);
		if (type === undefined) {
			if (word.startsWith("-"))
				return `${isSecret ? "a word" : shown(name)} is not one of its options`;
			const reason = others ? others.refuse(word, paths) : "is not an option";
			if (reason) return `${named(word)} ${reason}`;
			continue;
		}
		if (type === true) {
			if (equals >= 0) return `${name} takes no value`;
			continue;
		}
		if (equals < 0 && at + 1 === words.length) return `${name} has no value`;
		const value = equals < 0 ? (words[++at] ?? "") : word.slice(equals + 1);
		const reason = type.refuse(value, paths);
		if (reason)
			return `${name}: ${type.isSecret || isSecret ? "its value" : shown(value)} ${reason}`;
	}
	return undefined;
}
