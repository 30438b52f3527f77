import { type Captured, captureOutput } from "../spawn/output.ts";
import { createProcessGroup, type Kill } from "../spawn/process-group.ts";
import type { Exit, Started } from "../spawn/started.ts";

/** Waits when a command is stopped, in milliseconds. */
export interface StopTimes {
	/** From SIGTERM to SIGKILL. */
	killAfter: number;
	/** From SIGKILL until the command counts as having survived it. */
	giveUpAfter: number;
}

/** The waits outside tests. */
export const stopTimes: StopTimes = { killAfter: 3000, giveUpAfter: 1000 };

/**
 * How long to wait for the end of the outputs after the exit: the last bytes may arrive later than
 * the exit.
 */
const drainMilliseconds = 250;
/** How often to check whether processes of an answered command still exist. */
const watchMilliseconds = 500;
const watchStoppingMilliseconds = 100;

/**
 * How a command ended and what it wrote. A command that has not ended has neither exit status nor
 * signal.
 */
export interface CommandResult extends Exit {
	stdout: Captured;
	stderr: Captured;
	/** It was stopped at its time limit; it may still have an exit status, if it handled SIGTERM. */
	timedOut: boolean;
	/** It ran; false if it was cancelled or its time limit passed before the start. */
	started: boolean;
	/** Stopped, or never started, because of the abort signal or close(). */
	cancelled: boolean;
	/** It still existed one second after SIGKILL. */
	survived: boolean;
	/** There was no memory for its output in time, which is incomplete. */
	lacksMemory: boolean;
	durationMilliseconds: number;
}

/** A started command, until none of its processes is left. */
export interface Execution {
	answered: Promise<CommandResult>;
	/** Resolves when no process of the command is left, or when one has survived SIGKILL. */
	ended: Promise<void>;
	/** Resolves when the process has been reaped, possibly long after `ended`. */
	exited: Promise<void>;
	/** Whether `ended` has resolved, or is about to. */
	readonly isEnded: boolean;
	/** Sends SIGTERM to the group now, and SIGKILL after the grace (three seconds by default). */
	cancel(graceMilliseconds?: number): void;
	/** Sends SIGKILL to the group now, without any grace. */
	kill(): void;
}

/**
 * Follows a started command until none of its processes is left.
 *
 * At the time limit the whole group gets SIGTERM, and three seconds later SIGKILL, even if its
 * leader has exited. The answer comes when the leader has exited (a background process that holds
 * its output cannot delay it), at the latest one second after SIGKILL. Processes that the leader
 * leaves behind may run until the time limit.
 */
