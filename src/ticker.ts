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
 * Does something at every interval after start(), the first time after one interval unless another time is given. Each
 * further time is due a whole number of intervals after the first: no drift. While one is running no other begins, and those missed meanwhile are left out.
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
	/** Once only. */
	start(): void;
	stop(): void;
} {
	let handle: unknown;
	let isStarted = false;
	let isStopped = false;
	/** When the first one is due. */
	let firstAt = 0;
	let count = -1;

	const wait = () => {
		if (isStopped) return;
		const elapsed = timers.elapsed() - firstAt;
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
			firstAt = timers.elapsed() + firstMilliseconds;
			wait();
		},
		stop() {
			isStopped = true;
			timers.clear(handle);
		},
	};
}
