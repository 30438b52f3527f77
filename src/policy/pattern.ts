/** Why a pattern is refused. */
export class PatternError extends Error {
	override name = "PatternError";
}

/** Decides about a whole text, in a time that grows with its length and not faster. */
export type Pattern = (text: string) => boolean;

/** Ranges of code points, both ends included. */
type Ranges = readonly (readonly [from: number, to: number])[];

type Node =
	| { kind: "set"; ranges: Ranges; isNegated: boolean }
	| { kind: "all"; nodes: readonly Node[] }
	| { kind: "any"; nodes: readonly Node[] }
	| { kind: "repeat"; node: Node; minimum: number; maximum: number };

const maxPatternLength = 1_000;
const maxGroups = 50;
/** Limit of the states of a compiled pattern: each costs time for each character of a text. */
const maxStates = 1_000;

const codeOf = (character: string) => character.codePointAt(0) ?? 0;
const range = (from: string, to = from) => [codeOf(from), codeOf(to)] as const;

const digits = [range("0", "9")];
const wordCharacters = [
	...[range("a", "z"), range("A", "Z")],
	...[range("0", "9"), range("_")],
];
const spaces = [range(" "), range("\t", "\r"), range("\u00a0")];

/** The sets that an escaped letter stands for. */
const namedSets: Readonly<Record<string, { ranges: Ranges; not: boolean }>> = {
	d: { ranges: digits, not: false },
	D: { ranges: digits, not: true },
	w: { ranges: wordCharacters, not: false },
	W: { ranges: wordCharacters, not: true },
	s: { ranges: spaces, not: false },
	S: { ranges: spaces, not: true },
};

/** Reads a pattern into a tree. */
class Reader {
	readonly #characters: readonly string[];
	#at = 0;
	#groups = 0;

	constructor(text: string) {
		this.#characters = [...text];
	}

	read(): Node {
		if (this.#next() === "^") this.#at++;
		const node = this.#choice();
		if (this.#next() !== undefined)
			throw new PatternError(`has ) without ( before it`);
		return node;
	}

	#next(): string | undefined {
		return this.#characters[this.#at];
	}

	#take(character: string): boolean {
		if (this.#next() !== character) return false;
		this.#at++;
		return true;
	}

	#choice(): Node {
		const nodes = [this.#sequence()];
		while (this.#take("|")) nodes.push(this.#sequence());
		return nodes.length === 1 && nodes[0] ? nodes[0] : { kind: "any", nodes };
	}

	#sequence(): Node {
		const nodes: Node[] = [];
		for (;;) {
			const next = this.#next();
			if (next === undefined || next === "|" || next === ")") break;
			if (next === "$" && this.#at === this.#characters.length - 1) {
				this.#at++;
				break;
			}
			nodes.push(this.#repeated(this.#atom()));
		}
		return { kind: "all", nodes };
	}

	#atom(): Node {
		const next = this.#next() ?? "";
		this.#at++;
		switch (next) {
			case "(":
				return this.#group();
			case "[":
				return this.#class();
			case ".":
				return { kind: "set", ranges: [], isNegated: true };
			case "\\":
				return this.#escaped();
			case "*":
			case "+":
			case "?":
			case "{":
				throw new PatternError(`has ${next} with nothing to repeat before it`);
			case "^":
			case "$":
				throw new PatternError(
					`has ${next} inside; it is compared with the whole value in any case`,
				);
			case "]":
			case "}":
				throw new PatternError(`has ${next} alone; write \\${next}`);
			default:
				return { kind: "set", ranges: [range(next)], isNegated: false };
		}
	}

	#group(): Node {
		if (++this.#groups > maxGroups)
			throw new PatternError(`has more than ${maxGroups} groups`);
		if (this.#take("?") && !this.#take(":"))
			throw new PatternError(
				`has a group (?${this.#next() ?? ""}; only ( and (?: are allowed`,
			);
		const node = this.#choice();
		if (!this.#take(")")) throw new PatternError("has ( without )");
		return node;
	}

	/** The character or set after a backslash. */
	#escaped(): Node & { kind: "set" } {
		const next = this.#next();
		this.#at++;
		if (next === undefined) throw new PatternError("ends with a backslash");
		const set = namedSets[next];
		if (set) return { kind: "set", ranges: set.ranges, isNegated: set.not };
		if (/[0-9k]/.test(next)) throw new PatternError("has a back-reference");
		if (/[A-Za-z]/.test(next)) throw new PatternError(`has unknown \\${next}`);
		return { kind: "set", ranges: [range(next)], isNegated: false };
	}

	#class(): Node {
		const isNegated = this.#take("^");
		const ranges: (readonly [number, number])[] = [];
		while (!this.#take("]")) {
			const first = this.#classMember();
			const [only] = first;
			const isRange =
				this.#next() === "-" && this.#characters[this.#at + 1] !== "]";
			if (!isRange) {
				ranges.push(...first);
				continue;
			}
			this.#at++;
			const [last] = this.#classMember();
			if (!only || !last || only[0] !== only[1] || last[0] !== last[1])
				throw new PatternError("has a range in [] that is not of characters");
			if (only[0] > last[0])
				throw new PatternError("has a range in [] that is the wrong way round");
			ranges.push([only[0], last[0]]);
		}
		if (ranges.length === 0) throw new PatternError("has empty []");
		return { kind: "set", ranges, isNegated };
	}

	#classMember(): Ranges {
		const next = this.#next();
		this.#at++;
		if (next === undefined) throw new PatternError("has [ without ]");
		if (next === "[") throw new PatternError("has [ inside []; write \\[");
		if (next !== "\\") return [range(next)];
		const { ranges, isNegated } = this.#escaped();
		if (isNegated) throw new PatternError("has \\D, \\W or \\S inside []");
		return ranges;
	}

