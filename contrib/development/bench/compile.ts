import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** The programs in C that a run needs. */
export interface Tools {
	/** The generator of load. */
	load: string;
	/** Starts a program again and again. */
	floor: string;
	/** Waits for what others leave behind. */
	reaper: string;
	/** A plugin that only says OK; in a directory of its own. */
	plugin: string;
}

const sources = join(process.cwd(), "contrib/development/bench/native");

/** Compiles them into a directory; throws what the compiler says. */
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
