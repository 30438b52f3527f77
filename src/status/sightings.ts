/** However rarely something comes, it stays this long. */
const minLifetimeMilliseconds = 600_000;
/** After a longer gap, what comes back is new. */
const maxIntervalMilliseconds = 86_400_000;
/** It may stay away for two turns. */
const lifetimeIntervals = 3;

/**
 * When something was last seen, and whether it is stale: after ten minutes, or three of its
 * intervals if that is longer. Nobody tells the interval, so it is the longest gap of late: a gap
 * counts until three times its length has passed. So a check that comes every hour stays, also if
 * it comes every minute while it fails.
 */
export class Sightings {
	/** Monotonic milliseconds, arbitrary origin. */
	lastAt: number;
	#interval = 0;
	#intervalCountsUntil = 0;

	constructor(now: number) {
		this.lastAt = now;
	}

	again(now: number): void {
		const gap = now - this.lastAt;
		this.lastAt = now;
		if (gap > maxIntervalMilliseconds) return;
		if (gap < this.#interval && now < this.#intervalCountsUntil) return;
		this.#interval = gap;
		this.#intervalCountsUntil = now + lifetimeIntervals * gap;
	}

	isStale(now: number): boolean {
		const lifetime = Math.max(
			minLifetimeMilliseconds,
			lifetimeIntervals * this.#interval,
		);
		return now - this.lastAt > lifetime;
	}
}
