import type { LogRepeats } from "../../../src/log-repeats.ts";
import { requestOf, type SentSample, sentSamples } from "./sent-series.ts";
import type { Store, StoreAnswer } from "./store.ts";
import { pause, pauseBefore, type StoreGate } from "./store-gate.ts";
import type { StoreWatch } from "./store-watch.ts";

/** A sample that the store has refused by itself. */
export interface Refused {
	sample: SentSample;
	reason: string;
}

/** What has become of a request. */
export interface Delivered {
	/** What the store has accepted, compressed; undefined if nothing. */
	body: Uint8Array | undefined;
	refused: readonly Refused[];
	/** How many of the first so many series are in `body`. */
	seriesLeft(first: number): number;
	/** The start time of the process that has accepted it; undefined if there were several. */
	process: number | undefined;
}

/** Statuses that are about the data: it would be refused again. */
const refusals: ReadonlySet<number> = new Set([400, 409, 413, 422]);

/** Times that a request may be answered 500 while others pass. */
const maxErrors = 3;

/** A store that takes longer holds more in memory than `ack-after` allows for. */
const slowMilliseconds = 10_000;

/** Sends requests until the store has taken them, and finds the samples that it does not take. */
export class Deliveries {
	readonly #store: Store;
	readonly #watch: StoreWatch;
	readonly #gate: StoreGate;
	readonly #signal: AbortSignal;
	readonly #elapsed: () => number;
	readonly #repeats: LogRepeats;
	/** Answers by status; `error` for none. */
	readonly requests: Record<string, number> = {};
	sentBytes = 0;

	constructor(parts: {
		store: Store;
		watch: StoreWatch;
		gate: StoreGate;
		signal: AbortSignal;
		elapsed: () => number;
		repeats: LogRepeats;
	}) {
		this.#store = parts.store;
		this.#watch = parts.watch;
		this.#gate = parts.gate;
		this.#signal = parts.signal;
		this.#elapsed = parts.elapsed;
		this.#repeats = parts.repeats;
	}

	/**
	 * Delivers a compressed request, however long that takes. Rejects with the signal's reason.
	 * @param isLate whether its samples are late
	 */
	async deliver(body: Uint8Array, isLate: boolean): Promise<Delivered> {
		const { passes } = this.#gate;
		const answer = await this.#send(
			...([body, isLate, () => sentSamples(body), passes] as const),
		);
		if (answer.reason === undefined)
			return {
				...{ body, refused: [], process: answer.process },
				seriesLeft: (first) => first,
			};
		const halving = new Halving((samples) =>
			this.#send(
				...([requestOf(samples), isLate, () => samples, passes] as const),
				// a part is halved again after one 500; a single sample is not given up so soon
				samples.length === 1 ? maxErrors : 1,
			),
		);
		await halving.settle(sentSamples(body), answer.reason);
		const { accepted, refused, processes } = halving;
		const [process] = processes;
		const series = new Set(accepted.map((sample) => sample.series));
		return {
			seriesLeft: (first) => [...series].filter((one) => one < first).length,
			body: accepted.length > 0 ? requestOf(accepted) : undefined,
			refused,
			process: processes.size === 1 ? process : undefined,
		};
	}

	/**
	 * Sends a request until the store accepts it, or refuses it with a reason.
	 * @param samples what it consists of
	 * @param passes how many requests had passed before the first attempt
	 * @param attempts how often it may be answered 500
	 */
	async #send(
		body: Uint8Array,
		isLate: boolean,
		samples: () => readonly SentSample[],
		passes: number,
		attempts = maxErrors,
	): Promise<{ reason: string | undefined; process: number | undefined }> {
		let errors = 0;
		for (;;) {
			const { answer, process } = await this.#post(body, isLate);
			const { status, reason } = answer;
			if (status >= 200 && status < 300) return { reason: undefined, process };
			if (refusals.has(status)) return { reason, process: undefined };
			if (status !== 500) continue;
			if (++errors >= attempts) {
				if (this.#gate.passes === passes) await this.#probe(samples(), isLate);
				if (this.#gate.passes > passes) return { reason, process: undefined };
			}
			await this.#pause(pauseBefore(errors, answer));
		}
	}

	/**
	 * Finds out whether the store accepts anything, with smaller and smaller parts of a request that
	 * it answers with 500: there may be no other requests.
	 */
	async #probe(samples: readonly SentSample[], isLate: boolean) {
		let part = samples;
		while (part.length > 1) {
			const half = Math.ceil(part.length / 2);
			part = Math.random() < 0.5 ? part.slice(0, half) : part.slice(half);
			const { answer } = await this.#post(requestOf(part), isLate);
			if (answer.status !== 500) return;
		}
	}

	/** Sends a request once, when the store is ready for it. */
	async #post(
		body: Uint8Array,
		isLate: boolean,
	): Promise<{ answer: StoreAnswer; process: number | undefined }> {
		await this.#gate.enter(isLate);
		try {
			await this.ready();
			this.#watch.refresh();
			const { process } = this.#watch;
			const sentAt = this.#elapsed();
			const answer = await this.#store.post(body);
			this.#signal.throwIfAborted();
			this.#count(answer, body, sentAt);
			return { answer, process };
		} finally {
			this.#gate.leave(isLate);
		}
	}

	/** Waits until the store answers again after a failure, and its process is known. */
	async ready(): Promise<void> {
		for (;;) {
			this.#signal.throwIfAborted();
			const closed = this.#gate.closedMilliseconds;
			if (closed > 0) {
				await this.#pause(closed);
				continue;
			}
			if (this.#watch.page && this.#gate.isOpen) break;
			const readAt = this.#elapsed();
			if (await this.#watch.read()) break;
			this.#failed(undefined, readAt);
		}
		// a timer may fire slightly early
		while (this.#watch.settlingMilliseconds > 0)
			await this.#pause(Math.ceil(this.#watch.settlingMilliseconds));
	}

	async #pause(milliseconds: number): Promise<void> {
		if (milliseconds > 0) await pause(milliseconds, this.#signal);
		this.#signal.throwIfAborted();
	}

	#count(answer: StoreAnswer, body: Uint8Array, sentAt: number): void {
		const { status } = answer;
		const key = status === 0 ? "error" : String(status);
		this.requests[key] = (this.requests[key] ?? 0) + 1;
		this.sentBytes += body.length;
		if (status >= 200 && status < 300) {
			this.#gate.accepted();
			this.#repeats.right(this.#store.place, this.#store.place);
			this.#sayIfSlow(this.#elapsed() - sentAt);
		} else if (refusals.has(status)) this.#gate.alive();
		else this.#failed(answer, sentAt);
	}

	/** Says that the promise of a store that keeps what it accepts in memory first is weak now. */
	#sayIfSlow(milliseconds: number): void {
		const { place } = this.#store;
		if (
			milliseconds < slowMilliseconds ||
			this.#watch.promise !== "restart-checked"
		)
			return;
		this.#repeats.wrong(`${place} slow`, {
			kind: "slow",
			level: "warning",
			lines: [
				`${place}: the store took ${Math.round(milliseconds / 1_000)} s for a request: its disk is probably too slow, and samples that are acknowledged may be lost if it is killed (--ack-after)`,
			],
		});
	}

	#failed(answer: StoreAnswer | undefined, sentAt: number): void {
		this.#gate.failed(answer, sentAt);
		const { place } = this.#store;
		const status = answer?.status ?? 0;
		this.#repeats.wrong(place, {
			kind: String(status),
			// whoever answers so needs other settings; the rest passes
			level:
				status >= 300 && status < 500 && status !== 429 ? "error" : "warning",
			lines: [
				status === 0
					? `${place}: the store does not answer: ${answer?.reason ?? "no page /metrics"}`
					: `${place}: the store answers ${status}: ${answer?.reason}`,
			],
		});
	}
}

