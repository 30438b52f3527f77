import type { components } from "../../../generated/schema.ts";
import type { Log } from "../../../src/log.ts";
import { createLogRepeats, type LogRepeats } from "../../../src/log-repeats.ts";
import { BatchEncoder, bad } from "./batch-encoder.ts";
import { BatchProgress } from "./batch-progress.ts";
import { Deliveries } from "./delivery.ts";
import { HeldRequests } from "./held-requests.ts";
import { badLabels, HostLabels, type LabelSet } from "./label-sets.ts";
import {
	type Quarantined,
	QuarantineFile,
	type QuarantineKind,
} from "./quarantine-file.ts";
import { labelTexts } from "./sent-series.ts";
import { createStore } from "./store.ts";
import { pause, StoreGate } from "./store-gate.ts";
import { StoreWatch } from "./store-watch.ts";
import { WriteRequest } from "./write-request.ts";

type StoredSample = components["schemas"]["StoredSample"];

/** What one lease of one agent brought. */
export interface HostBatch {
	/**
	 * Name of the agent in the list of hosts, which becomes the label `instance` unless `labels` has
	 * one. Batches of one host are written one after the other.
	 */
	host: string;
	/**
	 * What tells agents with one name apart, behind different bastions; by default the name. Two such
	 * agents need labels that differ.
	 */
	key?: string | undefined;
	/** Labels from the list of hosts, without those that begin with `__`. */
	labels: Readonly<Record<string, string>>;
	/** The answer to `/metric/lease`. */
	metrics: components["schemas"]["LeasedMetrics"];
}

/** The end of a batch's way, as far as it waits for the store. */
export interface Written {
	/** Samples (single values) that the store has accepted, or has already. */
	accepted: number;
	/** Samples that are in the quarantine file. */
	quarantined: number;
	/**
	 * Resolves when the batch may be acknowledged. If the store restarts before, the target writes
	 * the samples again and this takes longer. Rejects with TargetClosed if the target closes first:
	 * the batch stays leased, and the agent gives it to the next one who asks.
	 */
	durable: Promise<void>;
}

/** The target has been closed; what it held stays with the agents. */
export class TargetClosed extends Error {
	override name = "TargetClosed";
}

/** What a target counts; all numbers grow only, unless it is said otherwise. */
export interface TargetFigures {
	/** Samples that the store accepted, without those that were written again. */
	accepted: number;
	/** Accepted samples that may be acknowledged. */
	durable: number;
	/** Samples in the quarantine file, by kind of reason. */
	quarantined: Readonly<Record<string, number>>;
	/** Samples that were written again because the store had restarted. */
	again: number;
	/** Requests by the store's status; `error` if there was no answer. */
	requests: Readonly<Record<string, number>>;
	/** Bytes of request bodies, as sent. */
	sentBytes: number;
	/** Restarts of the store that were noticed. */
	restarts: number;
	/** Now: samples that wait for the store, and samples that wait to be durable. */
	waiting: number;
	held: number;
	/** Now: bytes of memory of both. */
	heldBytes: number;
	/** Now: since when the oldest accepted sample has not been durable, in milliseconds; undefined without any. */
	oldestHeldMilliseconds: number | undefined;
	/** Now: what an acknowledgement stands for; undefined until the store has answered. */
	promise: StorePromise | undefined;
}

/**
 * What "accepted" is worth:
 * - `restart-checked`: the store has run on for `ack-after` since it accepted the samples
 * - `logged`: the store has a write-ahead log and answers after writing to it (Prometheus), or
 *   `ack-after` is 0
 * - `accepted`: nobody can tell, because what answers is not the store (vmagent, a load balancer)
 */
export type StorePromise = "restart-checked" | "logged" | "accepted";

