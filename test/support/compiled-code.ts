import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/** Whether V8 takes the compiled code that lies beside a built program; undefined: there is none. */
export function isTaken(
	directory: string,
	node = process.execPath,
	...flags: string[]
): boolean | undefined {
	const { stdout, stderr } = spawnSync(
		node,
		[
			...flags,
			...["--input-type=module", "-e"],
			"const { script } = await import(process.argv[1]); console.log(script.cachedDataRejected);",
			pathToFileURL(join(directory, "dist/compiled-parts.js")).href,
		],
		{ encoding: "utf8" },
	);
	assert.equal(stderr, "");
	return { true: false, false: true, undefined: undefined }[stdout.trim()];
}
