// How cli/check-happo/native becomes dist/check_happo, beside the client for Node.js.
import {
	chmodSync,
	copyFileSync,
	existsSync,
	readdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { execute, hashOf, isBuiltFrom, replaceFile, root } from "./addon.mjs";

const folder = join(root, "cli/check-happo/native");
const files = existsSync(folder)
	? readdirSync(folder)
			.filter((name) => /\.[ch]$/.test(name))
			.sort()
			.map((name) => join(folder, name))
	: [];
const sources = files.filter((file) => file.endsWith(".c"));

/** The command that an installed package has: native, or else what starts the client for Node.js. */
const command = join(root, "dist/check_happo");
const nodeClient = join(root, "dist/check_happo.cjs");

/** What the command is without the native client. */
export const nodeCommand = '#!/usr/bin/env node\nimport "./check_happo.cjs";\n';

/** What the package ships for a platform. */
export const clientFile = (target = `${process.platform}-${process.arch}`) =>
	join(root, "dist/native", target, "check_happo");

/** Whether there is something to compile, and a platform that it is for. */
export const hasClient =
	process.platform === "linux" && sources.length > 0 && existsSync(nodeClient);

/**
 * Compiles the client. Throws an error of one line. `nodeProgram` is the Node.js that runs what the
 * client does not do itself; without it the system looks for node in PATH.
 *
 * Linked statically where the C library allows it: it starts twice as fast, and runs
 * with any C library.
 */
export function compileClient(compiler, file, { nodeProgram } = {}) {
	replaceFile(file, (fresh) => {
		const compile = (...linking) =>
			execute(compiler, [
				...["-O2", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-s"],
				...linking,
				`-DCLIENT_SOURCE="${hashOf(files)}"`,
				...(nodeProgram ? [`-DNODE_PROGRAM="${nodeProgram}"`] : []),
				...[...sources, "-o", fresh],
			]);
		try {
			compile("-static");
		} catch {
			compile();
		}
	});
}

/** Puts a file in the place of the command, at once: it may be running. */
function replaceCommand(write) {
	replaceFile(command, (fresh) => {
		write(fresh);
		chmodSync(fresh, 0o755);
	});
}

/** Makes the command start the client for Node.js. */
export function useNodeClient() {
	replaceCommand((file) => writeFileSync(file, nodeCommand));
}

/**
 * Makes the native client the command: the one that ships, if it is of these sources
 * and works, else a compiled one. Throws an error of one line; the command is then
 * the client for Node.js.
 */
export function installClient(compiler) {
	const file = clientFile();
	const use = () =>
		replaceCommand((fresh) => {
			copyFileSync(file, fresh);
			chmodSync(fresh, 0o755);
			// it becomes the client for Node.js, which lies beside it
			execute(fresh, ["--version"]);
		});
	try {
		if (isBuiltFrom(files, file))
			try {
				return use();
			} catch {}
		compileClient(compiler, file);
		use();
	} catch (error) {
		rmSync(file, { force: true });
		useNodeClient();
		throw error;
	}
}
