import { fixedWord } from "../../../src/policy/policy-text.ts";
import { nameFor } from "../../../src/policy/proposal.ts";
import { isMasked } from "./audited-calls.ts";
import type { DraftCommand, DraftSlot } from "./draft-command.ts";

import type { SeenCall } from "./tally.ts";
import {
	generalise,
	isListed,
	type SeenValues,
	slotNameFor,
} from "./values.ts";

/** Calls of a plugin or program with the same words. */
interface Line {
	readonly program: string;
	readonly permission: "check" | "inventory";
	readonly words: readonly string[];
	readonly calls: SeenCall[];
	count: number;
}

/** A word: fixed, or a value with what stands before it in the same word. */
interface Part {
	readonly text: string;
	/** Undefined for a fixed word. */
	readonly value: string | undefined;
	/** The option that the value belongs to; empty for none. */
	readonly option: string;
}

/** Limit of the templates into which calls are split whose words do not vary independently. */
const maxSplits = 20;

/** Splits words into options, which stay, and values, which may become slots. */
function partsOf(words: readonly string[]): Part[] {
	let option = "";
	return words.map((word) => {
		const before = option;
		option = "";
		const [, name, prefix, inside] =
			/^((--?[A-Za-z0-9][\w.-]*)=)(.+)$/s.exec(word) ??
			/^((-[A-Za-z]))(\d.*|\*\*\*)$/s.exec(word) ??
			[];
		if (inside !== undefined)
			return { text: name ?? "", value: inside, option: prefix ?? "" };
		if (word === "" || (word.startsWith("-") && !/^-\d/.test(word))) {
			option = /^--?[A-Za-z]/.test(word) ? word : "";
			return { text: word, value: undefined, option: "" };
		}
		return { text: "", value: word, option: before };
	});
}

const shapeOf = ({ permission, program, words }: Line) =>
	JSON.stringify([
		...[permission, program],
		...partsOf(words).map(({ text, value }) => [text, value !== undefined]),
	]);

/** The lines of calls, and those calls that differ in nothing else together. */
function linesOf(calls: readonly SeenCall[]): Line[] {
	const lines = new Map<string, Line>();
	for (const call of calls) {
		const { command, permission } = call;
		if (!command || (permission !== "check" && permission !== "inventory"))
			continue;
		const { called: program, words } = command;
		const key = JSON.stringify([permission, program, words]);
		const line = lines.get(key) ?? {
			...{ program, permission, words, calls: [], count: 0 },
		};
		lines.set(key, line);
		line.calls.push(call);
		line.count += call.count;
	}
	return [...lines.values()];
}

function groupedBy<T>(all: readonly T[], keyOf: (each: T) => string): T[][] {
	const groups = new Map<string, T[]>();
	for (const each of all) {
		const key = keyOf(each);
		const group = groups.get(key);
		if (group) group.push(each);
		else groups.set(key, [each]);
	}
	return [...groups.values()];
}

/** The values of each place of lines of the same shape. */
function columnsOf(lines: readonly Line[]): {
	part: Part;
	values: SeenValues;
	generalised: ReturnType<typeof generalise>;
}[] {
	const rows = lines.map(({ words }) => partsOf(words));
	return (rows[0] ?? []).map((part, at) => {
		const values = new Map<string, number>();
		rows.forEach((row, index) => {
			const value = row[at]?.value;
			if (value !== undefined)
				values.set(
					value,
					(values.get(value) ?? 0) + (lines[index]?.count ?? 0),
				);
		});
		const isVaried = values.size > 1 || [...values.keys()].some(isMasked);
		return {
			...{ part, values },
			generalised: isVaried
				? generalise([...values.keys()], part.option)
				: undefined,
		};
	});
}

/**
 * Splits lines of the same shape if some of their words, which a template would list, come only in
 * some combinations: `-H web -u /shop` and `-H db -u /state`.
 */
function splitLines(lines: readonly Line[]): {
	groups: readonly (readonly Line[])[];
	look?: string;
} {
	const listed = columnsOf(lines).flatMap(({ generalised, values }, at) =>
		generalised && (isListed(generalised) || generalised.look)
			? [{ at, count: values.size }]
			: [],
	);
	const possible = listed.reduce((product, { count }) => product * count, 1);
	const groups = groupedBy(lines, ({ words }) =>
		JSON.stringify(listed.map(({ at }) => words[at])),
	);
	if (listed.length < 2 || groups.length >= possible)
		return { groups: [lines] };
	return groups.length <= maxSplits
		? { groups }
		: {
				groups: [lines],
				look: `permits ${possible} combinations of words, of which ${groups.length} were seen`,
			};
}

/** A command for lines of the same shape. */
function commandOf(
	lines: readonly Line[],
	{ isRare, look }: { isRare: boolean; look: string | undefined },
	taken: Set<string>,
): DraftCommand {
	const [{ program, permission }] = lines as [Line];
	const slots: DraftSlot[] = [];
	const names = new Set<string>();
	const run = columnsOf(lines).map(({ part, values, generalised }) => {
		const [only = ""] = values.keys();
		if (part.value === undefined) return fixedWord(part.text);
		if (!generalised) return fixedWord(part.text + only);
		const wanted = slotNameFor(part.option, generalised.type, slots.length + 1);
		const name = names.has(wanted) ? `${wanted}-${slots.length + 1}` : wanted;
		names.add(name);
		slots.push({ name, values, ...generalised });
		return `${fixedWord(part.text)}{${name}}`;
	});
	return {
		name: nameFor(program, isRare, taken),
		...{ permission, isRare, slots, isKnown: false },
		run: [fixedWord(program), ...run],
		calls: lines.flatMap(({ calls }) => calls),
		more: {},
		looks: look === undefined ? [] : [look],
	};
}

/** Limits of the commands of calls, and of those of calls that were seen too seldom. */
const maxUsual = 2_000;
const maxRare = 200;

/**
 * Makes commands from calls of plugins and programs. Calls of the same shape become one, in which
 * values that vary are slots. A call that was seen less often than `atLeast` varies nothing: it
 * becomes a command of its own.
 * @param parts.taken names that the commands cannot have
 * @param parts.leave gets calls for which there are too many commands
 */
export function learnLines(
	calls: readonly SeenCall[],
	parts: {
		atLeast: number;
		taken: Set<string>;
		leave: (reason: string, calls: readonly SeenCall[]) => void;
	},
): DraftCommand[] {
	const { atLeast, taken, leave } = parts;
	const lines = linesOf(calls);
	const usual = groupedBy(
		lines.filter(({ count }) => count >= atLeast),
		shapeOf,
	).flatMap((same) => {
		const { groups, look } = splitLines(same);
		return groups.map((group) => ({ group, look }));
	});
	const rare = lines.filter(({ count }) => count < atLeast);
	leave(
		`more than ${maxUsual} different commands`,
		usual
			.slice(maxUsual)
			.flatMap(({ group }) => group.flatMap(({ calls }) => calls)),
	);
	leave(
		`seen too seldom, and more than ${maxRare} different ones`,
		rare.slice(maxRare).flatMap(({ calls }) => calls),
	);
	return [
		...usual
			.slice(0, maxUsual)
			.map(({ group, look }) =>
				commandOf(group, { isRare: false, look }, taken),
			),
		...rare
			.slice(0, maxRare)
			.map((line) =>
				commandOf([line], { isRare: true, look: undefined }, taken),
			),
	];
}
