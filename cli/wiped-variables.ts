import {
	closeSync,
	openSync,
	readFileSync,
	readSync,
	writeSync,
} from "node:fs";

/** Fields of /proc/self/stat behind the name of the program: the first and the last address of the initial environment. */
const environmentStart = 47;
const environmentEnd = 48;

/**
 * Takes variables out of this process, out of /proc/PID/environ too: that shows the memory in which the kernel laid the
 * environment at the start, which no change of a variable reaches.
 * @param environment of this process, as it is and not a copy
 * @returns why a value can still be read there, one line; undefined when it cannot, or where there is no /proc
 */
export function wipeVariables(
	environment: Record<string, string | undefined>,
	names: readonly string[],
): string | undefined {
	const present = names.filter((name) => environment[name] !== undefined);
	if (present.length === 0) return undefined;
	try {
		wipeInitial(present);
		return undefined;
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		return code === "ENOENT" ? undefined : message;
	} finally {
		for (const name of present) delete environment[name];
	}
}

function wipeInitial(names: readonly string[]) {
	const stat = readFileSync("/proc/self/stat", "latin1");
	// the name is in parentheses and may hold anything
	const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
	const start = Number(fields[environmentStart]);
	const bytes = Buffer.alloc(Number(fields[environmentEnd]) - start);
	const memory = openSync("/proc/self/mem", "r+");
	try {
		readSync(memory, bytes, 0, bytes.length, start);
		for (let at = 0; at < bytes.length; at = bytes.indexOf(0, at) + 1) {
			const end = bytes.indexOf(0, at);
			if (end === -1) break;
			const equals = bytes.indexOf("=", at);
			if (equals === -1 || equals > end) continue;
			if (!names.includes(bytes.toString("utf8", at, equals))) continue;
			const blank = Buffer.alloc(end - equals - 1, " ");
			if (blank.length > 0)
				writeSync(memory, blank, 0, blank.length, start + equals + 1);
		}
	} finally {
		closeSync(memory);
	}
}
