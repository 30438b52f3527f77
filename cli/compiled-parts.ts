import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { Script } from "node:vm";
import type { parts as daemonParts } from "./daemon-parts.ts";

/** Name of the bundle, with the hash of what is in it; the build puts it here. */
declare const bundleName: string;

const file = fileURLToPath(new URL(bundleName, import.meta.url));

/** Where the installation puts what V8 has compiled, for its own Node alone. */
export const codeFile = `${file}.code`;

/** Not there without a compiled one, and V8 refuses one of another version or other flags: it compiles then. */
function compiledBefore(): Buffer | undefined {
	try {
		return readFileSync(codeFile);
	} catch {
		return undefined;
	}
}

const cachedData = compiledBefore();

/** The daemon's bundle, in the function that Node puts CommonJS into. Compiling it takes a fifth of the start. */
export const script = new Script(
	`(function (exports, require, module, __filename, __dirname) {${readFileSync(file, "utf8")}\n})`,
	{ filename: file, ...(cachedData && { cachedData }) },
);

const module: { exports: { parts?: typeof daemonParts } } = { exports: {} };
const run = script.runInThisContext();
run(module.exports, createRequire(file), module, file, dirname(file));

export const { parts } = module.exports as { parts: typeof daemonParts };
