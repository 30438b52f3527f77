import type { Hop } from "../../src/protocol/hop.ts";
import type { Called, FailureReason } from "./agent-calls.ts";
import { type ListedHost, placeOf } from "./host-list.ts";
import type { HopLane, Job } from "./lanes.ts";
import type { Scheduled } from "./schedule.ts";

/** A batch that is leased for a target and has not been acknowledged. */
export class HeldBatch {
	readonly id: string;
	/** When it was leased, in milliseconds of the monotonic clock. */
	readonly at: number;
	/** Size of the answer that brought it. */
	readonly bytes: number;
	/** The store has answered for it. */
	isWritten = false;
	/** It may be acknowledged. */
	isDurable = false;

	constructor(id: string, at: number, bytes: number) {
		this.id = id;
		this.at = at;
		this.bytes = bytes;
	}
}

/** What the collector knows about a host: one object for each of ten thousand. */
export class PolledHost implements Job, Scheduled, Called {
	readonly key: string;
	readonly name: string;
	readonly hops: readonly Hop[];
	readonly phase: number;
	readonly lane: HopLane<this>;
	labels: Readonly<Record<string, string>>;
	kind: 0 | 1 = 0;
	begunAt = 0;
	isSlow = false;
	/** A pass waits or runs. */
	isBusy = false;
	/** The next pass leases, and does not only acknowledge. */
	isDue = false;
	/** Called when the pass that waits or runs has ended; undefined if nobody waits for that. */
	ended: (() => void)[] | undefined;
	/** It is not in the list any more, and is only asked to acknowledge, until this time. */
	leavesAt: number | undefined;
	/** Why its last pass failed; undefined if it did not, or there was none. */
	failure: FailureReason | undefined;
	/** The reason in one line. */
	message = "";
	/** Since when it has answered or failed, in milliseconds of the monotonic clock. */
	since: number;
	hasAnswered = false;
	/** Passes left in which it is drained as v1 (Go) before a lease is tried again. */
	drainsLeft = 0;
	/** It grants leases that are shorter than asked for, which has been said. */
	isShort = false;
	/** Batches that are leased, by target; usually one each. */
	readonly held: HeldBatch[][];

	constructor(
		{ key, name, via, agent, labels }: ListedHost,
		{
			lane,
			targets,
			now,
		}: { lane: HopLane<PolledHost>; targets: number; now: number },
	) {
		this.key = key;
		this.name = name;
		this.hops = [...via, agent];
		this.phase = placeOf(key).phase;
		this.lane = lane as HopLane<this>;
		this.labels = labels;
		this.since = now;
		this.held = Array.from({ length: targets }, () => []);
	}

	/** Whether there is something to acknowledge. */
	get holdsDurable(): boolean {
		return this.held.some((batches) =>
			batches.some(({ isDurable }) => isDurable),
		);
	}

	get holds(): boolean {
		return this.held.some((batches) => batches.length > 0);
	}
}
