import { systemTimers, type Timers } from "../ticker.ts";

/** Does not keep the process alive. */
const quietTimers: Timers = {
	...systemTimers,
	set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
};

/** To the microsecond. */
const rounded = (milliseconds: number) =>
	Math.round(milliseconds * 1000) / 1000;

/**
 * Measures how late the event loop is: how long after its time each of a timer's ticks came, over the last of them.
 *
 * The n-th tick is due n intervals after the start. Those that a long stop leaves out are entered with the delay each of
 * them had, so that the mean is what a request had to wait that came at any moment. What is due now and has not come yet
 * counts with its delay so far: who asks just after a stop is told of it. A stop longer than all the ticks together
 * counts as long as those.
 * @param parts.every milliseconds between two ticks
 * @param parts.samples ticks that are remembered; by default those of a minute
 */
export function createLoopDelay({
	every = 500,
	samples = 120,
	timers = quietTimers,
}: {
	every?: number;
	samples?: number;
	timers?: Timers;
} = {}): {
	/** Milliseconds; 0 before the first tick was due. */
	read(): { mean_delay_ms: number; max_delay_ms: number };
	close(): void;
} {
	const ring = new Float64Array(samples);
	/** Ticks that are in the ring for good, or were. */
	let entered = 0;
	/** The next one after those. */
	let due = timers.elapsed() + every;

	/**
	 * Writes the delay of each tick that is due by now into its place, where a later call may write a longer one.
	 * @param atLeast a timer may fire a moment early: that one was not late
	 * @returns how many they are
	 */
	const write = (atLeast: 0 | 1): number => {
		const late = timers.elapsed() - due;
		const count = Math.max(atLeast, Math.floor(late / every) + 1);
		for (let n = Math.max(0, count - samples); n < count; n++)
			ring[(entered + n) % samples] = Math.max(0, late - n * every);
		return count;
	};

	const wait = () =>
		timers.set(() => {
			const count = write(1);
			entered += count;
			due += count * every;
			handle = wait();
		}, due - timers.elapsed());
	let handle = wait();

	return {
		read() {
			const seen = ring.subarray(0, Math.min(entered + write(0), samples));
			if (seen.length === 0) return { mean_delay_ms: 0, max_delay_ms: 0 };
			let sum = 0;
			let longest = 0;
			for (const delay of seen) {
				sum += delay;
				longest = Math.max(longest, delay);
			}
			return {
				mean_delay_ms: rounded(sum / seen.length),
				max_delay_ms: rounded(longest),
			};
		},
		close() {
			timers.clear(handle);
			due = Number.POSITIVE_INFINITY;
		},
	};
}
