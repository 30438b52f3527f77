import { Document, parseDocument, Scalar, visit } from "yaml";

// as in json-text.ts, and what JSON escapes by itself; line ends are YAML's own business
const unsafe =
	/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/gu;
const needsQuotes =
	/(?!\n)[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]/u;

const escaped = (character: string) =>
	`\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** One YAML document of a value, which a terminal can be shown, too. */
export function yamlText(value: unknown): string {
	const document = new Document(value, { aliasDuplicateObjects: false });
	visit(document, {
		Scalar(_key, node) {
			if (typeof node.value === "string" && needsQuotes.test(node.value))
				node.type = Scalar.QUOTE_DOUBLE;
		},
	});
	return document
		.toString({ lineWidth: 0 })
		.replace(unsafe, (c) => (c === "\n" ? c : escaped(c)));
}

/** A YAML text with one key at its top set; comments and order stay. */
export function withYamlKey(text: string, key: string, value: string): string {
	const document = parseDocument(text);
	document.set(key, value);
	return document.toString({ lineWidth: 0 });
}
