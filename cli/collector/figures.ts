import { type FailureReason, failureReasons } from "./agent-calls.ts";
import { Histogram } from "./histogram.ts";
import type { QueueFigures } from "./queue.ts";
import type { StorePromise, TargetFigures } from "./write/target.ts";

/** Seconds from a sample's time to its acceptance by the store. */
const lagBounds = [
	1, 5, 15, 30, 45, 60, 75, 90, 120, 180, 300, 600, 1_800, 3_600, 86_400,
];

/** What is counted for one target. */
export class TargetCounts {
	/** Batches that were leased, and those that came again while they were held. */
	leased = 0;
	again = 0;
	/** Batches that were acknowledged. */
	acknowledged = 0;
	/** Leases that were left out because the target had no room. */
	full = 0;
	/** Batches that could not be written, and run out. */
	unwritten = 0;
	readonly lag = new Histogram(lagBounds);
}

/** What is counted for all hosts. */
export class Counts {
	/** Passes that were due. */
	due = 0;
	/** Passes that were left out because the one before had not ended. */
	late = 0;
	/** Passes that succeeded. */
	succeeded = 0;
	readonly failed: Record<FailureReason, number> = Object.fromEntries(
		failureReasons.map((reason) => [reason, 0]),
	) as Record<FailureReason, number>;
	/** Samples that were taken from v1 (Go) and not written. */
	lost = 0;
	/** Hosts that grant shorter leases than asked for. */
	short = 0;
	/** Errors that nobody expected. */
	internal = 0;
}

/** The state of a collector, as `happo-collector status --output json` prints it. */
export interface CollectorStatus {
	version: string;
	pid: number;
	uptime_seconds: number;
	interval_seconds: number;
	lease_seconds: number;
	shard: string;
	hosts: {
		/** In the list, and in this shard. */
		all: number;
		answering: number;
		/** Not asked yet. */
		new: number;
		failing: Record<FailureReason, number>;
		/** Not in the list any more, with batches to acknowledge. */
		leaving: number;
		/** Entries of the list that cannot be used. */
		left_out: number;
		/** Why the list could not be read the last time; null if it was. */
		problem: string | null;
	};
	passes: {
		due: number;
		late: number;
		succeeded: number;
		failed: Record<FailureReason, number>;
		waiting: number;
		running: number;
	};
	targets: {
		consumer: string;
		url: string;
		/** What an acknowledgement stands for; null until the store has answered. */
		promise: StorePromise | null;
		batches_leased: number;
		batches_again: number;
		batches_acknowledged: number;
		batches_unwritten: number;
		leases_left_out: number;
		samples_written: number;
		samples_durable: number;
		samples_quarantined: number;
		samples_waiting: number;
		/** Without what the store has kept and a failing host cannot be told. */
		oldest_unacknowledged_seconds: number;
		restarts: number;
	}[];
	/** Some of the hosts that fail: the longest first. */
	failing: {
		host: string;
		reason: FailureReason;
		message: string;
		seconds: number;
	}[];
	/** Null without --queue. */
	queue: QueueFigures | null;
	v1_samples_lost: number;
	short_leases: number;
	internal_errors: number;
}

/** What the metrics need beside the status. */
export interface TargetState {
	figures: TargetFigures;
	counts: TargetCounts;
}
