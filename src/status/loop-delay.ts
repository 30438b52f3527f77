import { systemTimers, type Timers } from "../ticker.ts";

/** Does not keep the process alive. */
const quietTimers: Timers = {
	...systemTimers,
	set: (callback, milliseconds) => setTimeout(callback, milliseconds).unref(),
};

/** Rounds to microseconds. */
const rounded = (milliseconds: number) =>
	Math.round(milliseconds * 1000) / 1000;

/**
 * Measures the event loop's delay: how late each tick of a timer was, over the most recent ticks.
 *
 * The n-th tick is due n intervals after the start. If a stall skips ticks, each is counted with
 * the delay it had, so the mean is the delay of a request arriving at a random moment. A stall
 * shows up in the very next reading: ticks that are overdue count with their delay so far. A stall
 * longer than the whole window counts as long as the window.
 * @param parts.every milliseconds between ticks
 * @param parts.samples ticks in the window; one minute's worth by default
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
	/** In milliseconds; 0 before the first tick is due. */
	read(): { mean_delay_ms: number; max_delay_ms: number };
	close(): void;
} {
	const ring = new Float64Array(samples);
	/** Number of ticks whose delay is final. */
	let entered = 0;
	/** When the next tick is due. */
	let due = timers.elapsed() + every;

	/**
	 * Writes the delay of each overdue tick into its slot, where a later call may overwrite it.
	 * @param minTicks 1 if the timer has fired: it may do so slightly early, which counts as no delay
	 * @returns the number of ticks written
	 */
	const write = (minTicks: 0 | 1): number => {
		const late = timers.elapsed() - due;
		const count = Math.max(minTicks, Math.floor(late / every) + 1);
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
