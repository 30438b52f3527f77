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

/** Why a document cannot be used: one line, `line 4: plugin_option: expected text, got a list`. */
export class YamlError extends Error {
	override name = "YamlError";
}

/** Warnings of one document; a broken generator makes one for every entry. */
const mostWarnings = 100;

/** More than any file of a sensible size needs: aliases can make a small one endless. */
const mostNodes = 300_000;
const deepestMerge = 10;

/** Far more than any configuration needs, far less than a stack takes. */
const deepest = 100;

const nothing: readonly unknown[] = ["", "~", "null", "Null", "NULL"];

/** The pairs of a mapping by their key. */
export type YamlPairs = Map<string, { key: Node; value: unknown }>;

/**
 * Opens a document to be read key by key, the one door to the package yaml. Every scalar is the text that stands there.
 * @throws YamlError here and in every function of the answer, for whatever is not as expected
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
		// quadratic in the package; the keys that count are checked below
		uniqueKeys: false,
		prettyErrors: false,
		// warnings go nowhere
		logLevel: "silent",
	});
	// the first document only, as the original
	const [document] = composer.compose(tokens, true, text.length);
	if (!document) return failAt(0, "not YAML");
	const [error] = document.errors;
	if (error) failAt(error.pos[0], `not YAML: ${error.message.split("\n")[0]}`);

	// looked up once, because every alias by itself would search the whole document
	const anchors = new Map<string, Node>();
	const targets = new Map<Alias, Node | undefined>();
	visit(document, {
		Node(_key, node) {
			if (isAlias(node)) targets.set(node, anchors.get(node.source));
			else if (node.anchor) anchors.set(node.anchor, node);
		},
	});

	// once each: an alias leads to the same place again
	const warnings = new Set<string>();
	const warn = (node: unknown, reason: string): void => {
		if (warnings.size < mostWarnings)
			warnings.add(`line ${lineOf(startOf(node))}: ${reason}`);
	};

	let nodes = 0;
	const fail = (node: unknown, reason: string): never =>
		failAt(startOf(node), reason);
	const spend = (node: unknown, count: number) => {
		nodes += count;
		if (nodes > mostNodes) fail(node, `more than ${mostNodes} entries`);
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
			if (name !== "<<" || key.type !== "PLAIN") continue;
			if (depth === deepestMerge) fail(key, "<<: goes too deep");
			const from = follow(value);
			for (const source of isSeq(from) ? from.items : [value])
				merged.push(pairs(source, "<<", depth + 1));
		}
		return new Map([...merged.reverse().flatMap((from) => [...from]), ...own]);
	};
	/** `!!binary` as Go reads it: the text that its bytes are. */
	const textOfBinary = (key: Node | undefined, name: string, given: string) => {
		const base64 = given.replace(/\s/g, "");
		const bytes = Buffer.from(base64, "base64");
		if (bytes.toString("base64") !== base64)
			fail(key, `${name}: expected base64 after !!binary`);
		if (!isUtf8(bytes)) fail(key, `${name}: expected text, got !!binary`);
		warn(key, `${name}: is !!binary, taken as the text that it encodes`);
		return bytes.toString();
	};
	return {
		fail,
		/** Something to be told that is no error; see warnings(). */
		warn,
		/** One line each, `line 4: ...`, in the order in which they were found. */
		warnings: (): readonly string[] => [...warnings],
		/** Whether nothing stands there. */
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
		/** The text under a key; empty when it is not there. */
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
 * Finds a token that is nested more deeply than 100 levels.
 *
 * The package yaml composes its nodes by recursion. At the end of the stack V8 does not always throw, sometimes it ends the
 * process: the tokens, which come without recursion, are measured before.
 */
function findTooDeep(tokens: readonly CST.Token[]): CST.Token | undefined {
	const left = tokens.map((token) => ({ token, depth: 0 }));
	for (let at = left.pop(); at; at = left.pop()) {
		const { token, depth } = at;
		if (depth > deepest) return token;
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

// what some YAML 1.1 reader takes for a truth value, nothing, a number or a merge
const typedWord =
	/^(?:|~|null|true|false|yes|no|on|off|y|n|[-+]?\.?(?:nan|inf|infinity)|<<|=)$/i;
// generously: numbers to all bases, with a base of 60 too, dates and times
const typedNumber = /^[-+.]*(?:e[-+]?)?\d[\da-fox_.:,+\-tz ]*$/i;

/** Needs no escape: no control character, no line end of any YAML version, nothing invisible. */
const printable = /^[ \p{L}\p{M}\p{N}\p{P}\p{S}]*$/u;
/** Go's yaml.v2 writes them as escapes. */
const beyondSixteenBits = /[\u{10000}-\u{10ffff}]/u;

/** No indicator at the start, no `: ` and ` #`, no blank at an end. */
const plain = /^(?:[a-z\d/_]|-[a-z-])(?:[^ :#]|#|:(?! |$)| (?![ #]|$))*$/i;

const escapes: Readonly<Record<string, string>> = {
	'"': '\\"',
	"\\": "\\\\",
	"\n": "\\n",
	"\r": "\\r",
	"\t": "\\t",
};

/**
 * A text as a YAML scalar on one line, in a form that readers of all versions take for this very text, and as Go's
 * yaml.v2 writes it: plain if possible, in double quotes what would be read as another type or has to be escaped, else
 * in single quotes. Half a character of UTF-16 becomes U+FFFD, as in every file.
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