	#repeated(node: Node): Node {
		const counts = this.#counts();
		if (!counts) return node;
		// a lazy quantifier matches the same whole texts
		this.#take("?");
		if ("*+?{".includes(this.#next() ?? " "))
			throw new PatternError("has a quantifier after a quantifier");
		const [minimum, maximum] = counts;
		if (maximum > 1 && isVariable(node))
			throw new PatternError("has a quantifier inside a repeated group");
		return { kind: "repeat", node, minimum, maximum };
	}

	#counts(): [minimum: number, maximum: number] | undefined {
		const endless = Number.POSITIVE_INFINITY;
		if (this.#take("*")) return [0, endless];
		if (this.#take("+")) return [1, endless];
		if (this.#take("?")) return [0, 1];
		if (this.#next() !== "{") return undefined;
		const end = this.#characters.indexOf("}", this.#at);
		const text = this.#characters
			.slice(this.#at, end < 0 ? undefined : end + 1)
			.join("");
		const [, minimum, comma, maximum] =
			/^\{(\d{1,4})(,(\d{1,4})?)?\}$/.exec(text) ?? [];
		if (minimum === undefined)
			throw new PatternError("has { that is not {n}, {n,} or {n,m}");
		this.#at += [...text].length;
		const least = Number(minimum);
		if (comma === undefined) return [least, least];
		if (maximum === undefined) return [least, endless];
		if (Number(maximum) < least)
			throw new PatternError(`has ${text}, which no text can fulfil`);
		return [least, Number(maximum)];
	}
}

/** Whether a part matches texts of several lengths because of a quantifier in it. */
function isVariable(node: Node): boolean {
	if (node.kind === "set") return false;
	if (node.kind === "repeat")
		return node.minimum !== node.maximum || isVariable(node.node);
	return node.nodes.some(isVariable);
}

/** A state that takes one character, or one that goes on to others at once. */
type State =
	| { set: Node & { kind: "set" }; next: number }
	| { set: undefined; next: number[] };

/** Turns a tree into states; the first one accepts. */
class Compiler {
	readonly states: State[] = [{ set: undefined, next: [] }];
	#steps = 0;

	/** Returns the state at which the node begins; it goes on to `next`. */
	compile(node: Node, next: number): number {
		// groups without characters take no states
		if (++this.#steps > 20 * maxStates) throw new PatternError("is too large");
		switch (node.kind) {
			case "set":
				return this.#add({ set: node, next });
			case "all":
				return node.nodes.reduceRight(
					(after, part) => this.compile(part, after),
					next,
				);
			case "any":
				return this.#add({
					set: undefined,
					next: node.nodes.map((part) => this.compile(part, next)),
				});
			case "repeat":
				return this.#repeat(node, next);
		}
	}

	#repeat(
		{ node, minimum, maximum }: Node & { kind: "repeat" },
		next: number,
	): number {
		let start = next;
		if (maximum === Number.POSITIVE_INFINITY) {
			const ways: number[] = [];
			start = this.#add({ set: undefined, next: ways });
			ways.push(this.compile(node, start), next);
		} else
			for (let more = minimum; more < maximum; more++)
				start = this.#add({
					set: undefined,
					next: [this.compile(node, start), next],
				});
		for (let more = 0; more < minimum; more++)
			start = this.compile(node, start);
		return start;
	}

	#add(state: State): number {
		if (this.states.length >= maxStates) throw new PatternError("is too large");
		return this.states.push(state) - 1;
	}
}

