/** How long and how often is measured. */
export interface Plan {
	/** Measurements of each contender, taken in turns. */
	rounds: number;
	/** Of one measurement. */
	seconds: number;
	/** Of the first one of each contender, which does not count: Node compiles what runs often. */
	warmUpSeconds: number;
	/** Of one measurement of latencies, at `askedPerSecond`. */
	latencySeconds: number;
	/** Of each start, and of each command beside it. */
	starts: number;
	/** Checks, and as many relayed requests, before memory is looked at again. */
	memoryRequests: number;
	memoryRounds: number;
}

export const full: Plan = {
	rounds: 5,
	seconds: 2,
	warmUpSeconds: 5,
	latencySeconds: 8,
	starts: 11,
	memoryRequests: 10_000,
	memoryRounds: 3,
};

export const quick: Plan = {
	rounds: 3,
	seconds: 1,
	warmUpSeconds: 4,
	latencySeconds: 4,
	starts: 5,
	memoryRequests: 10_000,
	memoryRounds: 1,
};
