/** A first-in, first-out queue. */
class Queue<T> {
	#items: (T | undefined)[] = [];
	#head = 0;

	get length(): number {
		return this.#items.length - this.#head;
	}

	push(item: T): void {
		this.#items.push(item);
	}

	shift(): T | undefined {
		if (this.length === 0) return undefined;
		const item = this.#items[this.#head];
		this.#items[this.#head++] = undefined;
		// there is a queue for each host: an empty one must hold nothing
		if (this.length === 0) this.clear();
		else if (this.#head > 1_000 && this.#head * 2 > this.#items.length) {
			this.#items = this.#items.slice(this.#head);
			this.#head = 0;
		}
		return item;
	}

	clear(): void {
		this.#items = [];
		this.#head = 0;
	}
}

/** The work for the hosts behind one first hop: a bastion, or a host itself. */
export class HopLane<T> {
	/** For hosts that answer, and for those that do not. */
	readonly waiting = [new Queue<T>(), new Queue<T>()] as const;
	readonly running: [number, number] = [0, 0];
	/** Whether it stands in the line of those with work that may begin. */
	readonly isReady: [boolean, boolean] = [false, false];
}

/** Work for one host. */
export interface Job {
	/** The hop that it is sent to. */
	readonly lane: HopLane<this>;
	/** It did not answer in time the last time. */
	readonly isSlow: boolean;
	/** Where it runs: set by the lanes. */
	kind: 0 | 1;
	/** When it began, in milliseconds: set by the lanes. */
	begunAt: number;
}

const usual = 0;
const slow = 1;
type Kind = 0 | 1;

/** How many may run at a time. */
export interface LaneLimits {
	all: number;
	/** Behind one hop. */
	each: number;
	/** Of those that are slow, and those of them behind one hop. */
	allSlow: number;
	eachSlow: number;
	/** More than this that began as usual may not count as slow; 1,024 by default. */
	maxTurnedSlow?: number;
}

/** A job that takes longer counts as slow, and leaves its place to another one. */
export const slowMilliseconds = 1_000;

/**
 * Decides which jobs run. Jobs behind one hop wait in a line of their own, and the hops take turns,
 * so that a bastion with many hosts delays no others. Hosts that did not answer in time the last
 * time have places of their own: dead hosts delay only dead hosts.
 */
export class Lanes<T extends Job> {
	readonly #limits: LaneLimits;
	readonly #begin: (job: T) => Promise<void>;
	readonly #now: () => number;
	readonly #ready = [new Queue<HopLane<T>>(), new Queue<HopLane<T>>()] as const;
	readonly #count: [number, number] = [0, 0];
	readonly #running = new Set<T>();
	#waiting = 0;
	#isStopped = false;
	#wakeIdle: (() => void) | undefined;

	/** @param begin must not throw or reject */
	constructor(
		limits: LaneLimits,
		begin: (job: T) => Promise<void>,
		now: () => number = () => performance.now(),
	) {
		this.#limits = limits;
		this.#begin = begin;
		this.#now = now;
	}

	get waiting(): number {
		return this.#waiting;
	}

	get running(): number {
		return this.#running.size;
	}

	/** Whether a job that is not slow, and may begin, waits for a place. */
	get isFull(): boolean {
		return this.#ready[usual].length > 0;
	}

	isRunning(job: T): boolean {
		return this.#running.has(job);
	}

	/** Has a job run when there is a place. It must not be waiting or running. */
	add(job: T): void {
		if (this.#isStopped) return;
		const kind = job.isSlow ? slow : usual;
		job.lane.waiting[kind].push(job);
		this.#waiting++;
		this.#offer(job.lane, kind);
		this.#fill(kind);
	}

	#offer(lane: HopLane<T>, kind: Kind): void {
		const { each, eachSlow } = this.#limits;
		if (lane.isReady[kind] || lane.waiting[kind].length === 0) return;
		if (lane.running[kind] >= (kind === slow ? eachSlow : each)) return;
		lane.isReady[kind] = true;
		this.#ready[kind].push(lane);
	}

	#fill(kind: Kind): void {
		const limit = kind === slow ? this.#limits.allSlow : this.#limits.all;
		while (this.#count[kind] < limit) {
			const lane = this.#ready[kind].shift();
			if (!lane) return;
			lane.isReady[kind] = false;
			const job = lane.waiting[kind].shift();
			if (!job) continue;
			this.#waiting--;
			this.#start(job, kind);
			this.#offer(lane, kind);
		}
	}

	#start(job: T, kind: Kind): void {
		job.kind = kind;
		job.begunAt = this.#now();
		job.lane.running[kind]++;
		this.#count[kind]++;
		this.#running.add(job);
		const over = () => this.#over(job);
		this.#begin(job).then(over, over);
	}

	#over(job: T): void {
		const { kind, lane } = job;
		this.#running.delete(job);
		lane.running[kind]--;
		this.#count[kind]--;
		if (this.#running.size === 0) this.#wakeIdle?.();
		this.#offer(lane, kind);
		this.#fill(kind);
	}

	/** Call it several times a second: jobs that have become slow leave their places to others. */
	review(): void {
		const before = this.#now() - slowMilliseconds;
		const { maxTurnedSlow = 1_024 } = this.#limits;
		for (const job of this.#running) {
			// the oldest come first
			if (job.begunAt > before) break;
			if (job.kind === slow || this.#count[slow] >= maxTurnedSlow) continue;
			job.kind = slow;
			job.lane.running[usual]--;
			job.lane.running[slow]++;
			this.#count[usual]--;
			this.#count[slow]++;
			this.#offer(job.lane, usual);
		}
		this.#fill(usual);
	}

	/** Forgets the jobs that wait, begins no more, and resolves when none runs. */
	async stop(): Promise<void> {
		this.#isStopped = true;
		for (const kind of [usual, slow] as const) {
			for (
				let lane = this.#ready[kind].shift();
				lane;
				lane = this.#ready[kind].shift()
			) {
				lane.isReady[kind] = false;
				lane.waiting[kind].clear();
			}
		}
		for (const { lane } of this.#running)
			for (const queue of lane.waiting) queue.clear();
		this.#waiting = 0;
		if (this.#running.size > 0)
			await new Promise<void>((resolve) => {
				this.#wakeIdle = resolve;
			});
	}
}