export function followCommand(
	started: Started,
	{
		timeoutMilliseconds,
		outputLimitBytes,
		reserve,
		kill,
		times = stopTimes,
	}: {
		timeoutMilliseconds: number;
		outputLimitBytes: number;
		/** Resolves when there is memory for this many bytes of output, or rejects. */
		reserve?: ((bytes: number) => Promise<void>) | undefined;
		kill: Kill;
		times?: StopTimes;
	},
): Execution {
	const startedAt = performance.now();
	const group = createProcessGroup(started.pid, kill);
	const streams = [started.stdout, started.stderr].filter(
		({ closed }) => !closed,
	);
	let reserving: Promise<void> | undefined;
	/** Both at once: commands that hold memory for one could wait for the other's forever. */
	const reserveAll =
		reserve &&
		(() => {
			reserving ??= reserve(outputLimitBytes * streams.length);
			return reserving;
		});
	const stdout = captureOutput(started.stdout, outputLimitBytes, reserveAll);
	const stderr = captureOutput(started.stderr, outputLimitBytes, reserveAll);
	const timers = new Set<NodeJS.Timeout>();
	let exit: Exit | undefined;
	let stoppedBy: "time limit" | "cancel" | undefined;
	let killAt = Number.POSITIVE_INFINITY;
	let killTimer: NodeJS.Timeout | undefined;
	let watch: NodeJS.Timeout | undefined;
	let isAnswered = false;
	let isEnded = false;
	let giveAnswer: (result: CommandResult) => void;
	let giveEnd: () => void;
	let giveExit: () => void;
	const exited = new Promise<void>((resolve) => {
		giveExit = resolve;
	});
	const answered = new Promise<CommandResult>((resolve) => {
		giveAnswer = resolve;
	});
	const ended = new Promise<void>((resolve) => {
		giveEnd = resolve;
	});

	/** Sets a timer. Timers of an answered command do not keep the agent alive. */
	const after = (milliseconds: number, act: () => void) => {
		const timer = setTimeout(act, milliseconds);
		if (isAnswered) timer.unref();
		timers.add(timer);
		return timer;
	};

	const answer = () => {
		if (isAnswered) return;
		isAnswered = true;
		for (const timer of timers) timer.unref();
		giveAnswer({
			...(exit ?? { exitStatus: undefined, signal: undefined }),
			stdout: stdout.take(),
			stderr: stderr.take(),
			started: true,
			timedOut: stoppedBy === "time limit",
			cancelled: stoppedBy === "cancel",
			survived: exit === undefined,
			lacksMemory: stdout.lacksMemory || stderr.lacksMemory,
			durationMilliseconds: performance.now() - startedAt,
		});
	};

	const end = () => {
		if (isEnded) return;
		isEnded = true;
		answer();
		for (const timer of timers) clearTimeout(timer);
		clearInterval(watch);
		stdout.destroy();
		stderr.destroy();
		if (!exit) started.unref();
		giveEnd();
	};

	const endWhenNothingIsLeft = () => {
		if (stdout.closed && stderr.closed && !group.exists()) end();
	};

	const watchEvery = (milliseconds: number) => {
		clearInterval(watch);
		if (isEnded) return;
		watch = setInterval(() => {
			if (isAnswered) endWhenNothingIsLeft();
		}, milliseconds).unref();
	};

	const stop = (cause: "time limit" | "cancel", graceMilliseconds: number) => {
		const at = performance.now() + graceMilliseconds;
		if (isEnded || killAt <= at) return;
		if (killAt === Number.POSITIVE_INFINITY) {
			group.signal("SIGTERM");
			// a command that has exited was in time: only the processes it left behind are stopped
			if (!exit) stoppedBy = cause;
		}
		killAt = at;
		clearTimeout(limitTimer);
		clearTimeout(killTimer);
		killTimer = after(graceMilliseconds, () => {
			group.signal("SIGKILL");
			// setImmediate: as below
			after(times.giveUpAfter, () => setImmediate(end));
		});
		watchEvery(watchStoppingMilliseconds);
	};
	const limitTimer = after(timeoutMilliseconds, () =>
		stop("time limit", times.killAfter),
	);

	const drained = () => {
		if (isAnswered) return;
		answer();
		endWhenNothingIsLeft();
		if (killAt === Number.POSITIVE_INFINITY) watchEvery(watchMilliseconds);
	};
	// setImmediate: after a long turn, timers fire before pending exits and outputs are handled
	const drainSoon = () =>
		after(drainMilliseconds, () =>
			setImmediate(() => {
				const waiting = stdout.waiting ?? stderr.waiting;
				if (waiting) void waiting.then(drainSoon);
				else drained();
			}),
		);
	const closed = () => {
		if (!exit || !stdout.closed || !stderr.closed) return;
		if (isAnswered) endWhenNothingIsLeft();
		else drained();
	};
	stdout.onClosed(closed);
	stderr.onClosed(closed);
	started.onExit((ended) => {
		group.leaderExited(ended.wasLast);
		// check now, before the process id can be reused: a group that has gone is never checked again
		group.exists();
		exit = ended;
		giveExit();
		if (isEnded) return;
		closed();
		if (!isAnswered) drainSoon();
	});

	return {
		answered,
		ended,
		exited,
		get isEnded() {
			return isEnded;
		},
		cancel: (graceMilliseconds = times.killAfter) =>
			stop("cancel", graceMilliseconds),
		kill: () => group.signal("SIGKILL"),
	};
}

/** The result of a command that never started: it was cancelled, or its start took too long. */
export function notStarted(
	why: "cancelled" | "timed out",
	durationMilliseconds = 0,
): CommandResult {
	const nothing = { text: "", bytes: 0, kept: 0, cut: false };
	return {
		exitStatus: undefined,
		signal: undefined,
		stdout: nothing,
		stderr: nothing,
		started: false,
		timedOut: why === "timed out",
		cancelled: why === "cancelled",
		survived: false,
		lacksMemory: false,
		durationMilliseconds,
	};
}
