import {
	setImmediate as nextTurn,
	setTimeout as sleep,
} from "node:timers/promises";
import {
	type CommandResult,
	cancelledBeforeStart,
	type Execution,
	followCommand,
} from "./execution.ts";
import type { Kill } from "./process-group.ts";
import type { CommandLine, Engine } from "./started.ts";

export type { CommandResult } from "./execution.ts";
export type { Captured } from "./output.ts";
export type { CommandLine } from "./started.ts";

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

export interface Commands {
	/**
	 * Runs a program to its end, in a session and process group of its own, with /dev/null as standard input.
	 * Whatever the program does is a result. Aborted before the start: nothing is started, `cancelled` is true.
	 * @throws CommandStartError
	 */
	run(
		line: CommandLine,
		limits: { timeoutMilliseconds: number; signal?: AbortSignal },
	): Promise<CommandResult>;
	/** Commands without an answer yet. */
	readonly running: number;
	/** Commands that were stopped at their time limit, counted since the start. */
	readonly timeouts: number;
	/** Commands that outlived SIGKILL, counted since the start. */
	readonly survivors: number;
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
 * @param parts.environment all that the programs get of the environment
 * @param parts.kill sends signals; process.kill unless a test says otherwise
 */
export function createCommands({
	engine,
	outputLimitBytes,
	environment,
	log,
	kill = (pid, signal) => process.kill(pid, signal),
}: {
	engine: Engine;
	outputLimitBytes: number;
	environment: Readonly<Record<string, string>>;
	log: { error(message: string): void };
	kill?: Kill;
}): Commands {
	const executions = new Set<Execution>();
	const starts = new Set<Promise<unknown>>();
	let running = 0;
	let survivors = 0;
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

	const start = async (line: CommandLine, signal: AbortSignal | undefined) => {
		try {
			await (engine.startsBlock ? turn() : undefined);
			// asked again, as that took a moment
			if (closing || signal?.aborted) return undefined;
			return await engine.startProcess(line, environment);
		} catch (cause) {
			throw new CommandStartError(line.file, cause);
		}
	};

	const run: Commands["run"] = async (
		line,
		{ timeoutMilliseconds, signal },
	) => {
		if (closing || signal?.aborted) return cancelledBeforeStart();
		const starting = start(line, signal);
		starts.add(starting);
		const started = await starting.finally(() => starts.delete(starting));
		if (!started) return cancelledBeforeStart();
		const execution = followCommand(started, {
			timeoutMilliseconds,
			outputLimitBytes,
			kill,
		});
		executions.add(execution);
		execution.ended.then(() => executions.delete(execution));
		const cancel = () => execution.cancel();
		if (closing || signal?.aborted) cancel();
		signal?.addEventListener("abort", cancel, { once: true });
		const result = await execution.answered;
		signal?.removeEventListener("abort", cancel);
		if (result.timedOut) timeouts++;
		if (result.survived) {
			survivors++;
			log.error(
				`command outlived SIGKILL: process ${started.pid}, ${line.file}`,
			);
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
			return survivors;
		},
		async run(line, limits) {
			running++;
			try {
				return await run(line, limits);
			} finally {
				running--;
			}
		},
		async close({ patienceMilliseconds = 0, graceMilliseconds = 1000 } = {}) {
			closing = true;
			// what is on its way is followed, and stopped, as all else
			await Promise.allSettled(starts);
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
