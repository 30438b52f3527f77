/** A clock and timers, which tests replace. */
export interface Timers {
	/** Monotonic milliseconds, arbitrary origin. */
	elapsed(): number;
	set(callback: () => void, milliseconds: number): unknown;
	clear(handle: unknown): void;
}

export const systemTimers: Timers = {
	elapsed: () => performance.now(),
	set: (callback, milliseconds) => setTimeout(callback, milliseconds),
	clear: (handle) => clearTimeout(handle as NodeJS.Timeout),
};

/**
 * Calls `tick` at every interval after start(), first after `firstMilliseconds`. Each further call
 * is due a whole number of intervals after the first, so there is no drift. Calls never overlap;
 * those missed while one runs are skipped.
 * @param parts.tick reports its failures itself
 */
export function createTicker({
	tick,
	intervalMilliseconds,
	firstMilliseconds = intervalMilliseconds,
	timers = systemTimers,
}: {
	tick: () => Promise<unknown>;
	intervalMilliseconds: number;
	firstMilliseconds?: number;
	timers?: Timers;
}): {
	/** Call it only once. */
	start(): void;
	stop(): void;
} {
	let handle: unknown;
	let isStarted = false;
	let isStopped = false;
	/** When the first call is due. */
	let firstAt = 0;
	let count = -1;

	const wait = () => {
		if (isStopped) return;
		const elapsed = timers.elapsed() - firstAt;
		// a timer may fire slightly early: do not repeat the same call
		count = Math.max(count + 1, Math.ceil(elapsed / intervalMilliseconds));
		handle = timers.set(
			() => {
				tick().then(wait, wait);
			},
			count * intervalMilliseconds - elapsed,
		);
	};

	return {
		start() {
			if (isStarted) return;
			isStarted = true;
			firstAt = timers.elapsed() + firstMilliseconds;
			wait();
		},
		stop() {
			isStopped = true;
			timers.clear(handle);
		},
	};
}
