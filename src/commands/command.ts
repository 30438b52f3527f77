import {
	setImmediate as nextTurn,
	setTimeout as sleep,
} from "node:timers/promises";
import type { Abandonment } from "../abandonment.ts";
import { AgentError } from "../agent-error.ts";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { Kill } from "../spawn/process-group.ts";
import type { CommandLine, Engine, Started } from "../spawn/started.ts";
import {
	type CommandResult,
	type Execution,
	followCommand,
	notStarted,
	type StopTimes,
	stopTimes,
} from "./execution.ts";
import { createLeftBehind } from "./left-behind.ts";

export type { Captured } from "../spawn/output.ts";
export type { CommandLine } from "../spawn/started.ts";
export type { CommandResult } from "./execution.ts";

/**
 * Limit of the characters of a command and its options. v1 (Go) passed both to a shell as one
 * argument, which Linux limits to this (MAX_ARG_STRLEN).
 */
const maxLineLength = 131_072;

/**
 * Refuses a command line that the system would not take, before any character of it is parsed.
 * @param names of the fields that `parts` come from, for the message
 * @throws AgentError `bad-request`
 */
export function refuseLongLine(names: string, ...parts: string[]): void {
	const length = parts.reduce((sum, part) => sum + part.length, 0);
	if (length > maxLineLength)
		throw new AgentError(
			"bad-request",
			`${names}: ${length} characters, more than the ${maxLineLength} that a command line may have`,
		);
}

/**
 * A command could not be started. `code` is the system's error name: E2BIG, ENOENT, EACCES ...
 */
export class CommandStartError extends Error {
	override name = "CommandStartError";
	readonly code: string;

	constructor(file: string, cause: unknown) {
		const { code = "EINVAL" } = cause as NodeJS.ErrnoException;
		// node:child_process rejects NUL bytes itself, where the system would return EINVAL
		const name = code.startsWith("ERR_") ? "EINVAL" : code;
		super(`cannot start ${file}: ${name}`, { cause });
		this.code = name;
	}
}

/** Errors caused by the machine's limits, not by the command: open files, processes, memory. */
const exhausted: ReadonlySet<string> = new Set([
	"EMFILE",
	"ENFILE",
	"EAGAIN",
	"ENOMEM",
]);

/**
 * How long to retry a start that fails with ETXTBSY: a deployment finishes writing the file in this
 * time.
 */
const busyMilliseconds = 100;
const busyRetryMilliseconds = 10;

/** A start that exceeds both this and the time limit is waiting for a file system that hangs. */
const minStartMilliseconds = 5000;

/** Runs programs, and keeps account of those that are running. */
export interface Commands {
	/**
	 * Runs a program to its end, in a session and process group of its own, with /dev/null as
	 * standard input. Exit statuses, signals and timeouts are results, not errors. If `signal` is
	 * aborted before the start, nothing is started and `cancelled` is true.
	 * @throws CommandStartError
	 */
	run(
		line: CommandLine,
		limits: {
			timeoutMilliseconds: number;
			signal?: Abandonment;
			/** Address of the requesting client; undefined for the agent's own commands. */
			client?: string;
			/** Resolves when there is memory for this many bytes of output; undefined means no limit. */
			reserve?: ((bytes: number) => Promise<void>) | undefined;
		},
	): Promise<CommandResult>;
	/** Commands that have not been answered yet. */
	readonly running: number;
	/** Commands stopped at their time limit, since the agent started. */
	readonly timeouts: number;
	/** Commands that survived SIGKILL and still exist. */
	readonly survivors: number;
	/** Commands that survived SIGKILL, since the agent started. */
	readonly survivorsTotal: number;
	/** Answered commands whose processes, or holders of their output pipes, still exist. */
	readonly leftBehind: number;
	/**
	 * Answered commands whose remaining processes were stopped because of `maxLeftBehind`, since the
	 * agent started.
	 */
	readonly leftBehindStoppedTotal: number;
	/**
	 * Refuses new commands and stops all existing processes, including those that answered commands
	 * left behind. Unanswered commands first get `patienceMilliseconds` (0 by default) to end by
	 * themselves; then all get SIGTERM, and SIGKILL after `graceMilliseconds` (1000 by default).
	 * Resolves when no process is left, at the latest one second after SIGKILL.
	 */
	close(times?: {
		patienceMilliseconds?: number;
		graceMilliseconds?: number;
	}): Promise<void>;
	/** Sends SIGKILL to all processes at once, because the agent is about to exit. */
	kill(): void;
}

/**
 * Runs all programs of the agent.
 * @param parts.engine starts the processes
 * @param parts.outputLimitBytes bytes kept of each output stream, inclusive; the rest is read and
 * dropped
 * @param parts.maxLeftBehind answered commands that may leave processes behind; beyond it, the
 * oldest are stopped
 * @param parts.environment the complete environment of the programs
 * @param parts.kill sends signals; process.kill by default
 * @param parts.times waits when a command is stopped; tests shorten them
 */
