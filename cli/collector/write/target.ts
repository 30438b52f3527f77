import type { components } from "../../../generated/schema.ts";
import type { Log } from "../../../src/log.ts";
import { createLogRepeats, type LogRepeats } from "../../../src/log-repeats.ts";
import { BatchEncoder, bad } from "./batch-encoder.ts";
import { BatchProgress } from "./batch-progress.ts";
import { Deliveries } from "./delivery.ts";
import { HeldRequests } from "./held-requests.ts";
import { HostSeries } from "./host-series.ts";
import type { HostLabels, LabelSet } from "./label-sets.ts";
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
	/** The answer to `/metric/lease`. Only one without `batch_id` (of v1) is taken without room for it. */
	metrics: components["schemas"]["LeasedMetrics"];
	/** Size of that answer, in bytes of JSON. */
	bytes: number;
}

/** The end of a batch's way, as far as it waits for the store. */
export interface Written {
	/** Samples (single values) that the store has accepted, or has already. */
	accepted: number;
	/** Samples that are in the quarantine file. */
	quarantined: number;
	/** Times of the samples that were not kept from the store, in seconds since 1970, each once for its host. */
	times: readonly number[];
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
	/** Now: bytes of memory of both, and of the batches that come before them. */
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
	 * the quarantine file cannot be written, or too many batches wait: do not acknowledge it then.
	 */
	write(batch: HostBatch): Promise<Written>;
	/**
	 * Whether there is memory for another batch: look before a lease. There is none while the store is
	 * in trouble: until it recovers, the agents keep what they have.
	 */
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

/**
 * Bytes of memory that a byte of a batch's JSON takes until it is encoded: 2.3 to 2.5 for values with
 * usual names, 1.5 to 5.5 for others.
 */
const parsedFactor = 3;

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

/** Samples with the same labels, in order of time. */
interface Group {
	all: StoredSample[];
	/** Older than those that were sent before, or old. */
	late: StoredSample[];
	fresh: StoredSample[];
}

/** A batch that waits for memory. */
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
	readonly #hosts = new HostSeries();
	readonly #open: Readonly<Record<"fresh" | "late", Open>> = {
		fresh: emptyRequest(false),
		late: emptyRequest(true),
	};
	/** Batches that have not been acknowledged. */
	readonly #batches = new Set<BatchProgress>();
	readonly #sending = new Set<Promise<void>>();
	readonly #waiters: Waiter[] = [];
	#isClosed = false;
	/** Memory of the batches that are not encoded yet. */
	#parsedBytes = 0;
	/** Memory of the requests that are sent, or wait to be durable. */
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
		return (
			!this.#isClosed &&
			this.#watch.page !== undefined &&
			this.#gate.isOpen &&
			this.#heldBytes + this.#parsedBytes < this.#maxBytes
		);
	}

	async write(batch: HostBatch): Promise<Written> {
		this.#assertOpen();
		const { own, turn } = this.#hosts.of(batch);
		const encoded = this.#parsed(batch);
		const written = turn.last
			.then(() => this.#write(batch, own, encoded))
			.finally(encoded);
		turn.last = written.catch(() => {});
		return written;
	}

	/**
	 * Counts a batch's memory until the returned function is called. Throws if it is twice what there is
	 * room for, as leases were on their way when there was no room any more, and the batch can be
	 * leased again.
	 */
	#parsed({ host, metrics, bytes }: HostBatch): () => void {
		let parsed = bytes * parsedFactor;
		const before = this.#parsedBytes;
		if (
			metrics.batch_id !== null &&
			before > 0 &&
			before + parsed > 2 * this.#maxBytes
		)
			throw new Error(
				`${host}: ${bytes} bytes more than there is memory for: too many batches wait for the store`,
			);
		this.#parsedBytes += parsed;
		return () => {
			this.#parsedBytes -= parsed;
			parsed = 0;
		};
	}

	forget(key: string): void {
		this.#hosts.forget(key);
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
			heldBytes: this.#heldBytes + this.#parsedBytes,
			oldestHeldMilliseconds:
				oldestAt === undefined ? undefined : performance.now() - oldestAt,
			promise: this.#watch.promise,
		};
	}

	async close(withinMilliseconds: number): Promise<void> {
		if (this.#isClosed) return;
		this.#isClosed = true;
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
	}

	get #heldBytes(): number {
		const { fresh, late } = this.#open;
		return this.#bytes + fresh.request.size + late.request.size;
	}

	get #maxBytes(): number {
		return this.#options.maxHeldBytes ?? 67_108_864;
	}

	/** Waits until there is memory for what a batch becomes. */
	async #memory(): Promise<void> {
		while (this.#heldBytes >= this.#maxBytes)
			await new Promise<void>((admit, refuse) => {
				this.#waiters.push({ admit, refuse });
			});
	}

	/** One batch may be encoded, if there is memory. */
	#admit(): void {
		if (this.#heldBytes < this.#maxBytes) this.#waiters.shift()?.admit();
	}

	async #write(
		batch: HostBatch,
		own: HostLabels,
		encoded: () => void,
	): Promise<Written> {
		await this.#known();
		await this.#memory();
		const progress = new BatchProgress();
		// not the batch: what waits to be durable would hold it in memory
		const { host } = batch;
		this.#batches.add(progress);
		const done = () => this.#batches.delete(progress);
		progress.durable.then(done, done);
		try {
			const { groups, refused, times } = this.#sorted(batch, own, progress);
			const keep = (kept: readonly Quarantined[]) =>
				this.#keep(host, kept, progress);
			await keep(refused);
			// the older samples of a series must be written first
			for (const age of ["late", "fresh"] as const) {
				await progress.wave;
				await keep(this.#encode(host, groups, age, progress));
			}
			progress.encoded();
			encoded();
			this.#admit();
			await progress.settled;
			const { samples, quarantined, durable } = progress;
			return { accepted: samples - quarantined, quarantined, times, durable };
		} catch (error) {
			progress.failed(error as Error);
			this.#admit();
			throw error;
		}
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
		const times: number[] = [];
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
			times.push(timestamp);
			const isLate = timestamp < set.newest || timestamp < now - lateSeconds;
			let group = groups.get(set);
			if (!group) {
				group = { all: [], late: [], fresh: [] };
				groups.set(set, group);
			}
			group.all.push(sample);
			group[isLate ? "late" : "fresh"].push(sample);
		}
		return { groups, refused, times };
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
				const { samples, length } = open.request;
				if (samples < samplesOfRequest && length < bytesOfRequest) return;
				this.#flush(open);
				part = undefined;
			},
		};
		for (const [set, group] of groups)
			progress.samples += this.#encoder.encode(
				...([set, group[age], group.all, sink] as const),
				(one) => refused.push({ host, ...one }),
			);
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
			this.#admit();
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
			this.#admit();
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
	Number.isInteger(sample.timestamp) &&
	typeof sample.metrics === "object";
