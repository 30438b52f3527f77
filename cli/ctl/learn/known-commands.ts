import { parsePolicy } from "../../../src/policy/policy.ts";
import {
	type PolicyValue,
	policyText,
} from "../../../src/policy/policy-text.ts";
import { wordsFault } from "../../../src/policy/slot-types.ts";
import type { YamlTree } from "../../../src/protocol/yaml.ts";
import { isMasked } from "./audited-calls.ts";
import { countOf, type DraftCommand, type DraftSlot } from "./draft-command.ts";

import type { SeenCall } from "./tally.ts";
import { generalise, narrowest, type SeenValues } from "./values.ts";

/** A value of a mapping that was read. */
export const valueAt = (
	tree: YamlTree | undefined,
	key: string,
): YamlTree | undefined =>
	tree?.kind === "mapping" ? tree.pairs.get(key)?.value : undefined;

/** A tree that was read, as a value to write. */
export function writtenValue(tree: YamlTree): PolicyValue {
	switch (tree.kind) {
		case "nothing":
			return "";
		case "text":
			return tree.text;
		case "list":
			return tree.list.map(writtenValue);
		case "mapping":
			return Object.fromEntries(
				[...tree.pairs].map(([name, { value }]) => [name, pairValue(value)]),
			);
	}
}

/** The value of a pair: a number and `true` without quotes, which all mean the same text. */
function pairValue(tree: YamlTree): PolicyValue {
	if (tree.kind !== "text") return writtenValue(tree);
	if (tree.text === "true") return true;
	return /^(?:0|[1-9]\d{0,14})$/.test(tree.text)
		? Number(tree.text)
		: tree.text;
}

const textAt = (tree: YamlTree | undefined, key: string) => {
	const value = valueAt(tree, key);
	return value?.kind === "text" ? value.text : undefined;
};

/** The type of a slot: `{ is: path, ... }` or only `path`. */
const typeNameOf = (slot: YamlTree) =>
	slot.kind === "text" ? slot.text : textAt(slot, "is");

/** Types whose values are worth listing, as they permit much. */
const wideTypes = new Set(["text", "word", "host", "url", "match", "path"]);

type NarrowedSlot = Pick<DraftSlot, "type" | "look">;

const isKept = (slot: YamlTree): NarrowedSlot => {
	const name = typeNameOf(slot) ?? "";
	return {
		type: writtenValue(slot),
		...((name === "text" || name === "loose-words") && {
			look: `is ${name}, as in the policy that the agent has`,
		}),
	};
};

/** The characters that no value may have, as the slot has them. */
const withoutOf = (slot: YamlTree) => {
	const without = textAt(slot, "without");
	return without === undefined ? {} : { without };
};

/** Makes a slot for one word as narrow as its values. */
function narrowWord(slot: YamlTree, values: readonly string[]): NarrowedSlot {
	const isNarrow = !wideTypes.has(typeNameOf(slot) ?? "");
	// what a path really is may be in another directory of the type
	const isReal = textAt(slot, "real") === "true";
	if (isNarrow || isReal || values.length === 0 || values.some(isMasked))
		return isKept(slot);
	const learned = narrowest(values);
	if (!learned) return isKept(slot);
	const initial = textAt(slot, "default");
	return {
		type: {
			...learned,
			...withoutOf(slot),
			...(initial !== undefined &&
				values.includes(initial) && { default: initial }),
		},
	};
}

/** An option that several words had, and its values. */
interface SeenOption {
	followed: number;
	alone: number;
	values: Set<string>;
}

const optionPattern = /^--?[A-Za-z0-9][\w.-]*$/;

/**
 * Options, their values and other words of lists of words.
 * @returns undefined if the type `words` cannot describe them
 */
function optionsOf(
	lists: readonly (readonly string[])[],
	known: YamlTree | undefined,
) {
	const options = new Map<string, SeenOption>();
	const others = new Set<string>();
	const optionAt = (name: string) => {
		const option = options.get(name) ?? {
			...{ followed: 0, alone: 0 },
			values: new Set<string>(),
		};
		options.set(name, option);
		return option;
	};
	const takesValue = (name: string, next: string | undefined) => {
		const type = valueAt(known, name);
		if (type) return !(type.kind === "text" && type.text === "true");
		return next !== undefined && !/^-(?!\d)/.test(next);
	};
	for (const words of lists)
		for (let at = 0; at < words.length; at++) {
			const word = words[at] ?? "";
			const equals = word.startsWith("--") ? word.indexOf("=") : -1;
			const name = equals < 0 ? word : word.slice(0, equals);
			if (!word.startsWith("-") || /^-\d/.test(word)) others.add(word);
			else if (!optionPattern.test(name)) return undefined;
			else if (equals >= 0) {
				const option = optionAt(name);
				option.followed++;
				option.values.add(word.slice(equals + 1));
			} else if (takesValue(name, words[at + 1])) {
				const option = optionAt(name);
				option.followed++;
				option.values.add(words[++at] ?? "");
			} else optionAt(name).alone++;
		}
	for (const { followed, alone } of options.values())
		if (followed > 0 && alone > 0) return undefined;
	return { options, others };
}

