// Compiles the C files in src/spawn/native to dist/native/<platform>-<arch>/spawn.node.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "src/spawn/native");
const files = readdirSync(folder)
	.filter((name) => /\.[ch]$/.test(name))
	.sort()
	.map((name) => join(folder, name));
const sources = files.filter((file) => file.endsWith(".c"));

/** Path of the addon, where src/spawn/native-addon.ts looks for it. */
export const addonFile = (target = `${process.platform}-${process.arch}`) =>
	join(root, "dist/native", target, "spawn.node");

/** Hash of sources. It is compiled in, because file times mean nothing in an installed package. */
export function hashOf(sources) {
	const hash = createHash("sha256");
	for (const file of sources) hash.update(readFileSync(file));
	return hash.digest("hex");
}

/** True if a program exists and was compiled from the present sources. */
export const isBuiltFrom = (sources, file) =>
	existsSync(file) && readFileSync(file).includes(hashOf(sources));

/** True if the addon exists and was compiled from the present sources. */
export const isFresh = (file) => isBuiltFrom(files, file);

/** Replaces a file in one step by what `write` makes of another name; unchanged if that throws. */
export function replaceFile(file, write) {
	const fresh = `${file}.${process.pid}`;
	mkdirSync(dirname(file), { recursive: true });
	try {
		write(fresh);
		renameSync(fresh, file);
	} finally {
		rmSync(fresh, { force: true });
	}
}

/** The folder of node_api.h, which is the same for all machines. */
function headers() {
	const folders = [
		join(dirname(process.execPath), "../include/node"),
		join(process.env.npm_config_nodedir || "/nonexistent", "include/node"),
		"/usr/include/node",
		"/usr/local/include/node",
		"/usr/include/nodejs/src",
	];
	const found = folders.find((folder) =>
		existsSync(join(folder, "node_api.h")),
	);
	if (!found) throw new Error("node_api.h not found (Node's headers)");
	return found;
}

/**
 * Compiles the addon, tests it with `check`, and only then moves it to `file`. Throws an error with a message of one line.
 *
 * The addon is linked with no C library. Its symbols come from the one that node itself uses, whatever its version, glibc
 * or musl.
 */
export function compile(compiler, file, check = () => {}) {
	const linking =
		process.platform === "darwin"
			? ["-bundle", "-undefined", "dynamic_lookup"]
			: ["-shared", "-fPIC", "-nostdlib", "-s"];
	replaceFile(file, (fresh) => {
		execute(compiler, [
			...["-O2", "-Wall", "-Wextra", ...linking, "-I", headers()],
			`-DADDON_SOURCE="${hashOf(files)}"`,
			...[...sources, "-o", fresh],
		]);
		check(fresh);
	});
}

/** Tests an addon by starting a program with it, in a separate process, which a broken addon may crash. Throws if that fails. */
export function prove(file) {
	execute(process.execPath, [
		"-e",
		`const addon = { exports: {} };
		process.dlopen(addon, process.argv[1]);
		const { spawn, reap } = addon.exports;
		const block = (...strings) => Buffer.from(strings.map((s) => s + "\\0").join(""));
		spawn(block("/bin/sh"), block("sh", "-c", "exit 7"), block(), true, (started) => {
			if (typeof started === "number") throw new Error("error " + started);
			const look = () => {
				const end = reap(started[0]);
				if (!end) setTimeout(look, 5);
				else if (end[0] !== 7) throw new Error("it ended with " + end);
			};
			look();
		});`,
		file,
	]);
}

/** Runs a program. Throws an error with one line of its error output. */
export function execute(file, args) {
	try {
		execFileSync(file, args, {
			stdio: ["ignore", "ignore", "pipe"],
			encoding: "utf8",
			timeout: 60_000,
		});
	} catch (error) {
		const said = (error.stderr || "").trim().split("\n");
		const line = said.find((text) => /error/i.test(text)) ?? said[0];
		throw new Error(line || `${file}: ${error.code ?? error.message}`);
	}
}