/** How to write to a store. */
export interface TargetOptions {
	/** The store's address for remote write 1.0; with user and password if it needs them. */
	url: URL;
	/** The consumer whose batches are written, for messages and the quarantine file. */
	consumer: string;
	/** PEM of the CAs that verify an `https` URL, instead of those that Node knows. */
	ca?: string | undefined;
	/** Has `http_proxy` and `no_proxy`; usually the environment of the process. */
	environment?: Readonly<Record<string, string | undefined>> | undefined;
	/** Seconds between acceptance and acknowledgement; by default 30, and 0 for Prometheus. */
	ackAfterSeconds?: number | undefined;
	/** File for samples that the store cannot take, one line of JSON each. */
	quarantineFile: string;
	/** Limit of its size in bytes, default 1 GiB. Beyond it, batches with such samples are not taken. */
	maxQuarantineBytes?: number | undefined;
	/** Limit of the memory for samples that wait, in bytes, default 64 MiB. */
	maxHeldBytes?: number | undefined;
	log: Pick<Log, "notice" | "warning" | "error">;
	/** Milliseconds since 1970, which tests replace. */
	now?: (() => number) | undefined;
}

/** A store that samples are written to. */
export interface Target {
	/**
	 * Writes the samples of a batch, together with those of others: resolves when the store or the
	 * quarantine file has the last one, however long that takes. Rejects with TargetClosed, and if
	 * the quarantine file cannot be written, or another host has the same labels: do not acknowledge
	 * it then.
	 */
	write(batch: HostBatch): Promise<Written>;
	/**
	 * Resolves when there is memory for another batch: wait for it before a lease. Rejects with
	 * TargetClosed, or with the reason of an aborted signal. It also waits while the store is in
	 * trouble: until it recovers, the agents keep what they have.
	 */
	room(signal?: AbortSignal): Promise<void>;
	/** Whether room() would resolve at once: no pass of a host waits for a target. */
	readonly hasRoom: boolean;
	/**
	 * Forgets a host that is not in the list any more.
	 * @param key the `key` of its batches
	 */
	forget(key: string): void;
	figures(): TargetFigures;
	/**
	 * Sends what is waiting and takes no more. Resolves when the store has it, or after the time.
	 * What is not durable by then is not acknowledged.
	 */
	close(withinMilliseconds: number): Promise<void>;
}

/** A request is sent when it has so many samples or bytes, or so long after its first sample. */
const samplesOfRequest = 10_000;
const bytesOfRequest = 4_194_304;
const requestMilliseconds = 1_000;

/** Samples that are older than this are late: the store may refuse them, and fresh ones with them. */
const lateSeconds = 300;

/** Bytes that a request takes beside its body. */
const overheadBytes = 2_000;

/** A lease without samples does not come back to us: its place is free again after this time. */
const reservationMilliseconds = 15_000;

/** A batch's series in a request. */
interface Part {
	host: string;
	progress: BatchProgress;
	/** The first series of it in the request. */
	fromSeries: number;
}

/** A request that is being filled. */
interface Open {
	request: WriteRequest;
	isLate: boolean;
	parts: Part[];
	timer: NodeJS.Timeout | undefined;
}

/** A host in the list. */
interface Host {
	labels: Readonly<Record<string, string>>;
	own: HostLabels;
	/** Ends when its last batch so far is written. */
	turn: Promise<unknown>;
}

/** Samples with the same labels, in order of time. */
interface Group {
	all: StoredSample[];
	/** Older than those that were sent before, or old. */
	late: StoredSample[];
	fresh: StoredSample[];
}

/** Somebody who waits for room. */
interface Waiter {
	admit(): void;
	refuse(error: Error): void;
}

/** Creates a target. Throws OptionsError if the URL's proxy or the CAs cannot be used. */
export const createTarget = (options: TargetOptions): Target =>
	new StoreTarget(options);

