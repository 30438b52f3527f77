import { constants } from "node:os";
import { version } from "../generated/version.ts";
import type { Agent } from "../src/agent.ts";
import type { Log } from "../src/log.ts";

/** What the signal handlers act on. Startup fills it step by step. */
export interface Running {
	log?: Log;
	agent?: Agent;
}

export type StopSignal = "SIGINT" | "SIGTERM";

/** Signals and uncaught errors of the process. */
export interface Watch {
	/** Resolves at the first SIGINT, SIGTERM or uncaught error. */
	readonly stopped: Promise<StopSignal | "failure">;
	/** Rejects with the first uncaught error. */
	readonly failed: Promise<never>;
	/** Aborted when `stopped` resolves. */
	readonly stopping: AbortSignal;
	/** Whether there was an uncaught error. */
	hasFailed(): boolean;
	/** Handles a SIGHUP that arrived before the agent had started. */
	catchUp(): void;
}

/** Exit status after any failure. */
const failureStatus = 1;

/** Uncaught errors beyond this number are not logged. */
const maxLoggedErrors = 10;

/**
 * Signals that would end the process by default but mean nothing to the agent: a wrong signal name
 * in a logrotate file must not end the agent and leave its plugins running. SIGUSR1 would open
 * Node's debugger. SIGPROF is not here: the CPU profiler needs it.
 */
const ignoredSignals = [
	...["SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM", "SIGVTALRM", "SIGIO"],
	...["SIGPWR", "SIGSTKFLT", "SIGXCPU", "SIGXFSZ", "SIGTRAP", "SIGSYS"],
].filter((name) => name in constants.signals) as NodeJS.Signals[];

function stackOf(error: unknown): string {
	const { stack, message } =
		error instanceof Error ? error : new Error(String(error));
	return stack ?? message;
}

/**
 * Handles signals and uncaught errors, including rejected promises that nobody handles. SIGHUP
 * reopens the log and makes the agent reload its files. SIGINT and SIGTERM stop the agent; a second
 * one kills the agent's commands and ends the process at once. Other signals change nothing; the
 * first of each kind is logged as a warning.
 */
export function watchProcess(
	running: Running,
	complain: (line: string) => void,
): Watch {
	let errors = 0;
	let isHangupDue = false;
	const stopping = new AbortController();
	let stop: (cause: StopSignal | "failure") => void = () => {};
	let fail: (error: unknown) => void = () => {};
	const stopped = new Promise<StopSignal | "failure">((resolve) => {
		stop = (cause) => {
			resolve(cause);
			stopping.abort();
		};
	});
	const failed = new Promise<never>((_, reject) => {
		fail = reject;
	});
	// only startup awaits it: a later rejection must not count as another uncaught error
	failed.catch(() => {});

	const reload = () => {
		const { log, agent } = running;
		log?.reopen();
		isHangupDue = agent === undefined;
		if (!agent) return;
		log?.info("SIGHUP: log reopened, reloading files");
		agent.reload().catch((error) => log?.error(`SIGHUP: ${stackOf(error)}`));
	};
	process.on("SIGHUP", reload);
	process.on("uncaughtException", (error: unknown) => {
		errors++;
		const what = errors === 1 ? "internal error, stopping" : "internal error";
		const line = `${what}: ${stackOf(error)}`;
		if (errors <= maxLoggedErrors)
			running.log ? running.log.error(line) : complain(line);
		fail(error);
		stop("failure");
	});
	for (const signal of ignoredSignals) {
		let isKnown = false;
		process.on(signal, () => {
			const line = `${signal}: ignored (SIGHUP reopens the log, SIGTERM stops the agent)`;
			isKnown ? running.log?.debug(line) : running.log?.warning(line);
			isKnown = true;
		});
	}
	let asked = false;
	for (const signal of ["SIGINT", "SIGTERM"] as const)
		process.on(signal, () => {
			if (asked) {
				running.agent?.kill();
				running.agent?.exit?.(failureStatus);
				process.exit(failureStatus);
			}
			asked = true;
			stop(signal);
		});
	return {
		stopped,
		failed,
		stopping: stopping.signal,
		hasFailed: () => errors > 0,
		catchUp: () => {
			if (isHangupDue) reload();
		},
	};
}

/**
 * Stops the agent, calls `last` and ends the process. The exit status is 0 if all of this succeeded
 * and there was no uncaught error. After `maxMilliseconds` it kills the agent's commands and exits.
 */
export async function endProcess(parts: {
	log: Log;
	agent: Agent;
	watch: Watch;
	/** Why the agent stops. */
	cause: StopSignal | "failure";
	maxMilliseconds: number;
	last: () => void;
}): Promise<never> {
	const { log, agent, watch, cause, maxMilliseconds, last } = parts;
	const deadline = setTimeout(() => {
		log.error("still not stopped, exiting at once");
		agent.kill();
		agent.exit?.(failureStatus);
		process.exit(failureStatus);
	}, maxMilliseconds);
	let isClean = true;
	const attempt = async (act: () => void | Promise<void>) => {
		try {
			await act();
		} catch (error) {
			isClean = false;
			log.error(`stopping: ${stackOf(error)}`);
		}
	};
	await attempt(() => agent.close());
	await attempt(last);
	clearTimeout(deadline);
	log.notice(
		`happo-agent ${version} stopped: ${cause === "failure" ? "internal error" : cause}`,
	);
	log.close();
	const status = isClean && !watch.hasFailed() ? 0 : failureStatus;
	// process.exit() would wait for hanging look-ups
	agent.exit?.(status);
	process.exit(status);
}
