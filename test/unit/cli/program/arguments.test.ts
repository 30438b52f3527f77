import assert from "node:assert/strict";
import { test } from "node:test";
import {
	normaliseArguments,
	UsageError,
} from "../../../../cli/program/arguments.ts";
import { readCommandLine } from "../../../../cli/program/selection.ts";

const options = [
	{ long: "port", short: "P", kind: "value" },
	{ long: "command-timeout", short: "T", kind: "value" },
	{ long: "group-name", short: "g", kind: "value" },
	{ long: "plugin-option", short: "o", kind: "value" },
	{ long: "disable-collect-metrics", kind: "switch" },
	{ long: "shell", kind: "switch" },
] as const;

const normal = (...args: string[]) => normaliseArguments(args, options);

test("every form of an option becomes --long=value", () => {
	for (const args of [
		["--port", "1"],
		["--port=1"],
		["-P", "1"],
		["-P=1"],
		["-port", "1"],
		["-port=1"],
		["--P", "1"],
	])
		assert.deepEqual(normal(...args), ["--port=1"], args.join(" "));
});

test("underscores and hyphens are the same in long forms", () => {
	for (const args of [
		["--group_name", "G"],
		["--group_name=G"],
		["--group-name=G"],
		["-g", "G"],
	])
		assert.deepEqual(normal(...args), ["--group-name=G"], args.join(" "));
});

test("an option takes the next argument even with a leading dash", () => {
	assert.deepEqual(normal("-o", "-w 5 -c 10"), ["--plugin-option=-w 5 -c 10"]);
	assert.deepEqual(normal("--command-timeout", "-1"), ["--command-timeout=-1"]);
	assert.deepEqual(normal("-o", "--"), ["--plugin-option=--"]);
	assert.deepEqual(normal("-o", "daemon", "x"), [
		"--plugin-option=daemon",
		"x",
	]);
	assert.deepEqual(normal("-o", "two\nlines"), ["--plugin-option=two\nlines"]);
	assert.deepEqual(normal("-o", ""), ["--plugin-option="]);
	assert.deepEqual(normal("--plugin_option=a=b"), ["--plugin-option=a=b"]);
});

test("a switch takes no value", () => {
	assert.deepEqual(normal("--disable-collect-metrics", "x"), [
		"--disable-collect-metrics=yes",
		"x",
	]);
	assert.deepEqual(normal("--shell=off"), ["--shell=off"]);
	assert.deepEqual(normal("--no-shell"), ["--shell=no"]);
	assert.deepEqual(normal("--no_shell"), ["--shell=no"]);
	assert.throws(() => normal("--no-shell=yes"), UsageError);
});

test("an option without its value is an error that names the option", () => {
	assert.throws(() => normal("daemon", "-P"), {
		message: "--port: needs a value",
	});
});

test("words, unknown options and everything after -- stay as they are", () => {
	assert.deepEqual(normal("daemon", "--nope", "x", "-", "--", "-P", "1"), [
		"daemon",
		"--nope",
		"x",
		"-",
		"--",
		"-P",
		"1",
	]);
});

const commands = [
	...["status", "status memory", "metric config show"].map((name) => ({
		name,
	})),
	{
		name: "run",
		operands: { minimum: 1, maximum: 9, name: "CHECK", isCommandLine: true },
	},
];

const line = (...args: string[]) =>
	readCommandLine(args, commands, () => options);

test("after the last word everything stays as it is, except one --", () => {
	const upTo = (...args: string[]) => {
		const { options, path, operands } = line(...args);
		return [...options, ...path, "--", ...operands];
	};
	assert.deepEqual(upTo("-P", "1", "run", "check", "-P", "2", "--", "x"), [
		...["--port=1", "run", "--", "check", "-P", "2", "--", "x"],
	]);
	assert.deepEqual(upTo("run", "check", "--", "-P"), [
		...["run", "--", "check", "-P"],
	]);
	assert.deepEqual(upTo("run", "--", "check", "-P"), [
		...["run", "--", "check", "-P"],
	]);
});

test("options may stand between the words of a command; their values are no words", () => {
	const select = (...args: string[]) => {
		const { command, path, operands } = line(...args);
		return [command?.name, path.join(" "), operands[0]];
	};
	assert.deepEqual(select(), [undefined, "", undefined]);
	assert.deepEqual(select("-g", "status", "status", "memory"), [
		...["status memory", "status memory", undefined],
	]);
	assert.deepEqual(select("status", "-g", "memory"), [
		...["status", "status", undefined],
	]);
	assert.deepEqual(select("status", "x", "memory"), ["status", "status", "x"]);
	assert.deepEqual(select("metric", "config"), [
		...[undefined, "metric config", undefined],
	]);
	assert.deepEqual(select("metric", "shw"), [undefined, "metric", "shw"]);
	assert.deepEqual(select("status", "--", "memory"), [
		...["status", "status", "memory"],
	]);
	assert.deepEqual(select("status", "-P"), ["status", "status", undefined]);
});

test("options have the meaning of the command, even before its name", () => {
	const own = {
		status: [{ long: "host", short: "n", kind: "value" }],
		append: [{ long: "dry-run", short: "n", kind: "switch" }],
	} as const;
	const names = [{ name: "status" as const }, { name: "append" as const }];
	const read = (...args: string[]) => {
		const { options, operands, complaint } = readCommandLine(
			args,
			names,
			({ name }) => own[name],
		);
		return [...options, ...operands, complaint];
	};
	assert.deepEqual(read("append", "-n", "x"), [
		"--dry-run=yes",
		"x",
		undefined,
	]);
	assert.deepEqual(read("-n", "x", "status"), ["--host=x", undefined]);
	assert.deepEqual(read("status", "-n"), ["--host: needs a value"]);
});
