import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { version } from "../../../generated/version.ts";
import { nativeClientMissing } from "../../support/check-happo.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const native = `dist/native/${process.platform}-${process.arch}`;
const folder = "cli/check-happo/native";
const source = `${folder}/check_happo.c`;
const sources = readdirSync(folder)
	.filter((name) => name.endsWith(".c"))
	.map((name) => join(folder, name));

/** A copy of what an installed package has of check_happo, its command not native yet. */
async function aPackage(t: TestContext) {
	const directory = await temporaryDirectory(t);
	for (const path of [
		...["contrib/native", "src/spawn/native", "cli/check-happo/native"],
		...[native, "dist/check_happo.cjs"],
	])
		cpSync(path, join(directory, path), { recursive: true });
	await writeFile(join(directory, "package.json"), '{"type":"module"}');
	const command = join(directory, "dist/check_happo");
	return {
		directory,
		install(CC: string) {
			const { stdout } = spawnSync(
				process.execPath,
				[join(directory, "contrib/native/install.mjs")],
				{ encoding: "utf8", cwd: "/", env: { PATH: process.env.PATH, CC } },
			);
			return stdout;
		},
		isNative: () => readFileSync(command).subarray(1, 4).toString() === "ELF",
		says: () => {
			const { stdout } = spawnSync(command, ["--version"], {
				encoding: "utf8",
			});
			return stdout;
		},
	};
}

const named = `check_happo version ${version}\n`;

test("a native client that ships with the package becomes the command", async (t) => {
	const missing = nativeClientMissing();
	if (missing) return t.skip(missing);
	const { install, isNative, says } = await aPackage(t);
	assert.equal(install("no-such-compiler"), "");
	assert.deepEqual([isNative(), says()], [true, named]);
});

test("one of another source is compiled again; without a compiler Node.js runs the command", async (t) => {
	const missing = nativeClientMissing();
	if (missing) return t.skip(missing);
	const { directory, install, isNative, says } = await aPackage(t);
	await appendFile(join(directory, source), "/* changed */\n");
	assert.equal(install("cc"), "");
	assert.deepEqual([isNative(), says()], [true, named]);
	await appendFile(join(directory, source), "/* again */\n");
	// with a path, as a directory of PATH may be unreadable
	const compiler = join(directory, "no-such-compiler");
	assert.equal(
		install(compiler),
		`happo-agent: no native check_happo, using the one for Node.js: ${compiler}: ENOENT\n`,
	);
	assert.deepEqual([isNative(), says()], [false, named]);
	assert.equal(existsSync(join(directory, native, "check_happo")), false);
});

test("the native client compiles without a warning", async (t) => {
	if (spawnSync("cc", ["--version"]).error) return t.skip("no cc");
	const file = join(await temporaryDirectory(t), "check_happo");
	const { stderr, status } = spawnSync(
		"cc",
		[
			...["-O2", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow"],
			...["-Wconversion", "-Werror", ...sources, "-o", file],
		],
		{ encoding: "utf8" },
	);
	assert.deepEqual([stderr, status], ["", 0]);
});

test("a client of a package starts the Node.js of the package", async (t) => {
	if (spawnSync("cc", ["--version"]).error) return t.skip("no cc");
	const directory = await temporaryDirectory(t);
	const file = join(directory, "check_happo");
	const node = join(directory, "private-node");
	await writeFile(node, '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o755 });
	const { compileClient } = (await import(
		pathToFileURL(join(process.cwd(), "contrib/native/client.mjs")).href
	)) as {
		compileClient: (
			compiler: string,
			file: string,
			options: { nodeProgram: string },
		) => void;
	};
	compileClient("cc", file, { nodeProgram: node });
	const { stdout } = spawnSync(file, ["monitor", "-p", "a b"], {
		encoding: "utf8",
		env: { HAPPO_BROKER: "" },
	});
	assert.equal(stdout, `${file}.cjs|monitor|-p|a b|`);
});
