import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, rmSync, symlinkSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { nativeMissing } from "../../support/engine.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const addon = `dist/native/${process.platform}-${process.arch}/spawn.node`;

/** A copy of what an installed package has of the native engine. */
async function aPackage(t: TestContext, { compiled = false } = {}) {
	const directory = await temporaryDirectory(t);
	for (const path of ["contrib/native", "src/spawn/native"])
		cpSync(path, join(directory, path), { recursive: true });
	await writeFile(join(directory, "package.json"), "{}");
	if (compiled)
		cpSync(addon, join(directory, addon), { preserveTimestamps: false });
	const install = (CC: string) => {
		const { status, stdout, stderr } = spawnSync(
			process.execPath,
			[join(directory, "contrib/native/install.mjs")],
			{ encoding: "utf8", cwd: "/", env: { PATH: process.env.PATH, CC } },
		);
		assert.equal(stderr, "");
		assert.equal(status, 0);
		return stdout;
	};
	return {
		directory,
		install,
		isThere: () => existsSync(join(directory, addon)),
	};
}

test("without a compiler an installation succeeds and says what it means", async (t) => {
	const { directory, install, isThere } = await aPackage(t);
	// with a path, as a directory of PATH may be unreadable
	const compiler = join(directory, "no-such-compiler");
	assert.equal(
		install(compiler),
		`happo-agent: no native command engine, using node:child_process: ${compiler}: ENOENT\n`,
	);
	assert.equal(isThere(), false);
});

test("an addon that ships with the package is used as it is", async (t) => {
	const missing = nativeMissing();
	if (missing) return t.skip(missing);
	const { install, isThere } = await aPackage(t, { compiled: true });
	assert.equal(install("no-such-compiler"), "");
	assert.equal(isThere(), true);
});

test("one that cannot be loaded, or is of another source, is not kept", async (t) => {
	const missing = nativeMissing();
	if (missing) return t.skip(missing);
	const other = await aPackage(t, { compiled: true });
	await writeFile(
		join(other.directory, "src/spawn/native/spawn.c"),
		"int changed;\n",
	);
	assert.match(other.install("no-such-compiler"), /^happo-agent: no native/);
	assert.equal(other.isThere(), false);
	const broken = await aPackage(t);
	await mkdir(join(broken.directory, addon, ".."), { recursive: true });
	await writeFile(join(broken.directory, addon), "no addon");
	assert.match(broken.install("no-such-compiler"), /^happo-agent: no native/);
	assert.equal(broken.isThere(), false);
});

test("with a compiler it is compiled, and the program finds it", async (t) => {
	if (spawnSync("cc", ["--version"]).error) return t.skip("no cc");
	const { directory, install, isThere } = await aPackage(t);
	assert.equal(install(""), "");
	assert.equal(isThere(), true);
	// a compiler that makes something else is found out
	rmSync(join(directory, "dist"), { recursive: true });
	const liar = join(directory, "liar");
	await writeFile(
		liar,
		'#!/bin/sh\nfor a; do last=$a; done\necho nonsense > "$last"\n',
		{ mode: 0o755 },
	);
	assert.match(install(liar), /^happo-agent: no native command engine/);
	assert.equal(isThere(), false);
});

/** What the engine's choice comes to for a program that lies in `directory`. */
function choiceIn(directory: string, wanted: string) {
	const built = join(process.cwd(), "build/src");
	cpSync(built, join(directory, "build/src"), { recursive: true });
	const { stdout } = spawnSync(
		process.execPath,
		[
			"--input-type=module",
			"-e",
			`const { chooseEngine } = await import(${JSON.stringify(pathToFileURL(join(directory, "build/src/spawn/engine.js")))});
			const log = { warning: console.log };
			try { console.log(chooseEngine("${wanted}", { environment: {}, log }).name); } catch (error) { console.log(error.message); }`,
		],
		{ encoding: "utf8" },
	);
	return stdout;
}

test("a program without the addon falls back, and is told so", async (t) => {
	const { directory } = await aPackage(t);
	await writeFile(join(directory, "package.json"), '{"type":"module"}');
	symlinkSync(
		join(process.cwd(), "node_modules"),
		join(directory, "node_modules"),
	);
	const reason = `${join(directory, addon)} does not exist`;
	assert.equal(
		choiceIn(directory, "auto"),
		`starting commands through node:child_process, which is slower: ${reason}\nchild_process\n`,
	);
	assert.equal(
		choiceIn(directory, "native"),
		`command-engine native: ${reason}\n`,
	);
});
