import { Document, parseDocument, Scalar, visit } from "yaml";
import { expose } from "../../../src/protocol/exposition.ts";
import { unsafe } from "./terminal.ts";

// line ends are those of the format itself
const escaped = (character: string) =>
	character === "\n"
		? character
		: `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** JSON that a terminal can be shown, too: what JSON.stringify leaves as it is, is escaped. */
export const jsonText = (value: unknown, indent?: number) =>
	JSON.stringify(value, undefined, indent).replace(unsafe, escaped);

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

// what ends a node of the path, and what is no character of one
const inNode = /[^\p{L}\p{N}_%:@+-]+/gu;
const inPath = /[^\p{L}\p{N}._%:@+-]+/gu;

/** `host.metric value timestamp`: dots of a host's name are underscores, those of a metric's name stay. */
export const graphiteLine = (
	host: string,
	metric: string,
	value: number,
	timestamp: number,
) =>
	`${host.replace(inNode, "_") || "_"}.${metric.replace(inPath, "_")} ${value} ${timestamp}\n`;

/** One value of Prometheus' text format. */
export interface ExposedValue {
	name: string;
	help: string;
	labels: Readonly<Record<string, string>>;
	value: number;
}

/** A page that Prometheus' text-file collector takes; values of one name stand together. */
export function expositionText(values: readonly ExposedValue[]): string {
	const families = new Map<string, ExposedValue[]>();
	for (const value of values) {
		const family = families.get(value.name);
		if (family) family.push(value);
		else families.set(value.name, [value]);
	}
	return expose(
		[...families].map(([name, series]) => ({
			name,
			type: "gauge" as const,
			help: series[0]?.help || name,
			series,
		})),
		"text",
	);
}
