import { maskedOptions } from "../protocol/audit-line.ts";
import { splitWords } from "../protocol/words.ts";
import type { SlotValue } from "./call.ts";
import { shown } from "./shown.ts";
import { type Paths, type Slot, wordsFault } from "./slot-types.ts";

type WordSlot = Slot & { readonly kind: "word" };
type WordsSlot = Slot & { readonly kind: "words" };

/** A word of a template: fixed, made of text and slots in turn, or in place of several words. */
export type TemplateWord =
	| { readonly kind: "fixed"; readonly text: string }
	| {
			readonly kind: "made";
			/** Never two slots in a row. */
			readonly parts: readonly (string | WordSlot)[];
	  }
	| { readonly kind: "several"; readonly slot: WordsSlot };

/** The command line of a command. */
export interface Template {
	/** Plugin or absolute path of a check, or program of an inventory command. */
	readonly program: string;
	readonly words: readonly TemplateWord[];
	/** Slots in the order in which a call by the command's name gives their values. */
	readonly slots: readonly Slot[];
	/** Limit of the UTF-8 bytes of all values of a call; several words count with blanks between. */
	readonly maxValueBytes: number | undefined;
	/**
	 * Whether a slot of it, or of another command of this program, is secret: other words may then
	 * be one by mistake, and are not shown.
	 */
	readonly hasSecrets: boolean;
}

/** A call fits a template. */
export interface Fit {
	readonly words: readonly string[];
	readonly values: ReadonlyMap<string, SlotValue>;
}

/** Why a call does not fit a template. */
export interface Misfit {
	/** How many words fitted before. */
	readonly fitted: number;
	/** One sentence, which names the command and, if it is known, the rule that permits it. */
	why(command: string, rule: number | undefined): string;
}

/** The end of a sentence about a command. */
const of = (command: string, rule: number | undefined) =>
	rule === undefined
		? ` (command ${command})`
		: ` (command ${command}, rule ${rule})`;

const byRule = (rule: number | undefined) =>
	rule === undefined ? "" : ` (rule ${rule})`;

/** Limit of the ways to divide a word among slots that are tried. */
const maxDivisions = 100;

export const isFit = (result: Fit | Misfit): result is Fit => "words" in result;

/** A word of a template as its policy has it. */
function writtenWord(word: TemplateWord): string {
	if (word.kind === "fixed") return word.text;
	if (word.kind === "several") return `{${word.slot.name}...}`;
	return word.parts
		.map((part) => (typeof part === "string" ? part : `{${part.name}}`))
		.join("");
}

/** A request's word in a sentence. */
function shownWord(
	{ hasSecrets, program }: Template,
	words: readonly string[],
	at: number,
): string {
	// without secret slots, what is masked in the audit log
	if (!hasSecrets)
		return `is ${shown(maskedOptions(words, program)[at] ?? "")}`;
	const [, option] =
		/^(-[A-Za-z]|--[a-z-]+)(?:=|$)/.exec(words[at] ?? "") ?? [];
	return option === undefined ? "is different" : `is ${option}`;
}

/**
 * Whether a value that does not fit may be a secret in the wrong place: of another slot, or of
 * another command for the same plugin if no fixed word tells them apart.
 */
const mayHoldSecrets = ({ slots, words, hasSecrets }: Template) =>
	slots.some(({ type }) => type.isSecret) ||
	(hasSecrets && words.every(({ kind }) => kind !== "fixed"));

/** Why a slot refuses a value. */
const slotFault =
	(
		template: Template,
		{ name, type }: Slot,
		value: string,
		reason: string,
	): Misfit["why"] =>
	(command, rule) =>
		`${name}: ${type.isSecret || mayHoldSecrets(template) ? "its value" : shown(value)} ${reason}${of(command, rule)}`;

/** A slot that refuses a value. */
interface Refused {
	slot: WordSlot;
	value: string;
	reason: string;
}

/**
 * Divides a word among the parts of a template's word. Returns the values by slot, the slot that
 * refuses its value, or undefined if the fixed parts differ.
 */
