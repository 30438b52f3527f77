import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The C programs that a run needs. */
export interface Tools {
	/** The load generator. */
	load: string;
	/** Starts a program over and over. */
	floor: string;
	/** Reaps the processes that others leave behind. */
	reaper: string;
	/** A plugin that only prints OK, in a directory of its own. */
	plugin: string;
}

const sources = join(process.cwd(), "contrib/development/bench/native");

/** Compiles the programs into a directory. Throws an error with the compiler's messages. */
export function compileTools(directory: string): Tools {
	const compile = (name: string, ...flags: string[]) => {
		const file = join(directory, name);
		execFileSync("cc", [
			...["-O2", "-Wall", "-Wextra", "-Werror", "-o", file],
			join(sources, `${name}.c`),
			...flags,
		]);
		return file;
	};
	return {
		load: compile("load", "-lssl", "-lcrypto"),
		floor: compile("floor"),
		reaper: compile("reaper"),
		plugin: compile("plugin", "-static"),
	};
}
