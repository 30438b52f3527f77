import { Document, parseDocument, Scalar, visit } from "yaml";
import { expose } from "../../../src/protocol/exposition.ts";
import { unsafe } from "./terminal.ts";

// line ends belong to the format
const escaped = (character: string) =>
	character === "\n"
		? character
		: `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

/**
 * JSON that is safe to show on a terminal: also escapes control characters that JSON.stringify
 * keeps.
 */
export const jsonText = (value: unknown, indent?: number) =>
	JSON.stringify(value, undefined, indent).replace(unsafe, escaped);

const needsQuotes = (text: string) =>
	text.replaceAll("\n", "").search(unsafe) >= 0;

/** A value as one YAML document that is safe to show on a terminal. */
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

/** Sets one top-level key in a YAML text; comments and order stay. */
export function withYamlKey(text: string, key: string, value: string): string {
	const document = parseDocument(text);
	document.set(key, value);
	return document.toString({ lineWidth: 0 });
}

// characters to replace in a single node of the path, and in a whole path
const inNode = /[^\p{L}\p{N}_%:@+-]+/gu;
const inPath = /[^\p{L}\p{N}._%:@+-]+/gu;

/**
 * `host.metric value timestamp`. Dots in the host's name become underscores; those in the metric's
 * name stay.
 */
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

/** A page for Prometheus' text-file collector. It groups values by name. */
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
