import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";

/** A file of the page. */
export interface PageFile {
	/** Its content type. */
	type: string;
	content: Buffer;
}

const types: Readonly<Record<string, string>> = {
	".html": "text/html; charset=utf-8",
	".js": "text/javascript; charset=utf-8",
	".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml",
};

/**
 * Reads the files of the page, which the build puts into one directory, by path; `index.html` is at
 * `/`. Only these are served.
 * @throws the system's error
 */
export async function readPageFiles(
	directory: string,
): Promise<Map<string, PageFile>> {
	const files = new Map<string, PageFile>();
	for (const name of await readdir(directory)) {
		const type = types[extname(name)];
		if (type === undefined) continue;
		const content = await readFile(join(directory, name));
		files.set(name === "index.html" ? "/" : `/${name}`, { type, content });
	}
	return files;
}
