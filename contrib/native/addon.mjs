// How the C files in src/spawn/native become dist/native/<platform>-<arch>/spawn.node.
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

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = join(root, "src/spawn/native");
const files = readdirSync(folder)
	.filter((name) => /\.[ch]$/.test(name))
	.sort()
	.map((name) => join(folder, name));
const sources = files.filter((file) => file.endsWith(".c"));

/** Where src/spawn/native-addon.ts looks for it. */
export const addonFile = (target = `${process.platform}-${process.arch}`) =>
	join(root, "dist/native", target, "spawn.node");

/** The sources' fingerprint, which is compiled in: times mean nothing in an installed package. */
const sourceHash = () => {
	const hash = createHash("sha256");
	for (const file of files) hash.update(readFileSync(file));
	return hash.digest("hex");
};

/** Whether there is one that was made from the source as it is. */
export function isFresh(file) {
	return existsSync(file) && readFileSync(file).includes(sourceHash());
}

/** The folder of node_api.h; it is the same for all machines. */
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
	if (!found) throw new Error("node_api.h is not there (Node's headers)");
	return found;
}

/**
 * Compiles the addon, proves it with `check`, and only then puts it in its place. Throws an error of one line.
 *
 * It is linked with no C library: its symbols come from the one that node itself runs with, whatever its version, glibc
 * or musl.
 */
export function compile(compiler, file, check = () => {}) {
	const linking =
		process.platform === "darwin"
			? ["-bundle", "-undefined", "dynamic_lookup"]
			: ["-shared", "-fPIC", "-nostdlib", "-s"];
	const fresh = `${file}.${process.pid}`;
	mkdirSync(dirname(file), { recursive: true });
	try {
		execute(compiler, [
			...["-O2", "-Wall", "-Wextra", ...linking, "-I", headers()],
			`-DADDON_SOURCE="${sourceHash()}"`,
			...[...sources, "-o", fresh],
		]);
		check(fresh);
		renameSync(fresh, file);
	} finally {
		rmSync(fresh, { force: true });
	}
}

/** Starts a program through an addon, in a process of its own: a bad addon may end it. Throws when that fails. */
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

/** Runs a program; throws an error of one line, of what it says is wrong. */
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
