import { constants } from "node:os";
import { version } from "../generated/version.ts";
import type { Agent } from "../src/agent.ts";
import type { Log } from "../src/log.ts";

/** What there is to be told of, and to be ended; filled as the start goes on. */
export interface Running {
	log?: Log;
	agent?: Agent;
}

export type StopSignal = "SIGINT" | "SIGTERM";

/** What happens to the process, from now on. */
export interface Watch {
	/** Resolves at the first SIGINT or SIGTERM, and when something failed. */
	readonly stopped: Promise<StopSignal | "failure">;
	/** Rejects with the first error that nobody caught. */
	readonly failed: Promise<never>;
	/** Whether there was such an error; each of the first ten is logged with its stack. */
	hasFailed(): boolean;
	/** Reads again what SIGHUP asked for before the agent was there. */
	catchUp(): void;
}

/** Exit status of everything that failed. */
const failureStatus = 1;

const mostLogged = 10;

/**
 * Signals that end a process unless it says otherwise, and that mean nothing here: a wrong word in a logrotate file must
 * not end the agent and leave its plugins. SIGUSR1 would open Node's debugger; SIGPROF is the CPU profiler's.
 */
const ignoredSignals = [
	...["SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGALRM", "SIGVTALRM", "SIGIO"],
	...["SIGPWR", "SIGSTKFLT", "SIGXCPU", "SIGXFSZ", "SIGTRAP", "SIGSYS"],
].filter((name) => name in constants.signals) as NodeJS.Signals[];

/** Longer than every part of an orderly stop together, shorter than systemd's patience. */
const mostStoppingMilliseconds = 20_000;

function stackOf(error: unknown): string {
	const { stack, message } =
		error instanceof Error ? error : new Error(String(error));
	return stack ?? message;
}

/**
 * Obeys signals: SIGHUP opens the log again and has the agent read its files
 * again; SIGINT and SIGTERM stop it, a second one ends the process at once, after
 * it has ended what the agent started. Other signals are logged once, and change nothing. Hears of errors that nobody caught, a
 * promise's included.
 */
export function watchProcess(
	running: Running,
	complain: (line: string) => void,
): Watch {
	let errors = 0;
	let isHangupDue = false;
	let stop: (cause: StopSignal | "failure") => void = () => {};
	let fail: (error: unknown) => void = () => {};
	const stopped = new Promise<StopSignal | "failure">((resolve) => {
		stop = resolve;
	});
	const failed = new Promise<never>((_, reject) => {
		fail = reject;
	});
	// it is looked at during the start only
	failed.catch(() => {});

	const reload = () => {
		const { log, agent } = running;
		log?.reopen();
		isHangupDue = agent === undefined;
		if (!agent) return;
		log?.info("SIGHUP: log opened again, reading files again");
		agent.reload().catch((error) => log?.error(`SIGHUP: ${stackOf(error)}`));
	};
	process.on("SIGHUP", reload);
	process.on("uncaughtException", (error: unknown) => {
		errors++;
		const what = errors === 1 ? "internal error, stopping" : "internal error";
		const line = `${what}: ${stackOf(error)}`;
		if (errors <= mostLogged)
			running.log ? running.log.error(line) : complain(line);
		fail(error);
		stop("failure");
	});
	for (const signal of ignoredSignals) {
		let isKnown = false;
		process.on(signal, () => {
			const line = `${signal}: ignored (SIGHUP opens the log again, SIGTERM stops)`;
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
		hasFailed: () => errors > 0,
		catchUp: () => {
			if (isHangupDue) reload();
		},
	};
}

/**
 * Stops the agent, then does what is last, and ends the process: with status 0 if
 * all went well and nothing had failed before. Never takes longer than twenty
 * seconds: what has not ended then is killed.
 */
export async function endProcess(parts: {
	log: Log;
	agent: Agent;
	watch: Watch;
	/** What the stop is for. */
	cause: StopSignal | "failure";
	last: () => void;
}): Promise<never> {
	const { log, agent, watch, cause, last } = parts;
	const deadline = setTimeout(() => {
		log.error("still not stopped: ended at once");
		agent.kill();
		agent.exit?.(failureStatus);
		process.exit(failureStatus);
	}, mostStoppingMilliseconds);
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
	// process.exit() would wait for look-ups that hang
	agent.exit?.(status);
	process.exit(status);
}