class StoreTarget implements Target {
	readonly #options: TargetOptions;
	readonly #now: () => number;
	readonly #stopping = new AbortController();
	readonly #repeats: LogRepeats;
	readonly #store: ReturnType<typeof createStore>;
	readonly #watch: StoreWatch;
	readonly #gate: StoreGate;
	readonly #deliveries: Deliveries;
	readonly #heldRequests: HeldRequests;
	readonly #quarantine: QuarantineFile;
	readonly #encoder = new BatchEncoder();
	readonly #hosts = new Map<string, Host>();
	/** The key of the host with each identity. */
	readonly #identities = new Map<string, string>();
	readonly #open: Readonly<Record<"fresh" | "late", Open>> = {
		fresh: emptyRequest(false),
		late: emptyRequest(true),
	};
	/** Batches that have not been acknowledged. */
	readonly #batches = new Set<BatchProgress>();
	readonly #sending = new Set<Promise<void>>();
	#waiters: Waiter[] = [];
	/** When each place that was given away is free again. */
	#reservations: number[] = [];
	#offering: NodeJS.Timeout | undefined;
	/** Bytes of a batch, on average. */
	#usualBytes = 8_192;
	#isClosed = false;
	#bytes = 0;
	#waiting = 0;
	#accepted = 0;
	#durable = 0;
	#again = 0;
	readonly #quarantined: Record<QuarantineKind, number> = {
		...{ name: 0, value: 0, labels: 0, time: 0, twice: 0, refused: 0 },
	};

	constructor(options: TargetOptions) {
		const { log, url, ca, environment, consumer } = options;
		const elapsed = () => performance.now();
		const { signal } = this.#stopping;
		this.#options = options;
		this.#now = options.now ?? Date.now;
		this.#repeats = createLogRepeats({ log });
		this.#store = createStore({ url, ca, environment, now: this.#now });
		const store = this.#store;
		const watch = new StoreWatch({
			...{ store, log, elapsed, now: this.#now },
			ackAfterSeconds: options.ackAfterSeconds,
		});
		this.#watch = watch;
		this.#gate = new StoreGate(elapsed);
		this.#deliveries = new Deliveries({
			...{ store, watch, signal, elapsed },
			...{ gate: this.#gate, repeats: this.#repeats },
		});
		this.#heldRequests = new HeldRequests({ watch, elapsed, signal });
		this.#quarantine = new QuarantineFile({
			path: options.quarantineFile,
			consumer,
			maxBytes: options.maxQuarantineBytes ?? 1_073_741_824,
			now: this.#now,
		});
		this.#known().catch(() => {});
	}

	get hasRoom(): boolean {
		return !this.#isClosed && this.#waiters.length === 0 && this.#hasPlace;
	}

	async write(batch: HostBatch): Promise<Written> {
		this.#assertOpen();
		this.#reservations.shift();
		const host = this.#hostOf(batch);
		const written = host.turn.then(() => this.#write(batch, host));
		host.turn = written.catch(() => {});
		return written;
	}

	async room(signal?: AbortSignal): Promise<void> {
		this.#assertOpen();
		signal?.throwIfAborted();
		await new Promise<void>((resolve, reject) => {
			const leave = () => {
				this.#waiters = this.#waiters.filter((other) => other !== waiter);
				reject(signal?.reason);
			};
			const waiter = {
				admit() {
					signal?.removeEventListener("abort", leave);
					resolve();
				},
				refuse: reject,
			};
			signal?.addEventListener("abort", leave);
			this.#waiters.push(waiter);
			this.#offer();
		});
	}

	forget(key: string): void {
		const known = this.#hosts.get(key);
		if (!known) return;
		this.#hosts.delete(key);
		this.#identities.delete(known.own.identity);
	}

	figures(): TargetFigures {
		const { oldestAt, samples } = this.#heldRequests;
		return {
			accepted: this.#accepted,
			durable: this.#durable,
			quarantined: { ...this.#quarantined },
			again: this.#again,
			requests: { ...this.#deliveries.requests },
			sentBytes: this.#deliveries.sentBytes,
			restarts: this.#watch.restarts,
			waiting: this.#waiting,
			held: samples,
			heldBytes: this.#heldBytes,
			oldestHeldMilliseconds:
				oldestAt === undefined ? undefined : performance.now() - oldestAt,
			promise: this.#watch.promise,
		};
	}

	async close(withinMilliseconds: number): Promise<void> {
		if (this.#isClosed) return;
		this.#isClosed = true;
		clearTimeout(this.#offering);
		const closed = new TargetClosed("the target is closed");
		for (const waiter of this.#waiters.splice(0)) waiter.refuse(closed);
		for (const open of Object.values(this.#open)) this.#flush(open);
		await Promise.race([
			Promise.allSettled([...this.#sending]),
			pause(withinMilliseconds, this.#stopping.signal),
		]);
		this.#stopping.abort(closed);
		this.#store.close();
		for (const progress of this.#batches) progress.failed(closed);
		await Promise.allSettled([...this.#sending]);
	}

	#assertOpen(): void {
		if (this.#isClosed) throw new TargetClosed("the target is closed");
	}

	/** Waits until the store has said what it is. */
	async #known(): Promise<void> {
		if (this.#watch.page) return;
		await this.#deliveries.ready();
		// it may have been away until now, and only those who have room write
		this.#gate.alive();
		this.#offer();
	}

	get #heldBytes(): number {
		const { fresh, late } = this.#open;
		return this.#bytes + fresh.request.size + late.request.size;
	}

	get #maxBytes(): number {
		return this.#options.maxHeldBytes ?? 67_108_864;
	}

	/** Whether there is room for one more, and a store to take it. */
	get #hasPlace(): boolean {
		const now = performance.now();
		while ((this.#reservations[0] ?? now) < now) this.#reservations.shift();
		const reserved = this.#reservations.length * this.#usualBytes;
		return (
			this.#watch.page !== undefined &&
			this.#gate.isOpen &&
			this.#heldBytes + reserved < this.#maxBytes
		);
	}

	/** Admits as many as there is room for. */
	#offer(): void {
		while (this.#waiters.length > 0 && this.#hasPlace) {
			this.#reservations.push(performance.now() + reservationMilliseconds);
			this.#waiters.shift()?.admit();
		}
		if (this.#waiters.length === 0 || this.#offering || this.#isClosed) return;
		this.#offering = setTimeout(() => {
			this.#offering = undefined;
			this.#offer();
		}, 1_000);
	}

	#hostOf({ host, key = host, labels }: HostBatch): Host {
		const known = this.#hosts.get(key);
		if (known?.labels === labels) return known;
		const complaint = badLabels(labels);
		if (complaint) throw new Error(`${host}: ${complaint}`);
		const own = new HostLabels(host, labels);
		if (
			known?.own.identity === own.identity &&
			sameTexts(known.labels, labels)
		) {
			known.labels = labels;
			return known;
		}
		const other = this.#identities.get(own.identity);
		if (other !== undefined && other !== key)
			throw new Error(
				`${host}: has the labels of ${other}: give one of them an instance of its own`,
			);
		if (known) this.#identities.delete(known.own.identity);
		this.#identities.set(own.identity, key);
		const added = { labels, own, turn: known?.turn ?? Promise.resolve() };
		this.#hosts.set(key, added);
		return added;
	}

	async #write(batch: HostBatch, { own }: Host): Promise<Written> {
		await this.#known();
		// ahead of those who have not leased anything yet
		if (this.#heldBytes >= this.#maxBytes)
			await new Promise<void>((admit, refuse) => {
				this.#waiters.unshift({ admit, refuse });
			});
		const progress = new BatchProgress();
		// not the batch: what waits to be durable would hold it in memory
		const { host } = batch;
		this.#batches.add(progress);
		const done = () => this.#batches.delete(progress);
		progress.durable.then(done, done);
		try {
			const { groups, refused } = this.#sorted(batch, own, progress);
			const keep = (kept: readonly Quarantined[]) =>
				this.#keep(host, kept, progress);
			await keep(refused);
			// the older samples of a series must be written first
			for (const age of ["late", "fresh"] as const) {
				await progress.wave;
				await keep(this.#encode(host, groups, age, progress));
			}
			progress.encoded();
			await progress.settled;
		} catch (error) {
			progress.failed(error as Error);
			throw error;
		}
		const { samples, quarantined, durable } = progress;
		return { accepted: samples - quarantined, quarantined, durable };
	}

	/** Sorts the samples of a batch by labels and time, and leaves out those that the store drops. */
	#sorted(
		{ host, metrics }: HostBatch,
		own: HostLabels,
		progress: BatchProgress,
	) {
		const page = this.#watch.page;
		const now = this.#watch.now() / 1_000;
		const oldest = Math.max(0, now - (page?.maxAgeSeconds ?? 0));
		const newest = now + (page?.maxAheadSeconds ?? 0);
		const groups = new Map<LabelSet, Group>();
		const refused: Quarantined[] = [];
		const data = metrics.metric_data ?? [];
		if (!Array.isArray(data) || !data.every(isSample))
			throw new Error(`${host}: leased what are no samples`);
		const ordered =
			data.length > 1
				? data.toSorted((one, other) => one.timestamp - other.timestamp)
				: data;
		for (const sample of ordered) {
			const { hostname, timestamp } = sample;
			const set = own.of(hostname);
			const complaint = set.complaint(page?.maxLabels ?? 0);
			const isInTime = timestamp >= oldest && timestamp <= newest;
			if (complaint !== undefined || !isInTime) {
				const kind = complaint === undefined ? "time" : "labels";
				const reason =
					complaint ?? "the store would drop it for its time without a word";
				for (const [name, value] of Object.entries(sample.metrics ?? {})) {
					const one = bad(kind, reason, set, name, value, timestamp * 1_000);
					refused.push({ host, ...one });
					progress.samples++;
				}
				continue;
			}
			const isLate = timestamp < set.newest || timestamp < now - lateSeconds;
			let group = groups.get(set);
			if (!group) {
				group = { all: [], late: [], fresh: [] };
				groups.set(set, group);
			}
			group.all.push(sample);
			group[isLate ? "late" : "fresh"].push(sample);
		}
		return { groups, refused };
	}

	/** Puts samples into a request. Returns those that cannot be written. */
	#encode(
		host: string,
		groups: ReadonlyMap<LabelSet, Group>,
		age: "late" | "fresh",
		progress: BatchProgress,
	): Quarantined[] {
		const refused: Quarantined[] = [];
		const open = this.#open[age];
		this.#stopping.signal.throwIfAborted();
		this.#encoder.begin();
		let part: Part | undefined;
		let bytes = 0;
		const sink = {
			request: () => {
				const { request } = open;
				if (!part) {
					part = { host, progress, fromSeries: request.series };
					open.parts.push(part);
					progress.partSent();
				}
				return request;
			},
			added: () => {
				const { samples, length, size } = open.request;
				if (samples < samplesOfRequest && length < bytesOfRequest) return;
				bytes += size;
				this.#flush(open);
				part = undefined;
			},
		};
		const before = open.request.size;
		for (const [set, group] of groups)
			progress.samples += this.#encoder.encode(
				...([set, group[age], group.all, sink] as const),
				(one) => refused.push({ host, ...one }),
			);
		bytes += open.request.size - before;
		this.#usualBytes += (Math.max(0, bytes) - this.#usualBytes) / 64;
		if (open.request.series > 0)
			open.timer ??= setTimeout(() => this.#flush(open), requestMilliseconds);
		return refused;
	}

	/** Sends a request, and begins the next one. */
	#flush(open: Open): void {
		clearTimeout(open.timer);
		open.timer = undefined;
		const { request, parts, isLate } = open;
		const { samples } = request;
		if (samples === 0) return;
		const body = request.take();
		open.parts = [];
		this.#dispatch({ body, samples, parts, isLate, isAgain: false });
	}

	#dispatch(sent: Sent): void {
		this.#bytes += sent.body.length + overheadBytes;
		this.#waiting += sent.samples;
		const sending = this.#deliver(sent).catch((error) => {
			for (const { progress } of sent.parts) progress.failed(error);
			this.#bytes -= sent.body.length + overheadBytes;
		});
		this.#sending.add(sending);
		void sending.then(() => {
			this.#waiting -= sent.samples;
			this.#sending.delete(sending);
			this.#offer();
		});
	}

	async #deliver({ body, samples, parts, isLate, isAgain }: Sent) {
		const delivered = await this.#deliveries.deliver(body, isLate);
		const { body: taken, refused, process, seriesLeft } = delivered;
		const acceptedAt = performance.now();
		const accepted = samples - refused.length;
		if (isAgain) this.#again += accepted;
		else this.#accepted += accepted;
		const byPart = new Map<Part, Quarantined[]>();
		for (const { sample, reason } of refused) {
			const { series, labels, value, time } = sample;
			const part = parts.findLast(({ fromSeries }) => fromSeries <= series);
			if (!part) continue;
			const list = byPart.get(part) ?? [];
			byPart.set(part, list);
			list.push({
				...{ kind: "refused", reason, host: part.host, value, time },
				labels: labelTexts(labels),
			});
		}
		for (const part of parts) {
			const kept = byPart.get(part) ?? [];
			await this.#keep(part.host, kept, part.progress).catch((error) =>
				part.progress.failed(error),
			);
			if (!isAgain) part.progress.partSettled();
		}
		const bytes = taken?.length ?? 0;
		this.#bytes += bytes - body.length;
		const release = () => {
			this.#bytes -= bytes + overheadBytes;
			this.#offer();
		};
		const durable = () => {
			release();
			this.#durable += accepted;
			for (const { progress } of parts) progress.partDurable();
		};
		if (!taken) return durable();
		this.#heldRequests.add({
			...{ body: taken, samples: accepted, process, acceptedAt, durable },
			again: () => {
				release();
				this.#dispatch({
					...{ body: taken, samples: accepted, isLate, isAgain: true },
					// its series are fewer now, if some were refused
					parts: parts.map((part) => ({
						...part,
						fromSeries: seriesLeft(part.fromSeries),
					})),
				});
			},
		});
	}

	/** Writes samples to the quarantine file. */
	async #keep(
		host: string,
		kept: readonly Quarantined[],
		progress: BatchProgress,
	): Promise<void> {
		const [first] = kept;
		if (!first) return;
		await this.#quarantine.keep(kept);
		progress.quarantined += kept.length;
		for (const { kind } of kept) this.#quarantined[kind]++;
		const { kind, reason, labels } = first;
		const file = this.#options.quarantineFile;
		const { place } = this.#store;
		// a plugin's mistake comes from every host that runs it
		this.#repeats.wrong(`${place} quarantine`, {
			kind: `${kind} ${reason}`,
			level: kind === "name" ? "error" : "warning",
			lines: [
				`${place}: samples are written to ${file} instead, such as ${labels.__name__} of ${host}: ${reason}`,
			],
		});
	}
}

/** A request that is sent. */
interface Sent {
	body: Uint8Array;
	samples: number;
	parts: readonly Part[];
	isLate: boolean;
	/** The store had accepted it and may have lost it. */
	isAgain: boolean;
}

const emptyRequest = (isLate: boolean): Open => ({
	...{ request: new WriteRequest(), isLate, parts: [], timer: undefined },
});

/** Whether an agent has sent a sample: clients do not check the answers of each one. */
const isSample = (sample: StoredSample): boolean =>
	typeof sample === "object" &&
	sample !== null &&
	typeof sample.hostname === "string" &&
	Number.isSafeInteger(sample.timestamp) &&
	typeof sample.metrics === "object";

const sameTexts = (
	one: Readonly<Record<string, string>>,
	other: Readonly<Record<string, string>>,
) => {
	const names = Object.keys(one);
	return (
		names.length === Object.keys(other).length &&
		names.every((name) => one[name] === other[name])
	);
};
