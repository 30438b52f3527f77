import type { Pipe } from "./output.ts";

/** A program and its arguments, started without a shell. */
export interface CommandLine {
	/** A path; a bare name is looked up in PATH. */
	file: string;
	args: readonly string[];
	/** Standard error goes to standard output, in the order written. */
	merged?: boolean;
}

/** How a process ended; all undefined if it was reaped elsewhere. */
export interface Exit {
	/** undefined if it ended by a signal. */
	exitStatus: number | undefined;
	/** `SIGKILL`, `SIGRTMIN+3`; undefined if it ended with an exit status. */
	signal: string | undefined;
	signalNumber?: number;
	/** Nobody else was in its group; undefined if the engine does not know. */
	wasLast?: boolean;
	/**
	 * CPU time, with that of the children that it has waited for; undefined if the engine does not
	 * know.
	 */
	cpuSeconds?: number;
	/**
	 * Peak of its resident memory, or that of the largest of those children; undefined if the engine
	 * does not know, or if it is no more than what this process has used.
	 */
	maxRssBytes?: number;
}

/** A started process, the leader of its own session and group. */
export interface Started {
	pid: number;
	/** Listen to it at once, in the same turn. */
	stdout: Pipe;
	/** Like `stdout`; closed from the beginning if the outputs are merged. */
	stderr: Pipe;
	/** Calls back when the process has been reaped, in the same turn of the event loop. */
	onExit(callback: (exit: Exit) => void): void;
	/** Lets the agent exit while this process still exists. */
	unref(): void;
}

/** A way to start processes. */
export interface Engine {
	name: "native" | "child_process";
	/** Whether a start blocks the event loop. */
	startsBlock: boolean;
	/**
	 * Starts a program with exactly this environment and /dev/null as standard input. It inherits no
	 * other descriptors, and no ignored or blocked signals. Rejects with an error whose `code` is the
	 * system's error name: ENOENT or EACCES for a program that does not exist or may not be executed.
	 */
	startProcess(
		line: CommandLine,
		environment: Readonly<Record<string, string>>,
	): Promise<Started>;
	/**
	 * Exits at once, even if threads hang in a file system, which process.exit would wait for.
	 * Engines without it leave only SIGKILL.
	 */
	exit?(status: number): void;
	/**
	 * For an engine that runs programs through a shell: finds out from the result that the shell
	 * could not execute the program. Returns ETXTBSY or EPERM; undefined if the program ran.
	 */
	startFailure?(
		line: CommandLine,
		result: { exitStatus: number | undefined } & Record<
			"stdout" | "stderr",
			{ text: string }
		>,
	): string | undefined;
}
