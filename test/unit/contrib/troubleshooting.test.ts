import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import ts from "typescript";

/** Stands for a value in a message. */
const hole = "...";

const read = (path: string) => readFileSync(path, "utf8");

const filesBelow = (directory: string, ending: string) =>
	readdirSync(directory, { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(ending))
		.map((name) => join(directory, name));

const sources = ["src", "cli"].flatMap((directory) =>
	filesBelow(directory, ".ts"),
);

/** Errors and log lines that an operator reads. Errors about a command line name the option. */
const errors = new RegExp(
	`^(?:${["Agent", "Relay", "HttpAnswer", "KeyPair", "Trust", "ClientTrust", "AuditLog", "Access", "SocketFile", "Listen", "Export", "Setup"].join("|")})Error$`,
);
const loggers = /(?:^|[.])log\??\.(?:notice|warning|error)$/;

/** The texts that an expression may have; values are holes. */
function textsOf(node: ts.Expression): string[] {
	if (ts.isStringLiteralLike(node)) return [node.text];
	if (ts.isTemplateExpression(node))
		return [
			[
				node.head.text,
				...node.templateSpans.map((span) => span.literal.text),
			].join(hole),
		];
	if (ts.isConditionalExpression(node))
		return [...textsOf(node.whenTrue), ...textsOf(node.whenFalse)];
	if (ts.isParenthesizedExpression(node)) return textsOf(node.expression);
	return [];
}

/** Two words, outside the holes: enough to look for. */
const hasWords = (text: string) =>
	text.split(hole).some((part) => /[a-z]{2,}:? [a-z]{2,}/i.test(part));

function callee(node: ts.Node): ts.NodeArray<ts.Expression> | undefined {
	if (ts.isNewExpression(node) && errors.test(node.expression.getText()))
		return node.arguments;
	if (
		ts.isCallExpression(node) &&
		loggers.test(node.expression.getText().replace(/\s/g, ""))
	)
		return node.arguments;
	return undefined;
}

/** All texts in the programs, and those of them that must be explained, with their files. */
function messages() {
	const all = new Set<string>();
	const explained = new Map<string, string>();
	for (const path of sources) {
		const file = ts.createSourceFile(
			path,
			read(path),
			ts.ScriptTarget.Latest,
			true,
		);
		const visit = (node: ts.Node): void => {
			if (ts.isExpression(node))
				for (const text of textsOf(node)) all.add(text);
			for (const argument of callee(node) ?? [])
				for (const text of textsOf(argument))
					if (hasWords(text)) explained.set(text, path);
			ts.forEachChild(node, visit);
		};
		visit(file);
	}
	for (const path of filesBelow("cli/check-happo/native", ".c"))
		for (const [, text = ""] of read(path).matchAll(/"((?:[^"\\\n]|\\.)*)"/g))
			all.add(text.replace(/%(?:\.\*)?[sdu]/g, hole).replace(/\\n$/, ""));
	return { all: [...all], explained };
}

/** The messages in the tables of the document. */
const rows = read("contrib/doc/troubleshooting.md")
	.split("\n")
	.filter((line) => line.startsWith("| `"))
	.flatMap((line) =>
		[...(line.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(
			([, text = ""]) => text,
		),
	);

const literally = (text: string) =>
	text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");

/** Whether a text of the code is one that a row of the document describes. */
const patternOf = (row: string) =>
	new RegExp(
		`^${row.split(hole).map(literally).join("[^]*")}(?:${literally(hole)})?\n?$`,
	);

test("troubleshooting.md explains each message of the log and of refusals", () => {
	const { explained } = messages();
	assert.ok(explained.size > 120, `only ${explained.size} messages`);
	const patterns = rows.map(patternOf);
	const missing = [...explained].filter(
		([text]) => !patterns.some((pattern) => pattern.test(text)),
	);
	assert.deepEqual(
		missing.map(([text, path]) => `${text} (${path})`),
		[],
	);
});

test("the programs have every message that troubleshooting.md explains", () => {
	const { all } = messages();
	assert.ok(rows.length > 100, `only ${rows.length} messages`);
	const unknown = rows.filter((row) => {
		const pattern = patternOf(row);
		// a prefix and what is behind it may be in two places
		const parts = row
			.split(hole)
			.map((part) => part.replace(/^\W+|\W+$/g, ""))
			.filter((part) => /[a-z]{2,}/i.test(part));
		return !(
			all.some((text) => pattern.test(text)) ||
			parts.every((part) => all.some((text) => text.includes(part)))
		);
	});
	assert.deepEqual(unknown, []);
});
