/** What a schedule calls at its time. */
export interface Scheduled {
	/** From 0 to 1: where in the interval its time is. */
	readonly phase: number;
}

/**
 * Says which of many are due, each once in an interval, at a time of its own. It has no timer and
 * nothing for each of them but a sorted array.
 */
export class Schedule<T extends Scheduled> {
	readonly #interval: number;
	#sorted: readonly T[] = [];
	/** Until when all that were due have been named. */
	#until: number;

	/**
	 * @param interval milliseconds
	 * @param now of a clock in milliseconds whose origin does not matter
	 */
	constructor(interval: number, now: number) {
		this.#interval = interval;
		this.#until = now;
	}

	/** Goes on from here, whatever was due before: the clock was set. */
	restart(now: number): void {
		this.#until = now;
	}

	/**
	 * Which of its times one is due at now, however late it is named: the same in every process with
	 * the same clock.
	 */
	numberOf({ phase }: T, now: number): number {
		const into = now % this.#interval;
		const intervals = Math.round((now - into) / this.#interval);
		return phase < into / this.#interval ? intervals : intervals - 1;
	}

	/** Replaces all of them. */
	set(all: readonly T[]): void {
		this.#sorted = all.toSorted((a, b) => a.phase - b.phase);
	}

	/** The first whose phase is not below this one. */
	#from(phase: number): number {
		let low = 0;
		let high = this.#sorted.length;
		while (low < high) {
			const middle = (low + high) >>> 1;
			if ((this.#sorted[middle] as T).phase < phase) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	/**
	 * Calls `visit` for each that has become due since the last call, in their order; once for those
	 * that were due more than once, as after a stop of the process.
	 */
	visitDue(now: number, visit: (due: T) => void): void {
		const since = Math.max(this.#until, now - this.#interval);
		if (now <= since) return;
		this.#until = now;
		const from = (since % this.#interval) / this.#interval;
		const to = (now % this.#interval) / this.#interval;
		const sorted = this.#sorted;
		const first = this.#from(from);
		const last = this.#from(to);
		const visitSlice = (begin: number, end: number) => {
			for (let at = begin; at < end; at++) visit(sorted[at] as T);
		};
		if (from < to) visitSlice(first, last);
		else {
			visitSlice(first, sorted.length);
			visitSlice(0, last);
		}
	}
}
