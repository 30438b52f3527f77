import { expose, type Family } from "../../src/protocol/exposition.ts";
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

/** What the page needs beside the status. */
export interface TargetState {
	figures: TargetFigures;
	counts: TargetCounts;
}

const family = (
	name: string,
	type: Family["type"],
	help: string,
	series: Family["series"],
): Family => ({ name: `happo_collector_${name}`, type, help, series });

/** A family of one series without labels. */
const one = (
	name: string,
	type: "counter" | "gauge",
	help: string,
	value: number,
) => family(name, type, help, [{ value }]);

/** The page for Prometheus, in its text format. */
export function metricsPage(
	status: CollectorStatus,
	states: readonly TargetState[],
): string {
	const { hosts, passes, targets } = status;
	const byReason = (failed: Record<FailureReason, number>) =>
		failureReasons.map((reason) => ({
			labels: { reason },
			value: failed[reason],
		}));
	const each = (value: (target: (typeof targets)[number]) => number) =>
		targets.map((target) => ({
			labels: { consumer: target.consumer },
			value: value(target),
		}));
	const byLabel = (
		label: string,
		values: (figures: TargetFigures) => Readonly<Record<string, number>>,
	) =>
		states.flatMap(({ figures }, at) =>
			Object.entries(values(figures)).map(([name, value]) => ({
				labels: { consumer: targets[at]?.consumer ?? "", [label]: name },
				value,
			})),
		);
	return expose(
		[
			{
				...{ name: "happo_collector", type: "info" },
				help: "Version of the collector.",
				series: [{ labels: { version: status.version }, value: 1 }],
			},
			one(
				"uptime_seconds",
				"gauge",
				"Time since the start.",
				status.uptime_seconds,
			),
			one(
				"interval_seconds",
				"gauge",
				"Time between two passes of a host.",
				status.interval_seconds,
			),
			one("hosts", "gauge", "Hosts in the list, and in this shard.", hosts.all),
			one(
				"hosts_answering",
				"gauge",
				"Hosts whose last pass succeeded.",
				hosts.answering,
			),
			family(
				"hosts_failing",
				"gauge",
				"Hosts whose last pass failed, by reason.",
				byReason(hosts.failing),
			),
			one(
				"hosts_left_out",
				"gauge",
				"Entries of the list that cannot be used.",
				hosts.left_out,
			),
			one(
				"hosts_list_failed",
				"gauge",
				"1 if the list could not be read the last time, otherwise 0.",
				hosts.problem === null ? 0 : 1,
			),
			one("passes_due", "counter", "Passes that were due.", passes.due),
			one(
				"passes_late",
				"counter",
				"Passes that were left out because the host's pass before had not ended.",
				passes.late,
			),
			one(
				"passes_succeeded",
				"counter",
				"Passes that succeeded.",
				passes.succeeded,
			),
			family(
				"passes_failed",
				"counter",
				"Passes that failed, by reason.",
				byReason(passes.failed),
			),
			one(
				"passes_waiting",
				"gauge",
				"Passes that wait for a place.",
				passes.waiting,
			),
			one(
				"passes_running",
				"gauge",
				"Passes that are running.",
				passes.running,
			),
			family(
				"batches_leased",
				"counter",
				"Batches that agents leased to the collector.",
				each((t) => t.batches_leased),
			),
			family(
				"batches_again",
				"counter",
				"Batches that came again before they were acknowledged.",
				each((t) => t.batches_again),
			),
			family(
				"batches_acknowledged",
				"counter",
				"Batches that agents were told to delete.",
				each((t) => t.batches_acknowledged),
			),
			family(
				"batches_unwritten",
				"counter",
				"Batches that could not be written; agents lease them again.",
				each((t) => t.batches_unwritten),
			),
			family(
				"leases_left_out",
				"counter",
				"Leases that were left out because the target had no room.",
				each((t) => t.leases_left_out),
			),
			family(
				"samples_written",
				"counter",
				"Samples that the store accepted.",
				each((t) => t.samples_written),
			),
			family(
				"samples_durable",
				"counter",
				"Accepted samples that may be acknowledged.",
				each((t) => t.samples_durable),
			),
			family(
				"samples_quarantined",
				"counter",
				"Samples that the store cannot take, by reason.",
				byLabel("reason", ({ quarantined }) => quarantined),
			),
			family(
				"samples_waiting",
				"gauge",
				"Samples that wait for the store.",
				each((t) => t.samples_waiting),
			),
			family(
				"held_bytes",
				"gauge",
				"Memory of samples that wait, or that are not durable yet.",
				states.map(({ figures }, at) => ({
					labels: { consumer: targets[at]?.consumer ?? "" },
					value: figures.heldBytes,
				})),
			),
			family(
				"requests",
				"counter",
				"Requests to the store, by its status.",
				byLabel("status", ({ requests }) => requests),
			),
			family(
				"sent_bytes",
				"counter",
				"Bytes of requests to the store.",
				states.map(({ figures }, at) => ({
					labels: { consumer: targets[at]?.consumer ?? "" },
					value: figures.sentBytes,
				})),
			),
			family(
				"store_restarts",
				"counter",
				"Restarts of the store that were noticed.",
				each((t) => t.restarts),
			),
			family(
				"store_promise",
				"gauge",
				"1 for what an acknowledgement stands for: restart-checked, logged or accepted.",
				targets.flatMap(({ consumer, promise }) =>
					promise === null ? [] : [{ labels: { consumer, promise }, value: 1 }],
				),
			),
			family(
				"oldest_unacknowledged_seconds",
				"gauge",
				"Time since the lease of the oldest batch that is not acknowledged; those that the store has kept count only if their hosts answer.",
				each((t) => t.oldest_unacknowledged_seconds),
			),
			family(
				"lag_seconds",
				"histogram",
				"Time from a sample's timestamp to its acceptance by the store.",
				states.flatMap(({ counts }, at) =>
					counts.lag.series({ consumer: targets[at]?.consumer ?? "" }),
				),
			),
			...queueFamilies(status.queue),
			one(
				"v1_samples_lost",
				"counter",
				"Samples that were drained from v1 (Go) and not written.",
				status.v1_samples_lost,
			),
			one(
				"hosts_short_leases",
				"gauge",
				"Hosts that grant shorter leases than the collector asks for.",
				status.short_leases,
			),
			one(
				"internal_errors",
				"counter",
				"Errors that nobody expected.",
				status.internal_errors,
			),
		],
		"text",
	);
}

/** The families of --queue. */
function queueFamilies(queue: QueueFigures | null): Family[] {
	if (!queue) return [];
	return [
		one(
			"queue_connected",
			"gauge",
			"1 if there is a connection to the queue, otherwise 0.",
			queue.isConnected ? 1 : 0,
		),
		one(
			"queue_published",
			"counter",
			"Hosts that this collector was the first to put into the queue.",
			queue.published,
		),
		one(
			"queue_duplicates",
			"counter",
			"Hosts that another collector had put into the queue before.",
			queue.duplicates,
		),
		one(
			"queue_failed",
			"counter",
			"Hosts that could not be put into the queue.",
			queue.failed,
		),
		one(
			"queue_taken",
			"counter",
			"Hosts that were taken from the queue.",
			queue.taken,
		),
		one(
			"queue_taken_again",
			"counter",
			"Hosts that were taken again, because another collector died or was too slow.",
			queue.again,
		),
	];
}
