import assert from "node:assert/strict";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { createCommands } from "../../../src/commands/command.ts";
import type { Captured } from "../../../src/commands/output.ts";
import {
	checkMessage,
	checkPluginName,
	createPlugins,
	exitCode,
	missingAnswer,
	outputText,
	pluginCommand,
} from "../../../src/commands/plugin.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

function captured(text: string, cut?: { kept: number; bytes: number }) {
	const bytes = Buffer.byteLength(text);
	return { text, bytes, kept: bytes, cut: cut !== undefined, ...cut };
}

function message(stdout: Captured, stderr: Captured, signal?: NodeJS.Signals) {
	return checkMessage({ stdout, stderr, signal });
}

test("a plugin name stays inside its directories and means nothing to a shell", () => {
	for (const name of [
		"check_x",
		"check-x.sh",
		"contrib/check_x",
		"a/b/c",
		"..check",
		"check..",
		"check@1,2+3=4:5%",
		"チェック",
	])
		assert.equal(checkPluginName(name), undefined, name);
	for (const name of [
		"",
		"/bin/echo",
		"/",
		".",
		"..",
		"../x",
		"a/../b",
		"a/..",
		"./x",
		"a//b",
		"a/",
		..."|&;<>()$`\\\"'*?[]#~{}!".split("").map((character) => `a${character}b`),
		..." \t\n\r\v\f\0\x01\x1f\x7f\u00a0\u2028"
			.split("")
			.map((character) => `a${character}b`),
	])
		assert.equal(typeof checkPluginName(name), "string", JSON.stringify(name));
});

test("an option of plain words is run without a shell", () => {
	assert.deepEqual(pluginCommand("/p/check", "-w 5 'a b'"), {
		kind: "direct",
		file: "/p/check",
		line: { file: "/p/check", args: ["-w", "5", "a b"] },
	});
	assert.deepEqual(pluginCommand("/p/check", ""), {
		kind: "direct",
		file: "/p/check",
		line: { file: "/p/check", args: [] },
	});
});

test("what needs a shell is given to one as the original did", () => {
	assert.deepEqual(pluginCommand("/p/check", "a | tr a b"), {
		kind: "shell",
		file: "/p/check",
		line: { file: "/bin/sh", args: ["-c", "/p/check a | tr a b"] },
	});
	assert.deepEqual(
		pluginCommand("/my $plugins/it's", "$x").line.args[1],
		"'/my $plugins/it'\\''s' $x",
	);
	assert.equal(pluginCommand("/p/a\\b", "$x").line.args[1], "'/p/a\\b' $x");
});

test("looks plugins up in the order of the directories", async (t) => {
	const root = await temporaryDirectory(t);
	const [first, second] = [join(root, "first"), join(root, "second dir")];
	await mkdir(join(first, "folder"), { recursive: true });
	await mkdir(join(second, "contrib"), { recursive: true });
	const plugin = async (file: string, mode = 0o755) => {
		await writeFile(file, "#!/bin/sh\n");
		await chmod(file, mode);
	};
	await plugin(join(first, "both"));
	await plugin(join(second, "both"));
	await plugin(join(second, "only"));
	await plugin(join(second, "contrib/inner"));
	await plugin(join(first, "plain"), 0o644);
	await plugin(join(second, "plain"));
	await plugin(join(second, "folder"));
	await symlink(join(second, "only"), join(first, "linked"));
	await symlink(join(root, "nowhere"), join(first, "only"));
	const { locate } = createPlugins({
		directories: [first, join(root, "missing"), second],
		allowShell: true,
	});
	assert.deepEqual(await locate("both"), { file: join(first, "both") });
	assert.deepEqual(await locate("only"), { file: join(second, "only") });
	assert.deepEqual(await locate("linked"), { file: join(first, "linked") });
	assert.deepEqual(await locate("contrib/inner"), {
		file: join(second, "contrib/inner"),
	});
	assert.deepEqual(await locate("plain"), {
		missing: "not executable",
		file: join(first, "plain"),
	});
	assert.deepEqual(await locate("folder"), {
		missing: "not executable",
		file: join(first, "folder"),
	});
	assert.deepEqual(await locate("nothing"), {
		missing: "not found",
		file: join(second, "nothing"),
	});
	assert.deepEqual(await locate("both/x"), {
		missing: "not found",
		file: join(second, "both/x"),
	});
});

test("without directories nothing is found", async () => {
	const { locate } = createPlugins({ directories: [], allowShell: true });
	assert.deepEqual(await locate("sh"), { missing: "not found", file: "sh" });
});

test("says before running what may not be run", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "check");
	await writeFile(file, "#!/bin/sh\n", { mode: 0o755 });
	const open = createPlugins({ directories: [directory], allowShell: true });
	const strict = createPlugins({ directories: [directory], allowShell: false });
	assert.deepEqual(await open.prepare("../check", ""), {
		refused: "plugin_name",
		reason: "has the path segment ..",
	});
	assert.deepEqual(await strict.prepare("check", "a | b"), {
		refused: "plugin_option",
		reason: "needs a shell, which the setting shell does not allow",
	});
	assert.deepEqual(await strict.prepare("check", "a 'b | c'"), {
		kind: "direct",
		file,
		line: { file, args: ["a", "b | c"] },
	});
	assert.deepEqual(await open.prepare("check", "a | b"), {
		kind: "shell",
		file,
		line: { file: "/bin/sh", args: ["-c", `${file} a | b`] },
	});
	assert.deepEqual(await open.prepare("nothing", "; id"), {
		missing: "not found",
		file: join(directory, "nothing"),
	});
});

test("a plugin that cannot be run is answered as the original's shell did", () => {
	assert.deepEqual(missingAnswer({ missing: "not found", file: "/p/x" }), {
		exitCode: 127,
		message: "stdout=, stderr=/bin/sh: 1: /p/x: not found\n",
	});
	assert.deepEqual(missingAnswer({ missing: "not executable", file: "/p/x" }), {
		exitCode: 126,
		message: "stdout=, stderr=/bin/sh: 1: /p/x: Permission denied\n",
	});
});

test("combines the outputs as the original did", () => {
	const nothing = captured("");
	assert.equal(message(captured("out\n"), nothing), "out\n");
	assert.equal(
		message(captured("out\n"), captured("err\n")),
		"out\n, stderr=err\n",
	);
	assert.equal(message(nothing, captured("err\n")), "stdout=, stderr=err\n");
	assert.equal(message(nothing, nothing), "stdout=, stderr=");
});

test("a death by signal is told with the standard error", () => {
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

test("a cut output is told with the standard error", () => {
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

test("a merged output is told as it is, with the same notes", () => {
	const text = (stdout: Captured, signal?: NodeJS.Signals) =>
		outputText({ stdout, signal });
	assert.equal(text(captured("")), "");
	assert.equal(text(captured("a\nb")), "a\nb");
	assert.equal(text(captured("a"), "SIGTERM"), "a\nterminated by SIGTERM\n");
	assert.equal(
		text(captured("ou", { kept: 2, bytes: 10 })),
		"ou\noutput cut: 2 of 10 bytes kept\n",
	);
});

test("the exit code is the status, 128 and the signal, or unknown", () => {
	assert.equal(exitCode({ exitStatus: 0 }), 0);
	assert.equal(exitCode({ exitStatus: 255 }), 255);
	assert.equal(exitCode({ exitStatus: undefined, signalNumber: 9 }), 137);
	assert.equal(exitCode({ exitStatus: undefined }), 3);
});

test("the recorded plugins answer what the original answered", async () => {
	const log = { warning: assert.fail, error: assert.fail };
	const commands = createCommands({
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
