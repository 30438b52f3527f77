import {
	setImmediate as nextTurn,
	setTimeout as sleep,
} from "node:timers/promises";
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

/** The command could not be started; `code` is the system's name for the reason: E2BIG, ENOENT, EACCES, EAGAIN ... */
export class CommandStartError extends Error {
	override name = "CommandStartError";
	readonly code: string;

	constructor(file: string, cause: unknown) {
		const { code = "EINVAL" } = cause as NodeJS.ErrnoException;
		// node:child_process refuses NUL bytes before the system can say EINVAL
		const name = code.startsWith("ERR_") ? "EINVAL" : code;
		super(`cannot start ${file}: ${name}`, { cause });
		this.code = name;
	}
}

/** Reasons that lie with the machine, not with the command: open files, processes, memory. */
const exhausted: ReadonlySet<string> = new Set([
	"EMFILE",
	"ENFILE",
	"EAGAIN",
	"ENOMEM",
]);

/** A file that somebody writes cannot be run; a deployment is done with it in this time. */
const BUSY_MILLISECONDS = 100;
const BUSY_RETRY_MILLISECONDS = 10;

/** A start that takes longer than this, and than the time limit, waits for a file system that hangs. */
const LEAST_START_MILLISECONDS = 5000;

export interface Commands {
	/**
	 * Runs a program to its end, in a session and process group of its own, with /dev/null as standard input.
	 * Whatever the program does is a result. Aborted before the start: nothing is started, `cancelled` is true.
	 * @throws CommandStartError
	 */
	run(
		line: CommandLine,
		limits: {
			timeoutMilliseconds: number;
			signal?: AbortSignal;
			/** Address of the client that wants it; the agent's own commands have none. */
			client?: string;
		},
	): Promise<CommandResult>;
	/** Commands without an answer yet. */
	readonly running: number;
	/** Commands that were stopped at their time limit, counted since the start. */
	readonly timeouts: number;
	/** Commands that outlived SIGKILL and are still there. */
	readonly survivors: number;
	/** Commands that outlived SIGKILL, counted since the start. */
	readonly survivorsTotal: number;
	/** Answered commands that left processes behind, or something that holds their outputs open. */
	readonly leftBehind: number;
	/** Answered commands whose leftovers were stopped because there were too many, counted since the start. */
	readonly leftBehindStoppedTotal: number;
	/**
	 * Starts nothing any more and stops all that is still there, what answered commands left behind included. Commands
	 * without an answer yet have some patience (none by default) to end by themselves; then SIGTERM, and SIGKILL after the
	 * grace (one second by default). Resolves when nothing is left, at the latest one second after SIGKILL.
	 */
	close(times?: {
		patienceMilliseconds?: number;
		graceMilliseconds?: number;
	}): Promise<void>;
	/** SIGKILL to all that is still there, at once: the process is about to end. */
	kill(): void;
}

/**
 * The one door to other programs.
 * @param parts.engine starts them
 * @param parts.outputLimitBytes kept of each output stream, inclusive; the rest is read and dropped
 * @param parts.maxLeftBehind answered commands that may have left something behind; more of it is stopped
 * @param parts.environment all that the programs get of the environment
 * @param parts.kill sends signals; process.kill unless a test says otherwise
 * @param parts.times of a command that is stopped; shorter ones in tests
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
	 * A start may block the event loop, on a busy machine for tens of milliseconds: with one start a turn, requests, time
	 * limits and exits of others are served in between.
	 */
	const turn = () => {
		lastStart = lastStart.then(() => nextTurn());
		return lastStart;
	};

	/** A start that is no longer wanted is undefined; "late" when its file system hangs, which must not keep the caller. */
	const start = async (
		line: CommandLine,
		timeoutMilliseconds: number,
		signal: AbortSignal | undefined,
	): Promise<Started | "late" | undefined> => {
		try {
			await (engine.startsBlock ? turn() : undefined);
			// asked again, as that took a moment
			if (closing || signal?.aborted) return undefined;
			return await inTime(
				engine.startProcess(line, environment),
				Math.max(timeoutMilliseconds, LEAST_START_MILLISECONDS),
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
					// nobody waits for it any more
					if (isLate) follow(started, 0);
					else resolve(started);
				}, reject)
				.finally(() => clearTimeout(timer));
		});

	const follow = (started: Started, timeoutMilliseconds: number) => {
		const execution = followCommand(started, {
			timeoutMilliseconds,
			outputLimitBytes,
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
		{ timeoutMilliseconds, signal, client },
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
		const execution = follow(started, timeoutMilliseconds);
		const cancel = () => execution.cancel();
		if (signal?.aborted) cancel();
		signal?.addEventListener("abort", cancel, { once: true });
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
					`command outlived SIGKILL: process ${started.pid}, ${line.file}`,
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
			const patientUntil = performance.now() + BUSY_MILLISECONDS;
			try {
				for (;;)
					try {
						return await run(line, limits);
					} catch (error) {
						const isBusy =
							error instanceof CommandStartError && error.code === "ETXTBSY";
						if (!isBusy || performance.now() >= patientUntil) throw error;
						await sleep(BUSY_RETRY_MILLISECONDS);
					}
			} finally {
				running--;
			}
		},
		async close({ patienceMilliseconds = 0, graceMilliseconds = 1000 } = {}) {
			closing = true;
			// what is on its way is followed, and stopped, as all else
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
			// the timers of answered commands do not keep the process alive: this one does
			const alive = setInterval(() => {}, 1000);
			await Promise.all([...executions].map(({ ended }) => ended));
			clearInterval(alive);
		},
		kill() {
			for (const execution of executions) execution.kill();
		},
	};
}
