import assert from "node:assert/strict";
import { chmod, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { missingAnswer } from "../../../src/commands/answer.ts";
import { createPlugins, pluginCommand } from "../../../src/commands/plugin.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

test("refuses a name and options that are longer than a command line may be", async () => {
	const plugins = createPlugins({ directories: [], allowShell: true });
	for (const [name, option] of [
		["check_x", "x".repeat(131_072)],
		["x".repeat(131_073), ""],
	] as const)
		await assert.rejects(plugins.prepare(name, option), {
			code: "bad-request",
			message: /^plugin_name and plugin_option: \d+ characters/,
		});
});

test("runs an option of plain words without a shell", () => {
	assert.deepEqual(pluginCommand("/p/check", "-w 5 'a b'"), {
		kind: "direct",
		file: "/p/check",
		option: "-w 5 'a b'",
		line: { file: "/p/check", args: ["-w", "5", "a b"] },
	});
	assert.deepEqual(pluginCommand("/p/check", ""), {
		kind: "direct",
		file: "/p/check",
		option: "",
		line: { file: "/p/check", args: [] },
	});
});

test("runs an option that needs a shell through one, as v1 did", () => {
	assert.deepEqual(pluginCommand("/p/check", "a | tr a b"), {
		kind: "shell",
		file: "/p/check",
		option: "a | tr a b",
		line: { file: "/bin/sh", args: ["-c", "/p/check a | tr a b"] },
	});
	assert.deepEqual(
		pluginCommand("/my $plugins/it's", "$x").line.args[1],
		"'/my $plugins/it'\\''s' $x",
	);
	assert.equal(pluginCommand("/p/a\\b", "$x").line.args[1], "'/p/a\\b' $x");
});

async function plugin(file: string, mode = 0o755) {
	await mkdir(dirname(file), { recursive: true });
	await writeFile(file, "#!/bin/sh\n");
	await chmod(file, mode);
}

test("looks plugins up in the order of the directories", async (t) => {
	const root = await temporaryDirectory(t);
	const [first, second] = [join(root, "first"), join(root, "second dir")];
	await mkdir(join(first, "folder"), { recursive: true });
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
	assert.deepEqual(await locate("both"), {
		file: join(first, "both"),
		mayRun: true,
	});
	assert.deepEqual(await locate("only"), {
		file: join(second, "only"),
		mayRun: true,
	});
	assert.deepEqual(await locate("linked"), {
		file: join(first, "linked"),
		mayRun: true,
	});
	assert.deepEqual(await locate("contrib/inner"), {
		file: join(second, "contrib/inner"),
		mayRun: true,
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

test("the agent's own plugins come last; a missing plugin is not reported there", async (t) => {
	const root = await temporaryDirectory(t);
	const [operators, own] = [join(root, "operators"), join(root, "own")];
	await plugin(join(operators, "both"));
	await plugin(join(own, "both"));
	await plugin(join(own, "only"));
	const { locate } = createPlugins({
		directories: [operators, own],
		allowShell: true,
		ownPlugins: own,
	});
	assert.deepEqual(await locate("both"), {
		file: join(operators, "both"),
		mayRun: true,
	});
	assert.deepEqual(await locate("only"), {
		file: join(own, "only"),
		mayRun: true,
	});
	// clients expect the last configured directory in this message
	assert.deepEqual(await locate("nothing"), {
		missing: "not found",
		file: join(operators, "nothing"),
	});
});

test("finds own plugins only if their directory is configured", async (t) => {
	const root = await temporaryDirectory(t);
	await plugin(join(root, "own/only"));
	const { locate } = createPlugins({
		directories: [join(root, "operators")],
		allowShell: true,
		ownPlugins: join(root, "own"),
	});
	assert.deepEqual(await locate("only"), {
		missing: "not found",
		file: join(root, "operators/only"),
	});
});

test("finds nothing without directories", async () => {
	const { locate } = createPlugins({ directories: [], allowShell: true });
	assert.deepEqual(await locate("sh"), { missing: "not found", file: "sh" });
});

test("refuses plugins and options before running them", async (t) => {
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
		reason: "needs a shell, and the setting shell is off",
	});
	assert.deepEqual(await strict.prepare("check", "a 'b | c'"), {
		kind: "direct",
		file,
		option: "a 'b | c'",
		line: { file, args: ["a", "b | c"] },
	});
	assert.deepEqual(await open.prepare("check", "a | b"), {
		kind: "shell",
		file,
		option: "a | b",
		line: { file: "/bin/sh", args: ["-c", `${file} a | b`] },
	});
	assert.deepEqual(await open.prepare("nothing", "; id"), {
		missing: "not found",
		file: join(directory, "nothing"),
	});
});

test("a policy's absolute path is exactly that file, wherever it is", async (t) => {
	const root = await temporaryDirectory(t);
	const file = join(root, "elsewhere/check");
	const directory = join(root, "plugins");
	await plugin(file);
	await plugin(join(directory, file));
	await plugin(join(directory, "check"));
	const { find, prepare } = createPlugins({
		directories: [directory],
		isInUse: () => false,
		allowShell: true,
	});
	assert.deepEqual(await find([file, "a b", "$x"]), {
		kind: "direct",
		...{ file, option: "a b $x", line: { file, args: ["a b", "$x"] } },
	});
	await chmod(file, 0o644);
	assert.deepEqual(await find([file]), { missing: "not executable", file });
	const absent = join(root, "elsewhere/absent");
	assert.deepEqual(await find([absent]), {
		missing: "not found",
		file: absent,
	});
	assert.deepEqual(await prepare(file, ""), {
		refused: "plugin_name",
		reason: "is an absolute path",
	});
});

test("blanks, ./ and options in a name work as they did with v1's shell", async (t) => {
	const directory = await temporaryDirectory(t);
	for (const name of ["check", "my check"])
		await writeFile(join(directory, name), "#!/bin/sh\n", { mode: 0o755 });
	const { prepare } = createPlugins({
		directories: [directory],
		allowShell: true,
	});
	const run = async (name: string, option = "") => {
		const prepared = await prepare(name, option);
		assert.ok("line" in prepared, JSON.stringify(prepared));
		return [prepared.file, ...prepared.line.args];
	};
	const file = join(directory, "check");
	for (const name of ["check", " check ", "./check", "\t./check", "check/"])
		assert.deepEqual(await run(name, "-w 5"), [file, "-w", "5"], name);
	assert.deepEqual(await run("check -w 5", "-c 9"), [
		...[file, "-w", "5", "-c", "9"],
	]);
	assert.deepEqual(await run("./check\t-w  5"), [file, "-w", "5"]);
	// a file with the whole name comes first
	assert.deepEqual(await run("my check", "-w 5"), [
		...[join(directory, "my check"), "-w", "5"],
	]);
	assert.deepEqual(await prepare("none -w 5", ""), {
		missing: "not found",
		file: join(directory, "none"),
	});
});

test("an empty file is not a plugin", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "check");
	await writeFile(file, "", { mode: 0o755 });
	const { prepare } = createPlugins({
		directories: [directory],
		allowShell: true,
	});
	for (const option of ["", "| cat"])
		assert.deepEqual(await prepare("check", option), {
			missing: "empty",
			file,
		});
	assert.deepEqual(missingAnswer({ missing: "empty", file }), {
		exitCode: 126,
		message: `stdout=, stderr=/bin/sh: 1: ${file}: the file is empty\n`,
	});
});
