import assert from "node:assert/strict";
import { test } from "node:test";
import { commands, topics } from "../../../../../cli/ctl/commands/index.ts";
import { connections } from "../../../../../cli/ctl/flags.ts";
import {
	commandHelp,
	optionsOf,
	topicHelp,
} from "../../../../../cli/program/help.ts";
import {
	explainOperands,
	readCommandLine,
} from "../../../../../cli/program/selection.ts";

const visible = commands.filter(({ isHidden }) => !isHidden);
const program = { name: "happo-ctl", version: "", commands };

/** The words of an example up to a redirection or a pipe. */
const wordsOf = (example: string) =>
	example
		.replace(/ (?:2?>|<{1,3}|\|) .*/, "")
		.match(/'[^']*'|\S+/g)
		?.map((word) => word.replaceAll("'", "")) ?? [];

const exampleOf = (example: string) =>
	readCommandLine(wordsOf(example), visible, optionsOf);

test("each command has at least three examples, and each is a valid call of it", () => {
	for (const { name, help } of visible) {
		assert.ok(help.examples.length >= 3, `${name}: ${help.examples.length}`);
		assert.equal(new Set(help.examples).size, help.examples.length, name);
		for (const example of help.examples) {
			const line = exampleOf(example);
			assert.equal(line.command?.name, name, example);
			assert.deepEqual(line.unknown, [], example);
			assert.equal(line.complaint, undefined, example);
			assert.equal(
				explainOperands(program, line.command, line.operands),
				undefined,
				example,
			);
		}
	}
});

test("the help of a command has its own options; those of connections stand once, in their topic", () => {
	const shared = connections.sections.flatMap(({ settings }) =>
		Object.keys(settings),
	);
	assert.ok(shared.length >= 18, shared.join());
	const topic = topicHelp("happo-ctl", connections);
	for (const name of shared) assert.ok(topic.includes(`--${name}`), name);
	const asking = visible.filter(({ help }) => help.topic === connections);
	assert.ok(asking.length >= 10, String(asking.length));
	for (const { help } of asking) {
		const text = commandHelp("happo-ctl", help);
		const [options = ""] = text.split("\nExamples:\n");
		for (const own of Object.keys(help.settings))
			assert.match(options, new RegExp(`^ {2}.*--(no-)?${own}\\b`, "m"));
		assert.match(options, /'happo-ctl help connections'/);
		for (const name of shared)
			assert.doesNotMatch(options, new RegExp(`^ {2}.*--${name} `, "m"));
	}
	for (const { name, examples } of topics) {
		assert.ok(examples.length >= 3, name);
		for (const example of examples)
			assert.deepEqual(exampleOf(example).unknown, [], example);
	}
});

test("-v before the end of a command's name asks for the version, and after it for all names", () => {
	const asked = (...words: string[]) =>
		readCommandLine(words, visible, optionsOf);
	assert.ok(asked("-v").asks.version);
	assert.ok(asked("-v", "status").asks.version);
	assert.ok(asked("metric", "config", "-v", "show").asks.version);
	assert.deepEqual(asked("status", "-v").options, ["--verbose=yes"]);
	assert.ok(asked("completion", "-v", "bash").asks.version);
});
