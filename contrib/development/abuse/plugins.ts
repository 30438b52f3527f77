import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const loud = "head -c 4194304 /dev/zero | tr '\\0' x";

/** The scenarios' plugins; each is harmless and ends by itself. */
const plugins = {
	check_ok: "echo OK",
	check_failing: "echo bad; exit 2",
	check_sleep: "exec sleep $1",
	check_sleeps_then: "sleep $1; echo slept; exit 0",
	check_loud: `${loud}; ${loud} >&2`,
	// each runs for 30 seconds, with the check's output open or closed
	check_leaves_open: "sleep 30 &\necho left",
	check_leaves_closed: "sleep 30 </dev/null >/dev/null 2>&1 &\necho left",
	metrics_slow: 'sleep 5; echo "a.b 1 $(date +%s)"',
	state_big: `head -c 900000 /dev/zero | tr '\\0' s`,
} as const;

export type PluginName = keyof typeof plugins;

/** Writes them into a new directory. Returns its path. */
export async function writePlugins(directory: string): Promise<string> {
	const path = join(directory, "plugins");
	await mkdir(path);
	for (const [name, text] of Object.entries(plugins)) {
		await writeFile(join(path, name), `#!/bin/sh\n${text}\n`);
		await chmod(join(path, name), 0o755);
	}
	return path;
}