function divide(
	parts: readonly (string | WordSlot)[],
	word: string,
	known: ReadonlyMap<string, SlotValue>,
	paths: Paths,
): Map<string, string> | Refused | undefined {
	const [only] = parts;
	if (parts.length === 1 && typeof only === "object" && !known.has(only.name)) {
		const reason = only.type.refuse(word, paths);
		return reason === undefined
			? new Map([[only.name, word]])
			: { slot: only, value: word, reason };
	}
	let refused: Refused | undefined;
	let left = maxDivisions;
	const accepts = (
		slot: WordSlot,
		value: string,
		taken: ReadonlyMap<string, string>,
	) => {
		const before = taken.get(slot.name) ?? known.get(slot.name);
		const reason =
			before !== undefined && before !== value
				? "is not its value before"
				: slot.type.refuse(value, paths);
		if (reason !== undefined) refused ??= { slot, value, reason };
		return reason === undefined;
	};
	const from = (
		at: number,
		position: number,
		taken: ReadonlyMap<string, string>,
	): ReadonlyMap<string, string> | undefined => {
		const part = parts[at];
		if (part === undefined) return position === word.length ? taken : undefined;
		if (typeof part === "string")
			return word.startsWith(part, position)
				? from(at + 1, position + part.length, taken)
				: undefined;
		const following = parts[at + 1];
		if (typeof following !== "string") {
			const value = word.slice(position);
			return accepts(part, value, taken)
				? new Map([...taken, [part.name, value]])
				: undefined;
		}
		const isLast = at + 2 === parts.length;
		for (
			let end = isLast
				? word.length - following.length
				: word.indexOf(following, position);
			end >= position && left > 0 && word.startsWith(following, end);
			end = isLast ? -1 : word.indexOf(following, end + 1)
		) {
			left--;
			const value = word.slice(position, end);
			if (!accepts(part, value, taken)) continue;
			const rest = from(
				at + 2,
				end + following.length,
				new Map([...taken, [part.name, value]]),
			);
			if (rest) return rest;
		}
		return undefined;
	};
	const taken = from(0, 0, new Map());
	return taken ? new Map(taken) : refused;
}

/**
 * Whether an empty value has made an option that the template does not have: of a word that begins
 * with its slot, or one that takes the next word as its value (`-p` from `-p{password}`).
 */
function isMadeOption(
	parts: readonly (string | WordSlot)[],
	word: string,
	valueIn: (slot: WordSlot) => SlotValue | undefined,
): boolean {
	const [first] = parts;
	if (typeof first === "string")
		return word === first && /^-[A-Za-z]$/.test(word);
	return first !== undefined && word.startsWith("-") && valueIn(first) === "";
}

/**
 * Whether an option line has the fixed words of a template, which is quick to see. Nearly all
 * templates that it does not fit differ there.
 */
export function hasFixedWords(
	{ words: wanted }: Template,
	words: readonly string[],
): boolean {
	const severalAt = wanted.findIndex(({ kind }) => kind === "several");
	const more = words.length - wanted.length;
	if (severalAt < 0 ? more !== 0 : more < -1) return false;
	for (let at = 0; at < wanted.length; at++) {
		const is = wanted[at] as TemplateWord;
		if (is.kind !== "fixed") continue;
		const position = severalAt >= 0 && at > severalAt ? at + more : at;
		if (words[position] !== is.text) return false;
	}
	return true;
}

/** Refuses values that have too many bytes together. */
export function valuesFault(
	{ maxValueBytes }: Template,
	values: Iterable<SlotValue>,
	fitted: number,
): Misfit | undefined {
	if (maxValueBytes === undefined) return undefined;
	let bytes = 0;
	for (const value of values)
		bytes += Buffer.byteLength(
			typeof value === "string" ? value : value.join(" "),
		);
	return bytes <= maxValueBytes
		? undefined
		: {
				fitted,
				why: (command, rule) =>
					`the values have more than ${maxValueBytes} bytes${of(command, rule)}`,
			};
}

