import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { createCloser } from "../../../src/spawn/closer.ts";

const line = { file: "/bin/echo", args: ["a b", "$HOME"] };

test("starts a command directly without a shell that can close descriptors", () => {
	const close = createCloser(undefined);
	assert.deepEqual(close(line, {}), { ...line, argv0: "/bin/echo" });
});

test("merges the outputs even without such a shell", () => {
	const close = createCloser(undefined);
	const { file, args, argv0 } = close(
		{
			file: "/bin/sh",
			args: ["-c", 'echo "$1"; echo "$0" >&2', "zero", "one two"],
			merged: true,
		},
		{},
	);
	assert.equal(file, "/bin/sh");
	const { stdout, stderr } = spawnSync(file, args, { argv0, encoding: "utf8" });
	assert.deepEqual([stdout, stderr], ["one two\nzero\n", ""]);
});

test("passes arguments unchanged", () => {
	const close = createCloser({ file: "/bin/busybox", args: ["sh"] });
	const { file, args, argv0 } = close(line, {});
	assert.equal(file, "/bin/busybox");
	assert.equal(argv0, "sh");
	assert.deepEqual(args.slice(0, 2), ["sh", "-c"]);
	assert.deepEqual(args.slice(3), ["sh", "/bin/echo", "a b", "$HOME"]);
});

test("unsets only variables that the environment does not have", () => {
	const shell = { file: "/bin/sh", args: [] };
	const script = (environment: Record<string, string>) =>
		createCloser(shell)(line, environment).args[1] ?? "";
	assert.match(script({}), /unset PWD OLDPWD SHLVL/);
	assert.match(script({ PWD: "/", SHLVL: "1" }), /unset OLDPWD;/);
	assert.doesNotMatch(
		script({ PWD: "/", SHLVL: "1", OLDPWD: "/" }),
		/PWD|SHLVL/,
	);
});
