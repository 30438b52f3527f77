/** The PATH of execvp if the environment has none. */
const defaultPath = "/bin:/usr/bin";

/** Errors after which execvp tries the next directory of PATH. */
const nextReasons = new Set([
	"ENOENT",
	"ENOTDIR",
	"EACCES",
	"ENODEV",
	"ESTALE",
	"ETIMEDOUT",
]);

/**
 * Candidate paths of a program, in order: a name with a slash is a path, a bare name is searched in
 * `path`.
 */
function programPaths(file: string, path = defaultPath): string[] {
	if (file === "" || file.includes("/")) return [file];
	// an empty entry is the working directory
	return path.split(":").map((directory) => `${directory || "."}/${file}`);
}

/**
 * Calls `use` with each candidate path until one does not fail for lack of a program, as execvp
 * does, and returns its result. If all fail, throws the error of a file that may not be executed,
 * if there was one, else the last error.
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
			if (!nextReasons.has(code)) throw error;
			if (code === "EACCES") refusal = error;
			lastError = error;
		}
	throw refusal ?? lastError;
}
