import type { YamlTree } from "../protocol/yaml.ts";
import { shown } from "./shown.ts";

/** Why a text is no policy: one line for each problem, with the line and the place in the file. */
export class PolicyError extends Error {
	override name = "PolicyError";
	/** Each problem: `line 7: commands.disk.slots.path: unknown key belo`. */
	readonly problems: readonly string[];

	constructor(problems: readonly string[]) {
		super(problems.join("\n"));
		this.problems = problems;
	}
}

/** Limit of problems in one error; a generated file may have one in each entry. */
const maxProblems = 100;

/** The pairs of a mapping, by key. */
export type Pairs = ReadonlyMap<
	string,
	{ readonly line: number; readonly value: YamlTree }
>;

const kinds: Readonly<Record<YamlTree["kind"], string>> = {
	nothing: "nothing",
	text: "text",
	list: "a list",
	mapping: "a mapping",
};

/** Collects what is wrong with a document while it is read. */
export class DocumentReader {
	readonly #problems: { line: number; text: string }[] = [];

	/** Whether nothing is wrong so far. */
	get isSound(): boolean {
		return this.#problems.length === 0;
	}

	/** All problems, in the order of their lines. */
	problems(): string[] {
		const texts = this.#problems
			.toSorted((a, b) => a.line - b.line)
			.map(({ line, text }) => `line ${line}: ${text}`);
		const more = texts.length - maxProblems;
		return more > 0
			? [...texts.slice(0, maxProblems), `and ${more} more problems`]
			: texts;
	}

	/** Notes a problem at a place, which is the path of keys that lead to it. */
	refuse(at: { readonly line: number }, place: string, reason: string): void {
		this.#problems.push({ line: at.line, text: `${place}: ${reason}` });
	}

	#expected(tree: YamlTree, place: string, what: string): undefined {
		this.refuse(tree, place, `expected ${what}, got ${kinds[tree.kind]}`);
		return undefined;
	}

	/** The pairs of a mapping; with `keys`, others are refused. */
	mapping(
		tree: YamlTree,
		place: string,
		keys?: readonly string[],
	): Pairs | undefined {
		if (tree.kind !== "mapping")
			return this.#expected(tree, place, "a mapping");
		for (const [key, { line }] of tree.pairs)
			if (keys && !keys.includes(key))
				this.refuse(
					{ line },
					place,
					`unknown key ${shown(key)}; it may have ${keys.join(", ")}`,
				);
		return tree.pairs;
	}

	/** A text. */
	text(tree: YamlTree, place: string): string | undefined {
		return tree.kind === "text"
			? tree.text
			: this.#expected(tree, place, "text");
	}

	/** A text, or a list of texts with at least one. Each comes with its line. */
	texts(tree: YamlTree, place: string): { text: string; line: number }[] {
		if (tree.kind === "text") return [tree];
		if (tree.kind !== "list") {
			this.#expected(tree, place, "text or a list of texts");
			return [];
		}
		return this.list(tree, place).flatMap((entry, index) => {
			const text = this.text(entry, `${place}[${index}]`);
			return text === undefined ? [] : [{ text, line: entry.line }];
		});
	}

	/** The entries of a list with at least one. */
	list(tree: YamlTree, place: string): readonly YamlTree[] {
		if (tree.kind === "list" && tree.list.length > 0) return tree.list;
		if (tree.kind === "list") this.refuse(tree, place, "is an empty list");
		else this.#expected(tree, place, "a list");
		return [];
	}

	/** One of some words. */
	choice<const T extends string>(
		tree: YamlTree,
		place: string,
		words: readonly T[],
	): T | undefined {
		const text = this.text(tree, place);
		if (text === undefined) return undefined;
		const word = words.find((word) => word === text);
		if (word === undefined)
			this.refuse(
				tree,
				place,
				`expected ${words.join(" or ")}, got ${shown(text)}`,
			);
		return word;
	}

	/** `true` or `false`. */
	truth(tree: YamlTree, place: string): boolean {
		return this.choice(tree, place, ["true", "false"]) === "true";
	}

	/** A decimal number within limits. */
	number(
		tree: YamlTree,
		place: string,
		{
			minimum = Number.NEGATIVE_INFINITY,
			maximum = Number.POSITIVE_INFINITY,
			isWhole = false,
		},
	): number | undefined {
		const text = this.text(tree, place);
		if (text === undefined) return undefined;
		const what = isWhole ? "a whole number" : "a number";
		const isNumber = isWhole
			? /^-?\d{1,15}$/.test(text)
			: /^-?\d{1,15}(?:\.\d{1,15})?$/.test(text);
		const value = Number(text);
		if (isNumber && value >= minimum && value <= maximum) return value;
		const range = isNumber
			? `${value < minimum ? `at least ${minimum}` : `at most ${maximum}`}`
			: what;
		this.refuse(tree, place, `expected ${range}, got ${shown(text)}`);
		return undefined;
	}
}
