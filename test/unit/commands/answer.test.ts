import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import {
	checkMessage,
	exitCode,
	missingAnswer,
	outputText,
} from "../../../src/commands/answer.ts";
import { createCommands } from "../../../src/commands/command.ts";
import { createPlugins } from "../../../src/commands/plugin.ts";
import type { Captured } from "../../../src/spawn/output.ts";
import { testEngine } from "../../support/engine.ts";

function captured(text: string, cut?: { kept: number; bytes: number }) {
	const bytes = Buffer.byteLength(text);
	return { text, bytes, kept: bytes, cut: cut !== undefined, ...cut };
}

function message(stdout: Captured, stderr: Captured, signal?: string) {
	return checkMessage({ stdout, stderr, signal });
}

test("answers for a plugin that cannot be run as v1's shell did", () => {
	assert.deepEqual(missingAnswer({ missing: "not found", file: "/p/x" }), {
		exitCode: 127,
		message: "stdout=, stderr=/bin/sh: 1: /p/x: not found\n",
	});
	assert.deepEqual(missingAnswer({ missing: "not executable", file: "/p/x" }), {
		exitCode: 126,
		message: "stdout=, stderr=/bin/sh: 1: /p/x: Permission denied\n",
	});
});

test("combines the outputs as v1 did", () => {
	const nothing = captured("");
	assert.equal(message(captured("out\n"), nothing), "out\n");
	assert.equal(
		message(captured("out\n"), captured("err\n")),
		"out\n, stderr=err\n",
	);
	assert.equal(message(nothing, captured("err\n")), "stdout=, stderr=err\n");
	assert.equal(message(nothing, nothing), "stdout=, stderr=");
});

test("notes a death by signal in the stderr part", () => {
	const out = captured("about to die\n");
	assert.equal(
		message(out, captured(""), "SIGKILL"),
		"about to die\n, stderr=terminated by SIGKILL\n",
	);
	assert.equal(
		message(captured(""), captured("err"), "SIGSEGV"),
		"stdout=, stderr=err\nterminated by SIGSEGV\n",
	);
});

test("notes a truncated output in the stderr part", () => {
	const cut = { kept: 2, bytes: 10 };
	assert.equal(
		message(captured("ou", cut), captured("")),
		"ou, stderr=stdout cut: 2 of 10 bytes kept\n",
	);
	assert.equal(
		message(captured("ou", cut), captured("er", { kept: 2, bytes: 3 })),
		"ou, stderr=er\nstdout cut: 2 of 10 bytes kept\nstderr cut: 2 of 3 bytes kept\n",
	);
});

test("leaves merged output as it is, with the same notes", () => {
	const text = (stdout: Captured, signal?: string) =>
		outputText({ stdout, signal });
	assert.equal(text(captured("")), "");
	assert.equal(text(captured("a\nb")), "a\nb");
	assert.equal(text(captured("a"), "SIGTERM"), "a\nterminated by SIGTERM\n");
	assert.equal(
		text(captured("ou", { kept: 2, bytes: 10 })),
		"ou\noutput cut: 2 of 10 bytes kept\n",
	);
});

test("the exit code is the status, 128 plus the signal, or UNKNOWN", () => {
	assert.equal(exitCode({ exitStatus: 0 }), 0);
	assert.equal(exitCode({ exitStatus: 255 }), 255);
	assert.equal(exitCode({ exitStatus: undefined, signalNumber: 9 }), 137);
	assert.equal(exitCode({ exitStatus: undefined }), 3);
});

test("the recorded plugins answer as with v1", async () => {
	const log = { error: assert.fail, warning: assert.fail };
	const commands = createCommands({
		engine: testEngine(),
		outputLimitBytes: 1 << 20,
		environment: { PATH: process.env.PATH ?? "" },
		log,
	});
	const plugins = createPlugins({
		directories: ["plugins", "plugins2"].map((name) =>
			join(process.cwd(), "test/fixtures/conformance", name),
		),
		allowShell: true,
	});
	const answer = async (name: string, option: string) => {
		const command = await plugins.prepare(name, option);
		assert.ok("line" in command, JSON.stringify(command));
		const result = await commands.run(command.line, {
			timeoutMilliseconds: 10_000,
		});
		return [exitCode(result), checkMessage(result)];
	};
	assert.deepEqual(await answer("check_exit", "2"), [2, "exit 2 says hello\n"]);
	assert.deepEqual(await answer("check_exit", "2 | tr e E"), [
		0,
		"Exit 2 says hEllo\n",
	]);
	assert.deepEqual(await answer("check_both", "1"), [
		1,
		"this is stdout\n, stderr=this is stderr\n",
	]);
	assert.deepEqual(await answer("check_stderr", ""), [
		0,
		"stdout=, stderr=only stderr\n",
	]);
	assert.deepEqual(await answer("check_nothing", ""), [0, "stdout=, stderr="]);
	assert.deepEqual(await answer("check_killed", "9"), [
		137,
		"about to die\n, stderr=terminated by SIGKILL\n",
	]);
	await commands.close();
});