export function createCommands({
	engine,
	outputLimitBytes,
	maxLeftBehind = 128,
	environment,
	log,
	kill = (pid, signal) => process.kill(pid, signal),
	times = stopTimes,
}: {
	engine: Engine;
	outputLimitBytes: number;
	maxLeftBehind?: number;
	environment: Readonly<Record<string, string>>;
	log: Pick<Log, "warning" | "error">;
	kill?: Kill;
	times?: StopTimes;
}): Commands {
	const repeats = createLogRepeats({ log });
	const executions = new Set<Execution>();
	const starts = new Set<Promise<unknown>>();
	const leftBehind = createLeftBehind({ limit: maxLeftBehind, log });
	let running = 0;
	const survivors = new Set<Execution>();
	let survivorsTotal = 0;
	let timeouts = 0;
	let closing = false;
	let lastStart: Promise<unknown> = Promise.resolve();

	/**
	 * Allows one start per turn of the event loop. A start may block it for tens of milliseconds on a
	 * busy machine, and requests, timers and exits of other commands have to be handled in between.
	 */
	const turn = () => {
		lastStart = lastStart.then(() => nextTurn());
		return lastStart;
	};

	/**
	 * undefined: cancelled before the start. "late": the file system hangs, and the caller must not
	 * wait for it.
	 */
	const start = async (
		line: CommandLine,
		timeoutMilliseconds: number,
		signal: Abandonment | undefined,
	): Promise<Started | "late" | undefined> => {
		try {
			await (engine.startsBlock ? turn() : undefined);
			// check again, as the turn took a moment
			if (closing || signal?.aborted) return undefined;
			return await inTime(
				engine.startProcess(line, environment),
				Math.max(timeoutMilliseconds, minStartMilliseconds),
			);
		} catch (cause) {
			const error = new CommandStartError(line.file, cause);
			if (exhausted.has(error.code))
				repeats.wrong("starts", {
					kind: error.code,
					level: "error",
					lines: [`${error.message}: a limit of this machine is reached`],
				});
			throw error;
		}
	};

	const inTime = (starting: Promise<Started>, milliseconds: number) =>
		new Promise<Started | "late">((resolve, reject) => {
			let isLate = false;
			const timer = setTimeout(() => {
				isLate = true;
				resolve("late");
			}, milliseconds);
			starting
				.then((started) => {
					// the caller has given up on it
					if (isLate) follow(started, 0);
					else resolve(started);
				}, reject)
				.finally(() => clearTimeout(timer));
		});

	const follow = (
		started: Started,
		timeoutMilliseconds: number,
		reserve?: (bytes: number) => Promise<void>,
	) => {
		const execution = followCommand(started, {
			timeoutMilliseconds,
			outputLimitBytes,
			reserve,
			kill,
			times,
		});
		executions.add(execution);
		void execution.ended.then(() => executions.delete(execution));
		if (closing) execution.cancel();
		return execution;
	};

	const run: Commands["run"] = async (
		line,
		{ timeoutMilliseconds, signal, client, reserve },
	) => {
		if (closing || signal?.aborted) return notStarted("cancelled");
		const begun = performance.now();
		const starting = start(line, timeoutMilliseconds, signal);
		starts.add(starting);
		const started = await starting.finally(() => starts.delete(starting));
		if (!started) return notStarted("cancelled");
		if (started === "late") {
			timeouts++;
			return notStarted("timed out", performance.now() - begun);
		}
		const execution = follow(started, timeoutMilliseconds, reserve);
		const cancel = () => execution.cancel();
		if (signal?.aborted) cancel();
		signal?.addEventListener("abort", cancel);
		const result = await execution.answered;
		signal?.removeEventListener("abort", cancel);
		leftBehind.add(execution, { client, file: line.file });
		const failure = engine.startFailure?.(line, result);
		if (failure !== undefined)
			throw new CommandStartError(line.file, { code: failure });
		if (result.timedOut) timeouts++;
		if (result.survived) {
			survivorsTotal++;
			survivors.add(execution);
			void execution.exited.then(() => survivors.delete(execution));
			repeats.wrong(line.file, {
				kind: "outlived",
				level: "error",
				lines: [
					`command survived SIGKILL: process ${started.pid}, ${line.file}`,
				],
			});
		}
		return result;
	};

	return {
		get running() {
			return running;
		},
		get timeouts() {
			return timeouts;
		},
		get survivors() {
			return survivors.size;
		},
		get survivorsTotal() {
			return survivorsTotal;
		},
		get leftBehind() {
			return leftBehind.count;
		},
		get leftBehindStoppedTotal() {
			return leftBehind.stoppedTotal;
		},
		async run(line, limits) {
			running++;
			const patientUntil = performance.now() + busyMilliseconds;
			try {
				for (;;)
					try {
						return await run(line, limits);
					} catch (error) {
						const isBusy =
							error instanceof CommandStartError && error.code === "ETXTBSY";
						if (!isBusy || performance.now() >= patientUntil) throw error;
						await sleep(busyRetryMilliseconds);
					}
			} finally {
				running--;
			}
		},
		async close({ patienceMilliseconds = 0, graceMilliseconds = 1000 } = {}) {
			closing = true;
			// wait for starts in progress, so that their processes are stopped too
			await Promise.race([
				Promise.allSettled(starts),
				sleep(patienceMilliseconds + graceMilliseconds, undefined, {
					ref: false,
				}),
			]);
			await nextTurn();
			const answers = [...executions].map(({ answered }) => answered);
			const patience = new AbortController();
			await Promise.race([
				Promise.all(answers),
				sleep(patienceMilliseconds, undefined, patience).catch(() => {}),
			]);
			patience.abort();
			for (const execution of executions) execution.cancel(graceMilliseconds);
			// timers of answered commands are unreferenced; keep the process alive until all have ended
			const alive = setInterval(() => {}, 1000);
			await Promise.all([...executions].map(({ ended }) => ended));
			clearInterval(alive);
		},
		kill() {
			for (const execution of executions) execution.kill();
		},
	};
}
