import type { Pipe } from "./pipe.ts";

/** A program to start, without a shell between its arguments and it. */
export interface CommandLine {
	/** A path; a bare name is looked up in PATH. */
	file: string;
	args: readonly string[];
	/** Standard error goes into standard output, in the order written. */
	merged?: boolean;
}

/** How a process ended; nothing of it is known when somebody else has waited for it. */
export interface Exit {
	/** undefined: ended by a signal. */
	exitStatus: number | undefined;
	/** `SIGKILL`, `SIGRTMIN+3`; undefined: ended with an exit status. */
	signal: string | undefined;
	signalNumber?: number;
	/** Nobody else of its group was there; undefined where the engine does not know. */
	wasLast?: boolean;
}

/** A process in a session and group of its own, its leader. */
export interface Started {
	pid: number;
	/** To be listened to at once, before anything else runs. */
	stdout: Pipe;
	/** As `stdout`; closed from the beginning when the outputs are merged. */
	stderr: Pipe;
	/** Calls back as soon as the process has been waited for, in the same turn of the event loop. */
	onExit(callback: (exit: Exit) => void): void;
	/** The daemon may end although this process is there. */
	unref(): void;
}

/** A way to start processes. */
export interface Engine {
	name: "native" | "child_process";
	/** Whether nothing else runs while it starts a process. */
	startsBlock: boolean;
	/**
	 * Starts a program with `environment` and nothing else of this process: /dev/null is its standard input, no other
	 * descriptor is inherited, no signal ignored or blocked. Rejects with an error whose `code` is the system's name for
	 * the reason, ENOENT and EACCES for a program that is not there or may not be run.
	 */
	startProcess(
		line: CommandLine,
		environment: Readonly<Record<string, string>>,
	): Promise<Started>;
	/**
	 * Ends this process at once, even if threads of it hang in a file system, which the usual end waits for. Where an
	 * engine has none, only SIGKILL does.
	 */
	exit?(status: number): void;
	/**
	 * The system's name for the reason why a program that seemed to start did not, ETXTBSY or EPERM; undefined when it ran.
	 * For an engine that has a shell in front of the program, which says it.
	 */
	startFailure?(
		line: CommandLine,
		result: { exitStatus: number | undefined } & Record<
			"stdout" | "stderr",
			{ text: string }
		>,
	): string | undefined;
}
