import { setTimeout as pause } from "node:timers/promises";
import { version } from "../../generated/version.ts";
import type { Log } from "../../src/log.ts";
import { createLogRepeats, type LogRepeats } from "../../src/log-repeats.ts";
import { hopText } from "../../src/protocol/hop.ts";
import {
	type AgentCalls,
	batchSeconds,
	CallFailure,
	type FailureReason,
	failureReasons,
	type Leased,
} from "./agent-calls.ts";
import {
	type CollectorStatus,
	Counts,
	TargetCounts,
	type TargetState,
} from "./figures.ts";
import type { ListedHost } from "./host-list.ts";
import { HopLane, type LaneLimits, Lanes, slowMilliseconds } from "./lanes.ts";
import { HeldBatch, PolledHost } from "./polled-host.ts";
import type { DueQueue } from "./queue.ts";
import { Schedule } from "./schedule.ts";
import { type HostBatch, type Target, TargetClosed } from "./write/target.ts";

/** A target, and the name under which agents know who takes their metrics for it. */
export interface NamedTarget {
	consumer: string;
	/** For people, without a password. */
	url: string;
	target: Target;
}

export interface CollectorOptions {
	calls: AgentCalls;
	targets: readonly NamedTarget[];
	intervalSeconds: number;
	leaseSeconds: number;
	/** For people: `2/5`. */
	shard: string;
	/** Whether to drain hosts that have no leases, which can lose what it takes. */
	drainsV1: boolean;
	limits: LaneLimits;
	log: Pick<Log, "info" | "warning" | "error">;
	/** Shares the hosts that are due with other collectors; without it each host is asked here. */
	queue?: DueQueue | undefined;
}

/** Leases of one pass for one target, for hosts that have more than a batch. */
const maxRounds = 16;

/** An answer of this size was probably cut: there is more. */
const largeBytes = 4 * 1024 * 1024;

/** Batches of one host that wait to be acknowledged; it leases no more then. */
const maxHeld = 64;

/**
 * Bytes of a host's batches that wait for the store's answer; it leases no more then, as they are
 * written one after the other.
 */
const maxUnwrittenBytes = 512 * 1024;

/** Passes between two trials whether a host that is drained has leases now. */
const drainsBetweenTrials = 30;

/** How often the schedule is asked, in milliseconds. */
const tickMilliseconds = 100;

/** The schedule follows the system's clock when it differs by more than this. */
const maxAheadMilliseconds = 1_000;

/** Hosts named in the status. */
const maxNamed = 100;

/** Failures of one consumer at a host; the passes for others go on. */
const ofConsumer: ReadonlySet<FailureReason> = new Set(["consumer", "refused"]);

/**
 * Polls hosts and writes what they lease to the targets.
 *
 * An agent gives a batch to nobody else while its lease runs, and to the next one who asks, under
 * the same id, when the lease has ended. Only an acknowledgement deletes it. So the collector may
 * forget a batch at any time, and it may acknowledge one at any time after it was written: also
 * late, and also if another collector has leased it meanwhile, because that one writes the same
 * samples and acknowledges the same id.
 */
export class Collector {
	readonly #options: CollectorOptions;
	readonly #lanes: Lanes<PolledHost>;
	readonly #schedule: Schedule<PolledHost>;
	readonly #counts = new Counts();
	readonly #repeats: LogRepeats;
	readonly #targetCounts: readonly TargetCounts[];
	readonly #started = performance.now();
	/** The schedule's clock: hosts keep their times over a restart. */
	#origin = Date.now() - performance.now();
	#hosts = new Map<string, PolledHost>();
	/** Hosts that are not in the list any more, and hold batches. */
	#leaving = new Map<string, PolledHost>();
	#lanesByHop = new Map<string, HopLane<PolledHost>>();
	#leftOut = 0;
	#problem: string | null = null;
	#ticking: NodeJS.Timeout | undefined;
	#isStopping = false;

