import { isUtf8 } from "node:buffer";
import {
	type Alias,
	Composer,
	type CST,
	isAlias,
	isMap,
	isScalar,
	isSeq,
	LineCounter,
	type Node,
	Parser,
	visit,
} from "yaml";

/**
 * Why a document is not usable: one line such as `line 4: plugin_option: expected text, got a
 * list`.
 */
export class YamlError extends Error {
	override name = "YamlError";
}

/** Maximum warnings for a document: a broken generator may cause one for every entry. */
const maxWarnings = 100;

/** More than any sensible file has; aliases can make a small file expand endlessly. */
const maxNodes = 300_000;
const maxMergeDepth = 10;

/** Maximum nesting: far more than a configuration needs, far less than the stack allows. */
const maxDepth = 100;

const nothing: readonly unknown[] = ["", "~", "null", "Null", "NULL"];

/** The pairs of a mapping by key. */
export type YamlPairs = Map<string, { key: Node; value: unknown }>;

/** A document as plain values. `line` counts from 1. */
export type YamlTree = { readonly line: number } & (
	| { readonly kind: "nothing" }
	| { readonly kind: "text"; readonly text: string }
	| { readonly kind: "list"; readonly list: readonly YamlTree[] }
	| {
			readonly kind: "mapping";
			readonly pairs: ReadonlyMap<string, { line: number; value: YamlTree }>;
	  }
);

/**
 * Opens a YAML document for reading key by key. Every scalar is taken as text. The package yaml is
 * used nowhere else in the agent.
 * @throws YamlError here, and from every function returned, for anything unexpected
 */
