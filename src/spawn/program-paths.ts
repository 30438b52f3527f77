/** What execvp takes when the environment has no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

/** Reasons for which the next directory of PATH is tried, as in execvp. */
const NEXT = new Set([
	"ENOENT",
	"ENOTDIR",
	"EACCES",
	"ENODEV",
	"ESTALE",
	"ETIMEDOUT",
]);

/** Where a program may lie, in this order: a name with a slash is a path, a bare one is looked for in `path`. */
function programPaths(file: string, path = DEFAULT_PATH): string[] {
	if (file === "" || file.includes("/")) return [file];
	// an empty entry is the working directory
	return path.split(":").map((directory) => `${directory || "."}/${file}`);
}

/**
 * Gives what `use` gives for the first place where it does not throw for want of a program, as execvp does: a program
 * that may not be run is remembered, and told if there is no other.
 */
export async function atProgram<T>(
	file: string,
	environment: Readonly<Record<string, string>>,
	use: (path: string) => T | Promise<T>,
): Promise<T> {
	let refusal: unknown;
	let lastError: unknown;
	for (const path of programPaths(file, environment.PATH))
		try {
			return await use(path);
		} catch (error) {
			const { code = "" } = error as NodeJS.ErrnoException;
			if (!NEXT.has(code)) throw error;
			if (code === "EACCES") refusal = error;
			lastError = error;
		}
	throw refusal ?? lastError;
}
