import {
	closeSync,
	openSync,
	readFileSync,
	readSync,
	writeSync,
} from "node:fs";
import { hasPassword, looksSecret } from "../src/secret-variable.ts";

/**
 * Fields of /proc/self/stat, counted after the program's name: start and end address of the initial
 * environment.
 */
const environmentStart = 47;
const environmentEnd = 48;

/** The environment of this process before its secrets were wiped. */
export interface TakenEnvironment {
	environment: Record<string, string | undefined>;
	/** Why secrets can still be read in /proc/PID/environ, in one line; undefined if they cannot. */
	warning?: string;
}

/**
 * Removes what looks like a secret from the environment of this process and, if there is a /proc,
 * from /proc/PID/environ. That file shows the memory where the kernel put the initial environment;
 * changing a variable does not change it.
 * @param environment the environment of this process itself, not a copy
 * @param ownVariables names of the program's own variables, and whether each holds a secret. The
 * names do not tell: a name that ends in KEY may hold the path of a key
 */
export function takeEnvironment(
	environment: Record<string, string | undefined>,
	ownVariables: ReadonlyMap<string, boolean> = new Map(),
): TakenEnvironment {
	const taken = { ...environment };
	const secrets = Object.entries(taken).flatMap(([name, value = ""]) => {
		const isOwnSecret = ownVariables.get(name);
		const isSecret =
			isOwnSecret === undefined
				? looksSecret(name, value)
				: isOwnSecret || hasPassword(value);
		return isSecret ? [name] : [];
	});
	if (secrets.length === 0) return { environment: taken };
	for (const name of secrets) delete environment[name];
	try {
		wipeInitial(secrets);
		return { environment: taken };
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		if (code === "ENOENT") return { environment: taken };
		return {
			environment: taken,
			warning: `secrets can still be read in /proc/PID/environ: ${message}`,
		};
	}
}

function wipeInitial(names: readonly string[]) {
	const stat = readFileSync("/proc/self/stat", "latin1");
	// the program's name is in parentheses and may contain anything
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