export function openYaml(text: string) {
	const lineCounter = new LineCounter();
	const lineOf = (offset: number) =>
		Math.max(1, lineCounter.linePos(offset).line);
	const failAt = (offset: number, reason: string): never => {
		throw new YamlError(`line ${lineOf(offset)}: ${reason}`);
	};
	const tokens = [...new Parser(lineCounter.addNewLine).parse(text)];
	const deep = findTooDeep(tokens);
	if (deep) failAt(deep.offset, "nested too deeply");
	const composer = new Composer({
		schema: "failsafe",
		resolveKnownTags: false,
		// takes quadratic time in the package; relevant keys are checked below
		uniqueKeys: false,
		prettyErrors: false,
		// no warnings to the console
		logLevel: "silent",
	});
	// only the first document, as in v1
	const [document] = composer.compose(tokens, true, text.length);
	if (!document) return failAt(0, "not YAML");
	const [error] = document.errors;
	if (error) failAt(error.pos[0], `not YAML: ${error.message.split("\n")[0]}`);

	// resolved once: the package searches the whole document for every alias
	const anchors = new Map<string, Node>();
	const targets = new Map<Alias, Node | undefined>();
	visit(document, {
		Node(_key, node) {
			if (isAlias(node)) targets.set(node, anchors.get(node.source));
			else if (node.anchor) anchors.set(node.anchor, node);
		},
	});

	// a set, because an alias visits the same place again
	const warnings = new Set<string>();
	const warn = (node: unknown, reason: string): void => {
		if (warnings.size < maxWarnings)
			warnings.add(`line ${lineOf(startOf(node))}: ${reason}`);
	};

	let nodes = 0;
	const fail = (node: unknown, reason: string): never =>
		failAt(startOf(node), reason);
	const spend = (node: unknown, count: number) => {
		nodes += count;
		if (nodes > maxNodes) fail(node, `more than ${maxNodes} entries`);
	};
	const follow = (node: unknown) => {
		if (!isAlias(node)) return node;
		return targets.get(node) ?? fail(node, `no anchor &${node.source}`);
	};
	const pairs = (given: unknown, what: string, depth = 0): YamlPairs => {
		const node = follow(given);
		const own: YamlPairs = new Map();
		if (isNothing(node)) return own;
		if (!isMap(node))
			return fail(given, `${what}: expected a mapping, got ${kind(node)}`);
		spend(given, node.items.length + 1);
		const merged: YamlPairs[] = [];
		for (const { key, value } of node.items) {
			if (!isScalar(key)) continue;
			const name = String(key.value);
			if (own.has(name)) warn(key, `${name}: comes twice, the last one counts`);
			own.set(name, { key, value });
			if (!isMergeKey(name, key)) continue;
			if (depth === maxMergeDepth) fail(key, "<<: goes too deep");
			const from = follow(value);
			for (const source of isSeq(from) ? from.items : [value])
				merged.push(pairs(source, "<<", depth + 1));
		}
		return new Map([...merged.reverse().flatMap((from) => [...from]), ...own]);
	};
	/** Decodes `!!binary` to text, as Go does. */
	const textOfBinary = (key: Node | undefined, name: string, given: string) => {
		const base64 = given.replace(/\s/g, "");
		const bytes = Buffer.from(base64, "base64");
		if (bytes.toString("base64") !== base64)
			fail(key, `${name}: expected base64 after !!binary`);
		if (!isUtf8(bytes)) fail(key, `${name}: expected text, got !!binary`);
		warn(key, `${name}: is !!binary, taken as the text that it encodes`);
		return bytes.toString();
	};
	const tree = (given: unknown, depth = 0): YamlTree => {
		// an alias may be inside what it names
		if (depth > maxDepth) fail(given, "nested too deeply");
		const node = follow(given);
		const line = lineOf(startOf(given));
		if (isNothing(node)) return { line, kind: "nothing" };
		if (isScalar(node)) {
			if (node.tag?.endsWith("binary")) fail(given, "!!binary is not allowed");
			return { line, kind: "text", text: String(node.value) };
		}
		if (isSeq(node)) {
			spend(given, node.items.length + 1);
			const list = node.items.map((entry) => tree(entry, depth + 1));
			return { line, kind: "list", list };
		}
		if (isMap(node))
			for (const { key } of node.items)
				if (!isScalar(key)) fail(key ?? given, "a key must be text");
		const values = [...pairs(given, "file")]
			.filter(([name, { key }]) => !isMergeKey(name, key))
			.map(
				([name, { key, value }]) =>
					[
						name,
						{ line: lineOf(startOf(key)), value: tree(value, depth + 1) },
					] as const,
			);
		return { line, kind: "mapping", pairs: new Map(values) };
	};
	return {
		fail,
		/** Whether other documents follow, which are not read. */
		hasMore: tokens.filter(({ type }) => type === "document").length > 1,
		/** The whole document, with aliases and merges resolved. */
		tree: () => tree(document.contents),
		/** Adds a warning; see warnings(). */
		warn,
		/** All warnings in order, one line each: `line 4: ...`. */
		warnings: (): readonly string[] => [...warnings],
		/** Whether a node is missing or null. */
		isEmpty: (node: unknown) => isNothing(follow(node)),
		pairs,
		root: () => pairs(document.contents, "file"),
		/** The entries of the list under a key. */
		list(from: YamlPairs, name: string): readonly unknown[] {
			const { key, value } = from.get(name) ?? {};
			const node = follow(value);
			if (isNothing(node)) return [];
			if (!isSeq(node))
				return fail(key, `${name}: expected a list, got ${kind(node)}`);
			spend(key, node.items.length);
			return node.items;
		},
		/** The text under a key; empty if there is none. */
		text(from: YamlPairs, name: string): string {
			const { key, value } = from.get(name) ?? {};
			const node = follow(value);
			if (isNothing(node)) return "";
			if (!isScalar(node))
				return fail(key, `${name}: expected text, got ${kind(node)}`);
			if (node.tag?.endsWith("binary"))
				return textOfBinary(key, name, String(node.value));
			return String(node.value);
		},
	};
}

