import type { CommandLine } from "./started.ts";

/** A shell, and its arguments in front of `-c`. */
export interface Shell {
	file: string;
	args: readonly string[];
}

/**
 * Shells to try, in this order. dash can only close descriptors 0 to 9, so Debian needs bash;
 * `/bin/sh` suffices on Red Hat (bash) and Alpine (busybox).
 */
export const shells: readonly Shell[] = [
	{ file: "/bin/sh", args: [] },
	{ file: "/bin/bash", args: [] },
	{ file: "/usr/bin/bash", args: [] },
	{ file: "/bin/busybox", args: ["sh"] },
];

/**
 * The argv[0] of shells. It puts bash into POSIX mode, in which it ignores BASH_ENV, and no
 * function imported from the environment replaces the built-ins used below.
 */
export const shellName = "sh";

/** Tests a shell: one that can close descriptors runs this silently, with exit status 0. */
export const probe =
	"exec 10</dev/null 11</dev/null && { [ -e /proc/self/fd/11 ] || [ -e /dev/fd/11 ]; } && exec 10<&- 11<&-";

/** A name that no plugin's variable is likely to have. */
const loopVariable = "happo_agent_descriptor";

/**
 * Closes every descriptor above 2, with built-ins only, so without another process. Linux lists
 * descriptors in /proc/self/fd, other systems in /dev/fd. A pattern without a match stays literal,
 * and is skipped as not a number.
 */
const closeDescriptors = [
	`for ${loopVariable} in /proc/self/fd/[0-9]* /dev/fd/[0-9]*`,
	`do ${loopVariable}=\${${loopVariable}##*/}`,
	`case $${loopVariable} in [012]|*[!0-9]*) ;; *) eval "exec $${loopVariable}>&-" ;; esac`,
	`done`,
	`unset ${loopVariable}`,
].join("; ");

/** Variables that shells export by themselves. */
const shellVariables = ["PWD", "OLDPWD", "SHLVL"];

/** What to spawn; `argv0` is the program's argv[0]. */
export interface SpawnLine {
	file: string;
	args: string[];
	argv0: string;
}

/**
 * Keeps the agent's files out of its children. LevelDB opens files without O_CLOEXEC, and Node
 * cannot close them in a child, so commands are started as `shell -c SCRIPT sh file args...`:
 * SCRIPT closes all descriptors above standard error and becomes the command through `exec`.
 * Process id, exit status and signal are then the command's own. A file without a shebang is run by
 * the shell, as with execvp.
 *
 * Variables that the shell exports and `environment` does not have are unset, except one: bash
 * leaves `SHLVL=0`.
 *
 * @param shell one that passed the probe; undefined if there is none, and then nothing is closed
 * @param openFiles soft limit of open files to set
 * @returns a function that turns a command line and its environment into what to spawn
 */
export function createCloser(
	shell: Shell | undefined,
	openFiles?: number,
): (
	line: CommandLine,
	environment: Readonly<Record<string, string>>,
) => SpawnLine {
	const { file, args } = shell ?? { file: "/bin/sh", args: [] };
	return (line, environment) => {
		if (!shell && !line.merged)
			return { file: line.file, args: [...line.args], argv0: line.file };
		const added = shellVariables.filter((name) => !(name in environment));
		const script = [
			...(shell ? [closeDescriptors] : []),
			...(openFiles === undefined ? [] : [`ulimit -S -n ${openFiles}`]),
			...(added.length > 0 ? [`unset ${added.join(" ")}`] : []),
			`exec "$@"${line.merged ? " 2>&1" : ""}`,
		].join("; ");
		return {
			file,
			argv0: shellName,
			args: [...args, "-c", script, shellName, line.file, ...line.args],
		};
	};
}
