// What V8 makes of the daemon's bundle, kept beside it: a start need not compile
// it again. It is of use to the very Node that made it, and to no other.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { execute } from "./addon.mjs";

const parts = new URL("../../dist/compiled-parts.js", import.meta.url);

/**
 * Compiles the bundle with the Node that runs this, if there is one. Throws when that fails.
 * A process of its own: it loads what the daemon loads.
 */
export function compileCode() {
	if (!existsSync(fileURLToPath(parts))) return;
	execute(process.execPath, [
		"--input-type=module",
		"-e",
		`import { renameSync, rmSync, writeFileSync } from "node:fs";
		const { codeFile, script } = await import(process.argv[1]);
		const fresh = codeFile + "." + process.pid;
		try {
			writeFileSync(fresh, script.createCachedData());
			renameSync(fresh, codeFile);
		} finally {
			rmSync(fresh, { force: true });
		}`,
		parts.href,
	]);
}