/**
 * What is out of the store's bounds for its time is so in every series: what is older than the sample
 * that was refused, or what is later if the reason is the future, as newer versions of Prometheus say.
 * Where else the word occurs, it may belong to the name of a series, and the reason says nothing.
 */
const outOfBounds = /out of bounds/i;
const inFuture = /out of bounds: timestamp is too far in the future/i;
const perhapsInFuture = /future/i;

/** A time that the store has refused. */
interface Bound {
	/** In milliseconds since 1970. */
	time: number;
	reason: string;
}

/** Halves a refused request until each refused sample is alone. */
class Halving {
	readonly accepted: SentSample[] = [];
	readonly refused: Refused[] = [];
	readonly processes = new Set<number | undefined>();
	readonly #send: (
		samples: readonly SentSample[],
	) => Promise<{ reason: string | undefined; process: number | undefined }>;
	/** Samples up to this time are too old for the store. */
	#past: Bound | undefined;
	/** Samples from this time on are too far ahead. */
	#future: Bound | undefined;

	constructor(
		send: (
			samples: readonly SentSample[],
		) => Promise<{ reason: string | undefined; process: number | undefined }>,
	) {
		this.#send = send;
	}

	/**
	 * Finds out what the store takes of samples that it has refused together. They are in order of
	 * series, then of time, and stay so: otherwise Prometheus would refuse good ones for their order.
	 */
	async settle(samples: readonly SentSample[], reason: string): Promise<void> {
		const [first] = samples;
		if (!first) return;
		if (samples.length === 1) {
			this.refused.push({ sample: first, reason });
			if (outOfBounds.test(reason)) this.#bound({ time: first.time, reason });
			return;
		}
		const half = Math.ceil(samples.length / 2);
		for (const part of [samples.slice(0, half), samples.slice(half)])
			await this.#try(part);
	}

	#bound(found: Bound): void {
		const { time, reason } = found;
		if (inFuture.test(reason)) {
			if (time < (this.#future?.time ?? Infinity)) this.#future = found;
			return;
		}
		if (perhapsInFuture.test(reason)) return;
		if (time > (this.#past?.time ?? -1)) this.#past = found;
	}

	/** Why the store refuses everything of this time; undefined if nobody knows. */
	#reasonOf(time: number): string | undefined {
		if (this.#past && time <= this.#past.time) return this.#past.reason;
		if (this.#future && time >= this.#future.time) return this.#future.reason;
		return undefined;
	}

	async #try(part: readonly SentSample[]): Promise<void> {
		const left: SentSample[] = [];
		for (const sample of part) {
			const known = this.#reasonOf(sample.time);
			if (known === undefined) left.push(sample);
			else this.refused.push({ sample, reason: known });
		}
		if (left.length === 0) return;
		const { reason, process } = await this.#send(left);
		if (reason !== undefined) return this.settle(left, reason);
		this.processes.add(process);
		for (const sample of left) this.accepted.push(sample);
	}
}