const isIn = ({ ranges, isNegated }: Node & { kind: "set" }, code: number) =>
	ranges.some(([from, to]) => code >= from && code <= to) !== isNegated;

/**
 * Compiles a regular expression that must match a whole text. It knows characters, `.`, `[]`,
 * `\d \w \s` and their opposites, groups, `|` and quantifiers. It is compared by walking through
 * all possibilities at once, because JavaScript's own expressions take exponential time for some
 * texts, and the pattern's author would not see it.
 * @throws PatternError for nested quantifiers, back-references and all other constructs
 */
export function compilePattern(text: string): Pattern {
	if (text.length > maxPatternLength)
		throw new PatternError(`has more than ${maxPatternLength} characters`);
	const compiler = new Compiler();
	const start = compiler.compile(new Reader(text).read(), 0);
	const { states } = compiler;

	return (value) => {
		const seen = new Int32Array(states.length);
		let step = 0;
		let current: number[] = [];
		/** Adds a state, and those that it goes on to without a character. */
		const enter = (first: number, into: number[]) => {
			const left = [first];
			for (let at = left.pop(); at !== undefined; at = left.pop()) {
				if (seen[at] === step) continue;
				seen[at] = step;
				const state = states[at];
				if (state?.set || at === 0) into.push(at);
				else
					for (const next of (state?.next as number[]) ?? []) left.push(next);
			}
		};
		step++;
		enter(start, current);
		for (const character of value) {
			const code = codeOf(character);
			const following: number[] = [];
			step++;
			for (const at of current) {
				const state = states[at];
				if (state?.set && isIn(state.set, code)) enter(state.next, following);
			}
			if (following.length === 0) return false;
			current = following;
		}
		return current.includes(0);
	};
}

/** Whether a text matches a pattern in which `*` stands for any characters and `?` for one. */
export function globMatches(pattern: string, text: string): boolean {
	// remembers the last star only, so it takes at most pattern times text steps
	let at = 0;
	let star: { pattern: number; text: number } | undefined;
	let position = 0;
	while (position < text.length) {
		const wanted = pattern[at];
		if (wanted === "*") star = { pattern: ++at, text: position };
		else if (wanted === "?" || wanted === text[position]) {
			at++;
			position++;
		} else if (star) {
			at = star.pattern;
			position = ++star.text;
		} else return false;
	}
	while (pattern[at] === "*") at++;
	return at === pattern.length;
}