	constructor(options: CollectorOptions) {
		this.#options = options;
		this.#repeats = createLogRepeats({ log: options.log });
		this.#targetCounts = options.targets.map(() => new TargetCounts());
		this.#lanes = new Lanes(options.limits, (host) => this.#pass(host));
		this.#schedule = new Schedule(
			options.intervalSeconds * 1000,
			this.#scheduleNow(),
		);
	}

	#scheduleNow(): number {
		return this.#origin + performance.now();
	}

	/** Begins to poll. */
	start(): void {
		this.#ticking = setInterval(() => this.#tick(), tickMilliseconds);
		this.#options.queue?.start({
			take: (key) => this.#taken(key),
			isFull: () => this.#lanes.isFull,
		});
	}

	#tick(): void {
		const ahead = Date.now() - this.#scheduleNow();
		if (Math.abs(ahead) > maxAheadMilliseconds) {
			this.#origin += ahead;
			this.#schedule.restart(this.#scheduleNow());
		}
		const now = this.#scheduleNow();
		this.#schedule.visitDue(now, (host) => this.#due(host, now));
		this.#lanes.review();
	}

	#due(host: PolledHost, now: number): void {
		const { queue } = this.#options;
		if (host.leavesAt !== undefined) {
			this.#forgetIfDone(host);
			if (this.#leaving.has(host.key)) this.#add(host);
		} else if (queue) {
			queue.publish(host.key, this.#schedule.numberOf(host, now));
			// what could not be acknowledged at once
			if (host.holdsDurable) this.#add(host);
		} else this.#ask(host);
	}

	/** Has a host asked for its metrics. */
	#ask(host: PolledHost): void {
		this.#counts.due++;
		if (host.isBusy) this.#counts.late++;
		host.isDue = true;
		this.#add(host);
	}

	/** The queue says that a host is due. Resolves when it was asked, or cannot be. */
	#taken(key: string): Promise<void> {
		const host = this.#hosts.get(key);
		// the list here may be older or newer than that of another collector
		if (!host || this.#isStopping) return Promise.resolve();
		this.#ask(host);
		return new Promise((resolve) => {
			host.ended ??= [];
			host.ended.push(resolve);
		});
	}

	#add(host: PolledHost): void {
		if (host.isBusy || this.#isStopping) return;
		host.isBusy = true;
		this.#lanes.add(host);
	}

	/**
	 * Replaces the hosts. What a host that has left still holds is acknowledged.
	 * @param leftOut entries of the list that cannot be used
	 */
	setHosts(listed: readonly ListedHost[], leftOut: number): void {
		const now = performance.now();
		const { targets, leaseSeconds, intervalSeconds } = this.#options;
		const before = this.#hosts;
		const lanes = this.#lanesByHop;
		this.#hosts = new Map();
		this.#lanesByHop = new Map();
		this.#leftOut = leftOut;
		const laneOf = (hop: string) => {
			const lane = lanes.get(hop) ?? this.#lanesByHop.get(hop) ?? new HopLane();
			this.#lanesByHop.set(hop, lane);
			return lane;
		};
		for (const host of listed) {
			const known = before.get(host.key) ?? this.#leaving.get(host.key);
			const lane = laneOf(hopText(host.via[0] ?? host.agent));
			if (known) {
				known.leavesAt = undefined;
				known.labels = host.labels;
			}
			this.#hosts.set(
				host.key,
				known ?? new PolledHost(host, { lane, targets: targets.length, now }),
			);
			before.delete(host.key);
			this.#leaving.delete(host.key);
		}
		for (const host of before.values()) {
			host.leavesAt = now + (leaseSeconds + intervalSeconds) * 1000;
			this.#leaving.set(host.key, host);
		}
		for (const host of [...this.#leaving.values()]) this.#forgetIfDone(host);
		this.#schedule.set([...this.#hosts.values(), ...this.#leaving.values()]);
	}

	/** Forgets a host that has left the list, once it holds nothing or its time has passed. */
	#forgetIfDone(host: PolledHost): void {
		const isInTime = performance.now() < (host.leavesAt ?? 0);
		if (host.isBusy || (host.holds && isInTime)) return;
		// the schedule names it until the next list
		if (!this.#leaving.delete(host.key)) return;
		if (host.isShort) this.#counts.short--;
		for (const { target } of this.#options.targets) target.forget(host.key);
	}

	/** The list of hosts could not be read, and those of the last one stay; undefined: it can again. */
	listFailed(problem: string | undefined): void {
		this.#problem = problem ?? null;
	}

	/** One pass: acknowledges what may be, then leases what there is. Never rejects. */
	async #pass(host: PolledHost): Promise<void> {
		let failure: CallFailure | undefined;
		const { isDue } = host;
		host.isDue = false;
		try {
			for (const at of this.#options.targets.keys())
				try {
					await this.#acknowledge(host, at);
				} catch (error) {
					failure ??= onlyConsumer(error);
				}
			if (isDue && host.leavesAt === undefined && !this.#isStopping)
				await this.#take(host, (error) => {
					failure ??= onlyConsumer(error);
				});
		} catch (error) {
			if (error instanceof CallFailure) failure = error;
			else {
				this.#counts.internal++;
				this.#options.log.error(
					`internal error: ${(error as Error)?.stack ?? error}`,
				);
			}
		}
		host.isBusy = false;
		// one that answers slowly needs no place of its own: it loses the usual one after a second
		host.isSlow =
			failure !== undefined &&
			performance.now() - host.begunAt > slowMilliseconds;
		if (isDue || failure) this.#passed(host, failure);
		// it became due while it only acknowledged: whoever waits for that goes on waiting
		if (host.isDue && !this.#isStopping) return this.#add(host);
		const { ended } = host;
		host.ended = undefined;
		for (const tell of ended ?? []) tell();
		if (!failure) this.#acknowledgeSoon(host);
	}

	/** With a queue, the next pass is perhaps another collector's: what is durable must not wait. */
	#acknowledgeSoon(host: PolledHost): void {
		if (this.#options.queue && host.holdsDurable) this.#add(host);
	}

	/** Counts a pass, and logs it if the host's state has changed. */
	#passed(host: PolledHost, failure: CallFailure | undefined): void {
		const { log } = this.#options;
		if (failure) this.#counts.failed[failure.reason]++;
		else this.#counts.succeeded++;
		if (
			host.hasAnswered &&
			stateFor(failure?.reason) === stateFor(host.failure)
		) {
			host.failure = failure?.reason;
			if (failure) host.message = failure.message;
			return;
		}
		const now = performance.now();
		const seconds = Math.round((now - host.since) / 1000);
		if (failure)
			log.warning(`host ${host.name}: ${failure.message}`, {
				reason: failure.reason,
			});
		else if (host.failure)
			log.info(`host ${host.name}: works again after ${seconds} s`);
		host.failure = failure?.reason;
		host.message = failure?.message ?? "";
		host.hasAnswered = true;
		host.since = now;
	}

	/** Acknowledges what is durable. */
	async #acknowledge(host: PolledHost, at: number): Promise<void> {
		const held = host.held[at] as HeldBatch[];
		const { consumer } = this.#options.targets[at] as NamedTarget;
		// more may become durable meanwhile; they have the next pass
		for (const batch of held.filter(({ isDurable }) => isDurable)) {
			await this.#options.calls.acknowledge(host, consumer, batch.id);
			remove(held, batch);
			(this.#targetCounts[at] as TargetCounts).acknowledged++;
		}
	}

	/** Leases for each target, or drains v1 (Go). */
	async #take(
		host: PolledHost,
		refused: (error: unknown) => void,
	): Promise<void> {
		if (host.drainsLeft > 0) {
			host.drainsLeft--;
			return this.#drain(host);
		}
		for (const at of this.#options.targets.keys())
			try {
				await this.#lease(host, at);
			} catch (error) {
				if (
					this.#options.drainsV1 &&
					error instanceof CallFailure &&
					error.reason === "v1"
				) {
					host.drainsLeft = drainsBetweenTrials;
					return this.#drain(host);
				}
				refused(error);
			}
	}

	/** Leases what a host has for a target. */
	async #lease(host: PolledHost, at: number): Promise<void> {
		const { calls, leaseSeconds } = this.#options;
		const { consumer, target } = this.#options.targets[at] as NamedTarget;
		const counts = this.#targetCounts[at] as TargetCounts;
		const held = host.held[at] as HeldBatch[];
		for (let round = 0; ; round++) {
			const hasRoom =
				target.hasRoom && unwrittenBytes(held) < maxUnwrittenBytes;
			if (!hasRoom) counts.full++;
			if (
				!hasRoom ||
				held.length >= maxHeld ||
				round === maxRounds ||
				this.#isStopping
			)
				return;
			const leased = await calls.lease(host, consumer);
			const { batch_id: id, seconds } = leased.answer;
			if (id === null) return;
			if (seconds !== null) this.#granted(host, seconds, leaseSeconds);
			const known = held.find((batch) => batch.id === id);
			if (known) counts.again++;
			else this.#write(host, at, id, leased);
			if (!known && !this.#hasMore(leased)) return;
		}
	}

	/** Says once that a host ends leases before their batches are acknowledged. */
	#granted(host: PolledHost, seconds: number, wanted: number): void {
		if (host.isShort === seconds < wanted) return;
		host.isShort = seconds < wanted;
		this.#counts.short += host.isShort ? 1 : -1;
		if (host.isShort)
			this.#options.log.warning(
				`host ${host.name}: grants leases of ${seconds} s and not ${wanted} s: raise its setting metric-max-lease-seconds, or batches are sent more than once`,
			);
	}

	/** Whether a batch is probably not the last one. */
	#hasMore({ answer, bytes }: Leased): boolean {
		const samples = answer.metric_data ?? [];
		if (samples.length >= batchSeconds || bytes >= largeBytes) return true;
		const newest = samples.at(-1)?.timestamp ?? 0;
		// after a pass that failed, or if it is one that another collector had leased
		return newest * 1000 < Date.now() - 2_000 * this.#options.intervalSeconds;
	}

	#write(host: PolledHost, at: number, id: string, leased: Leased): void {
		const { answer, bytes } = leased;
		const { target } = this.#options.targets[at] as NamedTarget;
		const counts = this.#targetCounts[at] as TargetCounts;
		const held = host.held[at] as HeldBatch[];
		const batch = new HeldBatch(id, performance.now(), bytes);
		held.push(batch);
		counts.leased++;
		const samples = answer.metric_data ?? [];
		if (samples.length === 0) {
			// retention has deleted all of it since the first lease
			batch.isWritten = true;
			batch.isDurable = true;
			return;
		}
		target
			.write(batchOf(host, answer, bytes))
			.then(({ durable, times }) => {
				batch.isWritten = true;
				const now = Date.now();
				for (const time of times)
					counts.lag.observe(Math.max(0, now / 1000 - time));
				return durable;
			})
			.then(
				() => {
					batch.isDurable = true;
					this.#acknowledgeSoon(host);
				},
				(error) => {
					// its lease runs out, and then it comes again
					remove(held, batch);
					counts.unwritten++;
					if (!(error instanceof TargetClosed))
						this.#unwritten(host, at, error);
				},
			);
	}

	/** Others of the host may be written in between, so it is not said again when they are. */
	#unwritten(host: PolledHost, at: number, error: unknown): void {
		const { consumer } = this.#options.targets[at] as NamedTarget;
		const line = `consumer ${consumer}: a batch of ${host.name} could not be written: ${(error as Error).message}`;
		this.#repeats.wrong(`${consumer} ${host.key}`, {
			...{ kind: "unwritten", level: "error", lines: [line] },
		});
	}

	/** Takes what v1 (Go) has, which deletes it at once. */
	async #drain(host: PolledHost): Promise<void> {
		const { targets, calls } = this.#options;
		// what cannot be written now stays there
		if (!targets.every(({ target }) => target.hasRoom)) {
			for (const counts of this.#targetCounts) counts.full++;
			return;
		}
		const { metric_data, bytes } = await calls.drain(host);
		if (metric_data === null || metric_data.length === 0) return;
		const answer = {
			...{ batch_id: null, expires_at: null, seconds: null },
			...{ metric_data, message: "" },
		};
		for (const [at, { target }] of targets.entries())
			target
				.write(batchOf(host, answer, bytes))
				.then(({ durable }) => durable)
				.catch((error) => {
					this.#counts.lost += metric_data.length;
					this.#unwritten(host, at, error);
				});
	}

	/** What each target counts. */
	states(): TargetState[] {
		return this.#options.targets.map(({ target }, at) => ({
			figures: target.figures(),
			counts: this.#targetCounts[at] as TargetCounts,
		}));
	}

	status(states: readonly TargetState[] = this.states()): CollectorStatus {
		const now = performance.now();
		const { targets, intervalSeconds, leaseSeconds, shard } = this.#options;
		const failing = Object.fromEntries(
			failureReasons.map((reason) => [reason, 0]),
		) as Record<FailureReason, number>;
		const named: PolledHost[] = [];
		let unasked = 0;
		const oldest = targets.map(() => now);
		for (const host of [...this.#hosts.values(), ...this.#leaving.values()]) {
			const hasLeft = host.leavesAt !== undefined;
			for (const [at, batches] of host.held.entries()) {
				// what is durable waits for the host then, and not for the store
				const first = batches.find(
					({ isDurable }) => !isDurable || !(hasLeft || host.failure),
				);
				oldest[at] = Math.min(oldest[at] ?? now, first?.at ?? now);
			}
			if (hasLeft) continue;
			if (host.failure) {
				failing[host.failure]++;
				named.push(host);
			} else if (!host.hasAnswered) unasked++;
		}
		return {
			version,
			pid: process.pid,
			uptime_seconds: Math.round((now - this.#started) / 1000),
			interval_seconds: intervalSeconds,
			lease_seconds: leaseSeconds,
			shard,
			hosts: {
				all: this.#hosts.size,
				answering: this.#hosts.size - named.length - unasked,
				new: unasked,
				failing,
				leaving: this.#leaving.size,
				left_out: this.#leftOut,
				problem: this.#problem,
			},
			passes: {
				due: this.#counts.due,
				late: this.#counts.late,
				succeeded: this.#counts.succeeded,
				failed: { ...this.#counts.failed },
				waiting: this.#lanes.waiting,
				running: this.#lanes.running,
			},
			targets: targets.map(({ consumer, url }, at) => {
				const { figures, counts } = states[at] as TargetState;
				return {
					consumer,
					url,
					promise: figures.promise ?? null,
					batches_leased: counts.leased,
					batches_again: counts.again,
					batches_acknowledged: counts.acknowledged,
					batches_unwritten: counts.unwritten,
					leases_left_out: counts.full,
					samples_written: figures.accepted,
					samples_durable: figures.durable,
					samples_quarantined: Object.values(figures.quarantined).reduce(
						(sum, count) => sum + count,
						0,
					),
					samples_waiting: figures.waiting,
					oldest_unacknowledged_seconds: Math.round(
						(now - (oldest[at] ?? now)) / 1000,
					),
					restarts: figures.restarts,
				};
			}),
			failing: named
				.toSorted((a, b) => a.since - b.since)
				.slice(0, maxNamed)
				.map(({ name, failure, message, since }) => ({
					host: name,
					reason: failure as FailureReason,
					message,
					seconds: Math.round((now - since) / 1000),
				})),
			queue: this.#options.queue?.figures() ?? null,
			v1_samples_lost: this.#counts.lost,
			short_leases: this.#counts.short,
			internal_errors: this.#counts.internal,
		};
	}

	/**
	 * Stops to poll, has the targets write what they hold, and acknowledges what is durable. The rest
	 * stays leased.
	 * @param withinMilliseconds the longest time for all of it
	 */
	async stop(withinMilliseconds: number): Promise<void> {
		const deadline = performance.now() + withinMilliseconds;
		const left = () => Math.max(0, deadline - performance.now());
		this.#isStopping = true;
		clearInterval(this.#ticking);
		this.#options.queue?.stop();
		const idle = new AbortController();
		const timeUp = pause(left() / 3, undefined, { signal: idle.signal });
		await Promise.race([this.#lanes.stop(), timeUp.catch(() => {})]);
		idle.abort();
		const { targets } = this.#options;
		await Promise.all(
			targets.map(({ target }) => target.close(Math.ceil(left() / 2))),
		);
		const hosts = [...this.#hosts.values(), ...this.#leaving.values()].filter(
			(host) =>
				!this.#lanes.isRunning(host) &&
				host.failure === undefined &&
				host.held.some((batches) => batches.some(({ isDurable }) => isDurable)),
		);
		const acknowledging = new Lanes<PolledHost>(
			this.#options.limits,
			async (host) => {
				if (left() > 0) await this.#pass(host);
			},
		);
		for (const host of hosts) acknowledging.add(host);
		while (acknowledging.waiting + acknowledging.running > 0 && left() > 0)
			await pause(10);
	}
}

/** A host that is away is unreachable in one pass and too late in the next: to the log that is one. */
const stateFor = (reason: FailureReason | undefined) =>
	reason === "timeout" ? "unreachable" : reason;

function remove<T>(from: T[], item: T): void {
	const at = from.indexOf(item);
	if (at !== -1) from.splice(at, 1);
}

/** The failure if it is one of the consumer; throws any other error. */
function onlyConsumer(error: unknown): CallFailure {
	if (error instanceof CallFailure && ofConsumer.has(error.reason))
		return error;
	throw error;
}

/** What a target gets. */
const batchOf = (
	{ name, key, labels }: PolledHost,
	metrics: HostBatch["metrics"],
	bytes: number,
): HostBatch => ({ host: name, key, labels, metrics, bytes });

/** Bytes of the batches that the store has not answered for. */
const unwrittenBytes = (held: readonly HeldBatch[]) =>
	held.reduce((sum, { isWritten, bytes }) => sum + (isWritten ? 0 : bytes), 0);