/** Makes a slot for several words as narrow as its values. */
function narrowWords(
	slot: YamlTree,
	lists: readonly (readonly string[])[],
): NarrowedSlot {
	const known = valueAt(slot, "options");
	if (lists.length === 0 || lists.flat().some(isMasked)) return isKept(slot);
	const seen = optionsOf(lists, known);
	if (!seen) return isKept(slot);
	const typeFor = (option: string, values: ReadonlySet<string>) => {
		const given =
			option === "" ? valueAt(slot, "others") : valueAt(known, option);
		if (given && !wideTypes.has(typeNameOf(given) ?? ""))
			return writtenValue(given);
		// a type that is made of the option may permit what a given one does not
		if (given || values.size === 1) {
			const narrow = narrowest([...values]);
			if (narrow || given) return narrow ?? (given && writtenValue(given));
		}
		const learned = generalise([...values], option);
		return learned?.look === undefined ? learned?.type : undefined;
	};
	const options: (readonly [string, PolicyValue])[] = [];
	for (const [name, { followed, values }] of seen.options) {
		const type = followed === 0 ? true : typeFor(name, values);
		if (type === undefined) return isKept(slot);
		options.push([name, type]);
	}
	const others = seen.others.size > 0 ? typeFor("", seen.others) : undefined;
	if (seen.others.size > 0 && others === undefined) return isKept(slot);
	if (options.length === 0 && others === undefined) return isKept(slot);
	const longest = Math.max(1, ...lists.map(({ length }) => length));
	const type = {
		is: "words",
		...(options.length > 0 && { options: Object.fromEntries(options) }),
		...(others !== undefined && { others }),
		"at-most": longest,
		...withoutOf(slot),
	};
	const initial = valueAt(slot, "default");
	for (const each of [
		...(initial ? [{ ...type, default: writtenValue(initial) }] : []),
		type,
	])
		if (acceptsAll(each, lists)) return { type: each };
	return isKept(slot);
}

/** Whether a slot for several words accepts all lists. */
function acceptsAll(
	type: PolicyValue,
	lists: readonly (readonly string[])[],
): boolean {
	try {
		const { policy } = parsePolicy(
			policyText({
				version: 1,
				commands: { c: { run: ["c", "{s...}"], slots: { s: type } } },
			}),
		);
		const slot = policy.commands.get("c")?.slots[0];
		return (
			slot?.kind === "words" &&
			lists.every(
				(words) =>
					wordsFault(slot.type, words, { real: new Map() }) === undefined,
			)
		);
	} catch {
		return false;
	}
}

/** The values that a slot had, or the lists of words. */
function seenValues(calls: readonly SeenCall[], name: string) {
	const values = new Map<string, number>();
	const lists: (readonly string[])[] = [];
	for (const { command, count } of calls) {
		const value = command?.slots.get(name);
		if (value === undefined) continue;
		const text = typeof value === "string" ? value : value.join(" ");
		values.set(text, (values.get(text) ?? 0) + count);
		if (typeof value !== "string") lists.push(value);
	}
	return { values, lists };
}

const rareText = (values: SeenValues, atLeast: number) => {
	const rare = [...values.values()].filter((count) => count < atLeast).length;
	return rare > 0 && rare < values.size
		? `${rare} of its values ${rare === 1 ? "was" : "were"} seen too seldom to be sure`
		: undefined;
};

/**
 * Makes commands from those of the agent's policy that calls have fitted, with slots that permit
 * what was seen. They never permit more than before.
 * @param tree `commands` of the policy
 */
export function learnKnown(
	calls: readonly SeenCall[],
	tree: YamlTree | undefined,
	atLeast: number,
): DraftCommand[] {
	const byName = new Map<string, SeenCall[]>();
	for (const call of calls) {
		const name = call.command?.fitted ?? "";
		const same = byName.get(name);
		if (same) same.push(call);
		else byName.set(name, [call]);
	}
	return [...byName].flatMap(([name, calls]) => {
		const entry = valueAt(tree, name);
		const run = valueAt(entry, "run");
		if (run?.kind !== "list") return [];
		const slots = valueAt(entry, "slots");
		const more: Record<string, PolicyValue> = {};
		for (const key of ["description", "timeout", "at-most"]) {
			const value = valueAt(entry, key);
			if (value) more[key] = pairValue(value);
		}
		return [
			{
				...{ name, calls, looks: [], isKnown: true },
				permission:
					textAt(entry, "for") === "inventory"
						? ("inventory" as const)
						: ("check" as const),
				isRare: countOf(calls) < atLeast,
				run: run.list.map((word) => (word.kind === "text" ? word.text : "")),
				more,
				slots:
					slots?.kind === "mapping"
						? [...slots.pairs].map(([slotName, { value: slot }]) => {
								const { values, lists } = seenValues(calls, slotName);
								const isSecret = textAt(slot, "secret") === "true";
								const isSeveral = ["words", "loose-words"].includes(
									typeNameOf(slot) ?? "",
								);
								const narrowed = isSecret
									? isKept(slot)
									: isSeveral
										? narrowWords(slot, lists)
										: narrowWord(slot, [...values.keys()]);
								return {
									name: slotName,
									values: isSecret ? new Map<string, number>() : values,
									...narrowed,
									look: narrowed.look ?? rareText(values, atLeast),
								};
							})
						: [],
			},
		];
	});
}
