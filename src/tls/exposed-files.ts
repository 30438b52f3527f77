import { stat } from "node:fs/promises";

/** A file that only the agent should know. */
export interface PrivateFile {
	/** What it is, for the message: `private key`. */
	what: string;
	/** Its path; empty if there is none. */
	file: string;
}

/** Permissions of users who are neither the owner nor in the group. */
const othersReadOrWrite = 0o006;

/**
 * A line for each file that every user of this machine can read or change. A file
 * that cannot be looked at gives none: whoever reads it says why.
 */
export async function exposedFiles(
	files: readonly PrivateFile[],
): Promise<string[]> {
	const lines = files.map(async ({ what, file }) => {
		const found =
			file === "" ? undefined : await stat(file).catch(() => undefined);
		if (!found?.isFile() || (found.mode & othersReadOrWrite) === 0) return [];
		const mode = (found.mode & 0o7777).toString(8).padStart(4, "0");
		return [
			`${what} ${file}: mode ${mode}, every user of this machine can ${(found.mode & 0o004) !== 0 ? "read" : "change"} it (chmod 600)`,
		];
	});
	return (await Promise.all(lines)).flat();
}
