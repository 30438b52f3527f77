import type { CommandLine } from "./started.ts";

/** A shell that can close descriptors, and what comes before its `-c`. */
export interface Shell {
	file: string;
	args: readonly string[];
}

/**
 * Shells to try, in this order. dash can only name descriptors 0 to 9, so on Debian it is bash; `/bin/sh` is enough on
 * Red Hat (bash) and Alpine (busybox).
 */
export const SHELLS: readonly Shell[] = [
	{ file: "/bin/sh", args: [] },
	{ file: "/bin/bash", args: [] },
	{ file: "/usr/bin/bash", args: [] },
	{ file: "/bin/busybox", args: ["sh"] },
];

/**
 * The name shells are started under: bash is in its POSIX mode then, reads no BASH_ENV, and no function imported from
 * the environment can stand in for the built-ins used below.
 */
export const SHELL_NAME = "sh";

/** A shell that runs this silently and with exit status 0 can be the closer. */
export const PROBE =
	"exec 10</dev/null 11</dev/null && { [ -e /proc/self/fd/11 ] || [ -e /dev/fd/11 ]; } && exec 10<&- 11<&-";

/** Not likely to be the name of a variable that a plugin waits for. */
const LOOP_VARIABLE = "happo_agent_descriptor";

/**
 * Closes every descriptor above 2. Built-ins only: not one more process. /proc/self/fd names them on Linux, /dev/fd
 * elsewhere; a pattern that matches nothing stays as it is, and is skipped as it is no number.
 */
const CLOSE_DESCRIPTORS = [
	`for ${LOOP_VARIABLE} in /proc/self/fd/[0-9]* /dev/fd/[0-9]*`,
	`do ${LOOP_VARIABLE}=\${${LOOP_VARIABLE}##*/}`,
	`case $${LOOP_VARIABLE} in [012]|*[!0-9]*) ;; *) eval "exec $${LOOP_VARIABLE}>&-" ;; esac`,
	`done`,
	`unset ${LOOP_VARIABLE}`,
].join("; ");

/** Variables that shells export of their own accord. */
const SHELL_VARIABLES = ["PWD", "OLDPWD", "SHLVL"];

/** How a program is started in the end; `argv0` is the name it sees itself under. */
export interface SpawnLine {
	file: string;
	args: string[];
	argv0: string;
}

/**
 * Keeps the daemon's files out of its children: LevelDB opens its files without O_CLOEXEC, and Node has no way to close
 * them in a child. So the command is started as `shell -c SCRIPT sh file args...`: SCRIPT closes what is above standard
 * error and becomes the command through `exec`; process id, exit status and signal are the command's own. A file
 * without a shebang is run by the shell, as execvp would.
 *
 * Variables that the shell exports and that `environment` has not are unset. One cannot be: bash leaves `SHLVL=0`.
 *
 * @param shell one that passed the PROBE; undefined when there is none: then nothing is closed
 * @param openFiles soft limit of open files to set
 * @returns what to start in place of a command line that is to have this environment
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
		const added = SHELL_VARIABLES.filter((name) => !(name in environment));
		const script = [
			...(shell ? [CLOSE_DESCRIPTORS] : []),
			...(openFiles === undefined ? [] : [`ulimit -S -n ${openFiles}`]),
			...(added.length > 0 ? [`unset ${added.join(" ")}`] : []),
			`exec "$@"${line.merged ? " 2>&1" : ""}`,
		].join("; ");
		return {
			file,
			argv0: SHELL_NAME,
			args: [...args, "-c", script, SHELL_NAME, line.file, ...line.args],
		};
	};
}