const isMergeKey = (name: string, key: Node) =>
	name === "<<" && isScalar(key) && key.type === "PLAIN";

function startOf(node: unknown) {
	return (node as Node | null | undefined)?.range?.[0] ?? 0;
}

function isNothing(node: unknown) {
	if (node === null || node === undefined) return true;
	return (
		isScalar(node) &&
		node.type === "PLAIN" &&
		!node.tag?.endsWith("str") &&
		nothing.includes(node.value)
	);
}

function kind(node: unknown) {
	if (isSeq(node)) return "a list";
	return isMap(node) ? "a mapping" : "text";
}

/**
 * Finds a token nested more deeply than 100 levels.
 *
 * The package yaml composes nodes recursively, and on a stack overflow V8 sometimes ends the
 * process instead of throwing. Tokens are parsed without recursion, so they can be measured first.
 */
function findTooDeep(tokens: readonly CST.Token[]): CST.Token | undefined {
	const left = tokens.map((token) => ({ token, depth: 0 }));
	for (let at = left.pop(); at; at = left.pop()) {
		const { token, depth } = at;
		if (depth > maxDepth) return token;
		const inside =
			token.type === "document"
				? [token.value]
				: "items" in token
					? token.items.flatMap(({ key, value }) => [key, value])
					: [];
		for (const token of inside)
			if (token) left.push({ token, depth: depth + 1 });
	}
	return undefined;
}

// words that some YAML 1.1 reader takes for a boolean, null, a number or a merge key
const typedWord =
	/^(?:|~|null|true|false|yes|no|on|off|y|n|[-+]?\.?(?:nan|inf|infinity)|<<|=)$/i;
// deliberately broad: numbers in all bases, sexagesimal ones too, dates and times
const typedNumber = /^[-+.]*(?:e[-+]?)?\d[\da-fox_.:,+\-tz ]*$/i;

/** Text without control characters, line breaks of any YAML version, or invisible characters. */
const printable = /^[ \p{L}\p{M}\p{N}\p{P}\p{S}]*$/u;
/** Characters that Go's yaml.v2 escapes. */
const beyondSixteenBits = /[\u{10000}-\u{10ffff}]/u;

/**
 * Text that can be a plain scalar: no indicator at the start, no `: ` or ` #`, no blank at either
 * end.
 */
const plain = /^(?:[a-z\d/_]|-[a-z-])(?:[^ :#]|#|:(?! |$)| (?![ #]|$))*$/i;

const escapes: Readonly<Record<string, string>> = {
	'"': '\\"',
	"\\": "\\\\",
	"\n": "\\n",
	"\r": "\\r",
	"\t": "\\t",
};

/**
 * Formats a text as a one-line YAML scalar, as Go's yaml.v2 does, so that every reader gets exactly
 * this text: plain if possible, in double quotes if it looks like another type or needs escapes,
 * otherwise in single quotes. Lone surrogates become U+FFFD.
 */
export function formatYamlText(text: string): string {
	if (!printable.test(text) || beyondSixteenBits.test(text))
		return inDoubleQuotes(text);
	if (typedWord.test(text) || typedNumber.test(text))
		return inDoubleQuotes(text);
	return plain.test(text) ? text : `'${text.replaceAll("'", "''")}'`;
}

function inDoubleQuotes(text: string) {
	let quoted = "";
	for (const character of text)
		quoted += escapes[character] ?? escaped(character);
	return `"${quoted}"`;
}

function escaped(character: string) {
	const code = character.codePointAt(0) ?? 0;
	if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
	if (code <= 0xffff && printable.test(character)) return character;
	const hexadecimal = code.toString(16);
	if (code <= 0xff) return `\\x${hexadecimal.padStart(2, "0")}`;
	return code <= 0xffff
		? `\\u${hexadecimal.padStart(4, "0")}`
		: `\\U${hexadecimal.padStart(8, "0")}`;
}
