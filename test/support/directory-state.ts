import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

/** Name, content and times of every file in a directory, and the directory's times. */
export async function stateOf(directory: string) {
	const of = async (path: string) => {
		const { mode, mtimeNs, size } = await stat(path, { bigint: true });
		return `${mode} ${mtimeNs} ${size}`;
	};
	const files: Record<string, string> = { ".": await of(directory) };
	for (const name of (await readdir(directory)).sort()) {
		const path = join(directory, name);
		// closing LOCK after reading would release this process's lock on it
		const bytes = name === "LOCK" ? "" : await readFile(path, "base64");
		files[name] = `${await of(path)} ${bytes}`;
	}
	return files;
}