/** Compares the words of an option line with a template, word by word and in order. */
export function fitWords(
	template: Template,
	words: readonly string[],
	paths: Paths,
): Fit | Misfit {
	const wanted = template.words;
	const values = new Map<string, SlotValue>();
	const severalAt = wanted.findIndex(({ kind }) => kind === "several");
	/** How many words the slot for several takes; 1 makes both sides count alike without one. */
	const taken =
		severalAt < 0 ? 1 : Math.max(0, words.length - wanted.length + 1);
	for (let at = 0; at < wanted.length; at++) {
		const is = wanted[at] as TemplateWord;
		const position = severalAt >= 0 && at > severalAt ? at + taken - 1 : at;
		if (is.kind === "several") {
			const rest = words.slice(at, at + taken);
			const reason = wordsFault(
				is.slot.type,
				rest,
				paths,
				mayHoldSecrets(template),
			);
			if (reason)
				return {
					fitted: at,
					why: (command, rule) =>
						`${is.slot.name}: ${reason}${of(command, rule)}`,
				};
			values.set(is.slot.name, rest);
			continue;
		}
		const word = words[position];
		const differs = (): Misfit => ({
			fitted: position,
			why: (command, rule) =>
				`word ${position + 1} ${word === undefined ? "is missing" : shownWord(template, words, position)}, command ${command} has ${shown(writtenWord(is))}${byRule(rule)}`,
		});
		if (word === undefined) return differs();
		if (is.kind === "fixed") {
			if (word !== is.text) return differs();
			continue;
		}
		const found = divide(is.parts, word, values, paths);
		if (found === undefined) return differs();
		if (!(found instanceof Map)) {
			const { slot, value, reason } = found;
			return {
				fitted: position,
				why: slotFault(template, slot, value, reason),
			};
		}
		if (isMadeOption(is.parts, word, ({ name }) => found.get(name)))
			return differs();
		for (const [name, value] of found) values.set(name, value);
	}
	const end = wanted.length + taken - 1;
	if (words.length > end)
		return {
			fitted: end,
			why: (command, rule) =>
				`word ${end + 1} ${shownWord(template, words, end)}, command ${command} ends before it${byRule(rule)}`,
		};
	return valuesFault(template, values.values(), end) ?? { words, values };
}

/** Gives values to the slots of a template, in their order. */
export function fitValues(
	template: Template,
	given: readonly string[],
	paths: Paths,
): Fit | Misfit {
	const { slots } = template;
	const several = slots.some(({ kind }) => kind === "words");
	const spare = Math.max(0, given.length - slots.length + 1);
	let next = 0;
	const values = valuesFor(template, paths, ({ kind }) => {
		if (kind === "word") return given[next++];
		const words = given.slice(next, next + spare);
		next += words.length;
		return words.length === 0 ? undefined : words;
	});
	if (!(values instanceof Map)) return values;
	if (!several && given.length > slots.length) return tooMany(slots, given);
	return fillTemplate(template, values);
}

const tooMany = (slots: readonly Slot[], given: readonly string[]): Misfit => ({
	fitted: slots.length,
	why: (command, rule) =>
		`${given.length} values are too many, command ${command} takes ${slots.length || "none"}${byRule(rule)}`,
});

/** A slot for an argument of NRPE, `$ARG1$`. */
const argumentSlot = /^arg([1-9]\d?)$/;

/**
 * Gives the arguments of an NRPE request to the slots of a template. If some slots are called `arg1`,
 * `arg2` and so on, these take the arguments of their numbers, and the others are left out, as NRPE
 * leaves out what no `$ARGn$` names. Otherwise the slots take the arguments in their order. A slot
 * for several words takes the words of its one argument; each other value is the argument as it is.
 */
export function fitArguments(
	template: Template,
	given: readonly string[],
	paths: Paths,
): Fit | Misfit {
	const { slots } = template;
	const numbers = slots.map(({ name }) => Number(argumentSlot.exec(name)?.[1]));
	const isNumbered = numbers.some((number) => number > 0);
	let unsplit: Slot | undefined;
	const taken: string[] = [];
	const values = valuesFor(template, paths, (slot, index) => {
		const number = isNumbered ? (numbers[index] ?? 0) : index + 1;
		const text = given[number - 1];
		if (text === undefined) return undefined;
		taken.push(text);
		if (slot.kind === "word") return text;
		const words = splitWords(text);
		if (!words) unsplit ??= slot;
		return words;
	});
	if (unsplit) {
		const { name } = unsplit;
		return {
			fitted: slots.indexOf(unsplit),
			why: (command, rule) =>
				`${name}: needs a shell to be split into words${of(command, rule)}`,
		};
	}
	if (!(values instanceof Map)) return values;
	if (!isNumbered && given.length > slots.length) return tooMany(slots, given);
	return (
		// the text of several words may be longer than they are
		valuesFault(template, taken, slots.length) ?? fillTemplate(template, values)
	);
}

/**
 * The values of slots; a misfit if one has none or refuses its value.
 * @param givenFor what a call gives for a slot; undefined for its default
 */
