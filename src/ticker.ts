/** The clock and the timers that something runs by. */
export interface Timers {
	/** Milliseconds since whenever; never set back, never set forward. */
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
 * Does something at every interval after start(), the first time after one interval. The n-th time is due n intervals
 * after the start: no drift. While one is running no other begins, and those missed meanwhile are left out.
 * @param parts.tick reports its failures itself
 */
export function createTicker({
	tick,
	intervalMilliseconds,
	timers = systemTimers,
}: {
	tick: () => Promise<unknown>;
	intervalMilliseconds: number;
	timers?: Timers;
}): {
	/** Once only. */
	start(): void;
	stop(): void;
} {
	let handle: unknown;
	let isStarted = false;
	let isStopped = false;
	let startedAt = 0;
	let count = 0;

	const wait = () => {
		if (isStopped) return;
		const elapsed = timers.elapsed() - startedAt;
		// a timer may fire a moment early: never the same one again
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
			startedAt = timers.elapsed();
			wait();
		},
		stop() {
			isStopped = true;
			timers.clear(handle);
		},
	};
}
