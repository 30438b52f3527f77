import { type Captured, captureOutput } from "../spawn/output.ts";
import { createProcessGroup, type Kill } from "../spawn/process-group.ts";
import type { Exit, Started } from "../spawn/started.ts";

/** How long a command that is stopped is waited for; in milliseconds. */
export interface StopTimes {
	/** From SIGTERM to SIGKILL. */
	killAfter: number;
	/** From SIGKILL to the answer that it survived. */
	giveUpAfter: number;
}

export const stopTimes: StopTimes = { killAfter: 3000, giveUpAfter: 1000 };

/** What a command wrote last may still be on its way when its exit is noticed. */
const DRAIN_MILLISECONDS = 250;
const WATCH_MILLISECONDS = 500;
const WATCH_STOPPING_MILLISECONDS = 100;

/** One that was not ended has neither exit status nor signal. */
export interface CommandResult extends Exit {
	stdout: Captured;
	stderr: Captured;
	/** It ran into the time limit; it may have answered SIGTERM with an exit status of its own. */
	timedOut: boolean;
	/** It ran; false when its time was over, or nobody wanted it any more, before it had started. */
	started: boolean;
	/** Stopped, or not even started, because of the abort signal or close(). */
	cancelled: boolean;
	/** Still there one second after SIGKILL. */
	survived: boolean;
	durationMilliseconds: number;
}

export interface Execution {
	answered: Promise<CommandResult>;
	/** Nothing of the command is left, or nothing more can be done about it. */
	ended: Promise<void>;
	/** The process has been waited for, perhaps long after the end. */
	exited: Promise<void>;
	/** Whether `ended` has resolved, or is about to. */
	readonly isEnded: boolean;
	/** SIGTERM to the group now, SIGKILL after the grace, three seconds by default. */
	cancel(graceMilliseconds?: number): void;
	/** SIGKILL to the group now, when there is no time for anything else. */
	kill(): void;
}

/**
 * Watches over a started command until nothing is left of it.
 *
 * At the time limit the whole group gets SIGTERM, three seconds later SIGKILL, whatever has become of its leader. The
 * answer comes when the leader has exited (a background process that holds its output cannot delay it), at the latest
 * one second after SIGKILL. What the leader leaves behind may live on until the time limit.
 */
export function followCommand(
	started: Started,
	{
		timeoutMilliseconds,
		outputLimitBytes,
		kill,
		times = stopTimes,
	}: {
		timeoutMilliseconds: number;
		outputLimitBytes: number;
		kill: Kill;
		times?: StopTimes;
	},
): Execution {
	const startedAt = performance.now();
	const group = createProcessGroup(started.pid, kill);
	const stdout = captureOutput(started.stdout, outputLimitBytes);
	const stderr = captureOutput(started.stderr, outputLimitBytes);
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

	/** Once the answer is given, no timer of this command keeps the daemon alive. */
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
			// a command that has exited was in time: only what it left behind is stopped
			if (!exit) stoppedBy = cause;
		}
		killAt = at;
		clearTimeout(limitTimer);
		clearTimeout(killTimer);
		killTimer = after(graceMilliseconds, () => {
			group.signal("SIGKILL");
			// setImmediate: see below
			after(times.giveUpAfter, () => setImmediate(end));
		});
		watchEvery(WATCH_STOPPING_MILLISECONDS);
	};
	const limitTimer = after(timeoutMilliseconds, () =>
		stop("time limit", times.killAfter),
	);

	const drained = () => {
		if (isAnswered) return;
		answer();
		endWhenNothingIsLeft();
		if (killAt === Number.POSITIVE_INFINITY) watchEvery(WATCH_MILLISECONDS);
	};
	const closed = () => {
		if (!exit || !stdout.closed || !stderr.closed) return;
		if (isAnswered) endWhenNothingIsLeft();
		else drained();
	};
	stdout.onClosed(closed);
	stderr.onClosed(closed);
	started.onExit((ended) => {
		group.leaderExited(ended.wasLast);
		// now, while the number is fresh: a group that has gone is never asked for again
		group.exists();
		exit = ended;
		giveExit();
		if (isEnded) return;
		closed();
		// setImmediate: after a busy spell a timer is served before the exits and outputs that are there to be noticed
		if (!isAnswered) after(DRAIN_MILLISECONDS, () => setImmediate(drained));
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

/** The result of a command that was never started: nobody wanted it any more, or its start took too long. */
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
		durationMilliseconds,
	};
}
