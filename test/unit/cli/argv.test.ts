import assert from "node:assert/strict";
import { test } from "node:test";
import { normaliseArguments, UsageError } from "../../../cli/argv.ts";

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

test("an option takes the next argument whatever it begins with", () => {
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

test("a switch takes no argument of its own", () => {
	assert.deepEqual(normal("--disable-collect-metrics", "x"), [
		"--disable-collect-metrics=yes",
		"x",
	]);
	assert.deepEqual(normal("--shell=off"), ["--shell=off"]);
	assert.deepEqual(normal("--no-shell"), ["--shell=no"]);
	assert.deepEqual(normal("--no_shell"), ["--shell=no"]);
	assert.throws(() => normal("--no-shell=yes"), UsageError);
});

test("an option without its value is an error that names it", () => {
	assert.throws(() => normal("daemon", "-P"), {
		message: "--port: needs a value",
	});
});

test("words, unknown options and what follows -- stay as they are", () => {
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
