import { Document, parseDocument, Scalar, visit } from "yaml";
import { unsafe } from "./terminal-text.ts";

// as in json-text.ts; line ends are YAML's own business
const escaped = (character: string) =>
	character === "\n"
		? character
		: `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

const needsQuotes = (text: string) =>
	text.replaceAll("\n", "").search(unsafe) >= 0;

/** One YAML document of a value, which a terminal can be shown, too. */
export function yamlText(value: unknown): string {
	const document = new Document(value, { aliasDuplicateObjects: false });
	visit(document, {
		Scalar(_key, node) {
			if (typeof node.value === "string" && needsQuotes(node.value))
				node.type = Scalar.QUOTE_DOUBLE;
		},
	});
	return document.toString({ lineWidth: 0 }).replace(unsafe, escaped);
}

/** A YAML text with one key at its top set; comments and order stay. */
export function withYamlKey(text: string, key: string, value: string): string {
	const document = parseDocument(text);
	document.set(key, value);
	return document.toString({ lineWidth: 0 });
}
