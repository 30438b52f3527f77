/** Number and length of the measurements. */
export interface Plan {
	/** Measurements of each contender, in alternation. */
	rounds: number;
	/** Length of one measurement. */
	seconds: number;
	/** Length of each contender's first measurement, which does not count: Node compiles hot code. */
	warmUpSeconds: number;
	/** Length of one measurement of latencies, at `askedPerSecond`. */
	latencySeconds: number;
	/** Number of starts of each program. */
	starts: number;
	/** Number of checks, and of relayed requests, between measurements of memory. */
	memoryRequests: number;
	memoryRounds: number;
	/** Measurements of each way in which Nagios checks, and about the length of one. */
	nagiosRounds: number;
	nagiosSeconds: number;
}

export const full: Plan = {
	rounds: 5,
	seconds: 2,
	warmUpSeconds: 5,
	latencySeconds: 8,
	starts: 11,
	memoryRequests: 10_000,
	memoryRounds: 3,
	nagiosRounds: 2,
	nagiosSeconds: 12,
};

export const quick: Plan = {
	rounds: 3,
	seconds: 1,
	warmUpSeconds: 4,
	latencySeconds: 4,
	starts: 5,
	memoryRequests: 10_000,
	memoryRounds: 1,
	nagiosRounds: 1,
	nagiosSeconds: 8,
};
