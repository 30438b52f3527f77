import type { components } from "../../../generated/schema.ts";
import type { Log } from "../../../src/log.ts";
import type { Timers } from "../../../src/ticker.ts";

/** What one lease of one agent brought. */
export interface HostBatch {
	/**
	 * Name of the agent in the list of hosts, which becomes the label `instance` unless `labels` has
	 * one. Batches of one host are written one after the other.
	 */
	host: string;
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
	log: Pick<Log, "info" | "notice" | "warning" | "error">;
	/** Clock and timers, which tests replace. */
	timers?: Timers | undefined;
	/** Milliseconds since 1970, which tests replace. */
	now?: (() => number) | undefined;
}

/** A store that samples are written to. */
export interface Target {
	/**
	 * Writes the samples of a batch, together with those of others: resolves when the store or the
	 * quarantine file has the last one, however long that takes. Rejects with TargetClosed, and if
	 * the quarantine file cannot be written: do not acknowledge it then.
	 */
	write(batch: HostBatch): Promise<Written>;
	/**
	 * Resolves when there is memory for another batch: wait for it before a lease. Rejects with
	 * TargetClosed, or with the reason of an aborted signal.
	 */
	room(signal?: AbortSignal): Promise<void>;
	/** Whether room() would resolve at once: no pass of a host waits for a target. */
	readonly hasRoom: boolean;
	/** Forgets a host that is not in the list any more. */
	forget(host: string): void;
	figures(): TargetFigures;
	/**
	 * Sends what is waiting and takes no more. Resolves when the store has it, or after the time.
	 * What is not durable by then is not acknowledged.
	 */
	close(withinMilliseconds: number): Promise<void>;
}
