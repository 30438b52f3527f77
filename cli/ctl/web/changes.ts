import { setTimeout as pause } from "node:timers/promises";

/** Numbers changes, and wakes those who wait for one. */
export class Changes {
	#revision = 0;
	#waiting = new Set<() => void>();

	/** The number of a new change. Whoever waits wakes up. */
	next(): number {
		const waiting = this.#waiting;
		this.#waiting = new Set();
		for (const wake of waiting) wake();
		return ++this.#revision;
	}

	/** Waits for some time, in which more may change. Does not reject if the signal aborts. */
	gather(milliseconds: number, signal: AbortSignal): Promise<void> {
		return pause(milliseconds, undefined, { signal }).catch(() => {});
	}

	/** Waits for the next change, for some time at most. Does not reject if the signal aborts. */
	async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
		const done = new AbortController();
		const wake = () => done.abort();
		this.#waiting.add(wake);
		try {
			await pause(milliseconds, undefined, {
				signal: AbortSignal.any([signal, done.signal]),
			});
		} catch (error) {
			if (!done.signal.aborted && !signal.aborted) throw error;
		} finally {
			this.#waiting.delete(wake);
		}
	}
}