function valuesFor(
	template: Template,
	paths: Paths,
	givenFor: (slot: Slot, index: number) => SlotValue | undefined,
): Map<string, SlotValue> | Misfit {
	const values = new Map<string, SlotValue>();
	for (const [index, slot] of template.slots.entries()) {
		const given = givenFor(slot, index);
		if (slot.kind === "words") {
			const words = (given as readonly string[]) ?? slot.initial ?? [];
			const reason = wordsFault(
				slot.type,
				words,
				paths,
				mayHoldSecrets(template),
			);
			if (reason)
				return {
					fitted: index,
					why: (command, rule) => `${slot.name}: ${reason}${of(command, rule)}`,
				};
			values.set(slot.name, words);
			continue;
		}
		const value = (given as string | undefined) ?? slot.initial;
		if (value === undefined)
			return {
				fitted: index,
				why: (command, rule) =>
					`${slot.name}: has no value${of(command, rule)}`,
			};
		const reason = slot.type.refuse(value, paths);
		if (reason)
			return {
				fitted: index,
				why: slotFault(template, slot, value, reason),
			};
		values.set(slot.name, value);
	}
	return values;
}

/** Puts values that fit their slots into a template; each slot needs one. */
function fillTemplate(template: Template, values: Fit["values"]): Fit | Misfit {
	const words: string[] = [];
	for (const word of template.words) {
		if (word.kind === "fixed") words.push(word.text);
		else if (word.kind === "several")
			words.push(...(values.get(word.slot.name) as readonly string[]));
		else {
			const text = word.parts
				.map((part) =>
					typeof part === "string" ? part : (values.get(part.name) as string),
				)
				.join("");
			if (isMadeOption(word.parts, text, ({ name }) => values.get(name)))
				return {
					fitted: 0,
					why: (command, rule) =>
						`${shown(writtenWord(word))} would be an option${of(command, rule)}`,
				};
			words.push(text);
		}
	}
	return (
		valuesFault(template, values.values(), template.slots.length) ?? {
			words,
			values,
		}
	);
}

const noPaths: Paths = { real: undefined, wanted: new Set() };

/** Whether some word may fit both; true in doubt. */
function mayMeet(one: TemplateWord, other: TemplateWord): boolean {
	if (one.kind === "fixed" && other.kind === "fixed")
		return one.text === other.text;
	if (one.kind === "fixed" && other.kind === "made")
		return divide(other.parts, one.text, new Map(), noPaths) instanceof Map;
	if (one.kind === "made" && other.kind === "fixed") return mayMeet(other, one);
	if (one.kind !== "made" || other.kind !== "made") return true;
	const start = (parts: typeof one.parts) =>
		typeof parts[0] === "string" ? parts[0] : "";
	const end = (parts: typeof one.parts) => {
		const last = parts.at(-1);
		return typeof last === "string" ? last : "";
	};
	const [a, b] = [start(one.parts), start(other.parts)];
	const [y, z] = [end(one.parts), end(other.parts)];
	return (
		(a.startsWith(b) || b.startsWith(a)) && (y.endsWith(z) || z.endsWith(y))
	);
}

/** Whether one option line may fit both templates; true in doubt. */
export function mayOverlap(one: Template, other: Template): boolean {
	if (one.program !== other.program) return false;
	/** How many words come before and after the place of several words; all without one. */
	const ends = ({ words }: Template) => {
		const at = words.findIndex(({ kind }) => kind === "several");
		return at < 0
			? { before: words.length, after: words.length, isOpen: false }
			: { before: at, after: words.length - at - 1, isOpen: true };
	};
	const [a, b] = [ends(one), ends(other)];
	if (!a.isOpen && !b.isOpen && one.words.length !== other.words.length)
		return false;
	if (a.isOpen !== b.isOpen) {
		const [open, closed] = a.isOpen ? [one, other] : [other, one];
		if (closed.words.length < open.words.length - 1) return false;
	}
	const meet = (place: (words: readonly TemplateWord[]) => TemplateWord) =>
		mayMeet(place(one.words), place(other.words));
	for (let at = 0; at < Math.min(a.before, b.before); at++)
		if (!meet((words) => words[at] as TemplateWord)) return false;
	for (let at = 1; at <= Math.min(a.after, b.after); at++)
		if (!meet((words) => words[words.length - at] as TemplateWord))
			return false;
	return true;
}
