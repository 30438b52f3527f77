import {
	expose,
	type Family,
	type MetricType,
	type Series,
} from "../../src/protocol/exposition.ts";
import { type FailureReason, failureReasons } from "./agent-calls.ts";
import type { CollectorStatus, TargetState } from "./figures.ts";
import type { QueueFigures } from "./queue.ts";
import type { TargetFigures } from "./write/target.ts";

/** What the page is made of. */
interface Shown {
	status: CollectorStatus;
	states: readonly TargetState[];
}

/** A metric of the page: its name without prefix, its type, its help, and its value or series. */
type Row<T> = readonly [
	name: string,
	type: MetricType,
	help: string,
	value: (of: T) => number | Series[],
];

const byReason = (failed: Record<FailureReason, number>) =>
	failureReasons.map((reason) => ({
		labels: { reason },
		value: failed[reason],
	}));

/** A series for each target, of its status. */
const each =
	(value: (target: CollectorStatus["targets"][number]) => number) =>
	({ status: { targets } }: Shown) =>
		targets.map((target) => ({
			labels: { consumer: target.consumer },
			value: value(target),
		}));

/** The series of each target, of what it counts itself. */
const ofStates =
	(series: (state: TargetState, consumer: string) => Series[]) =>
	({ status: { targets }, states }: Shown) =>
		states.flatMap((state, at) => series(state, targets[at]?.consumer ?? ""));

/** A series for each name in the figures of each target. */
const byLabel = (
	label: string,
	values: (figures: TargetFigures) => Readonly<Record<string, number>>,
) =>
	ofStates(({ figures }, consumer) =>
		Object.entries(values(figures)).map(([name, value]) => ({
			labels: { consumer, [label]: name },
			value,
		})),
	);

/** A series for each target, of its figures. */
const eachFigure = (value: (figures: TargetFigures) => number) =>
	ofStates(({ figures }, consumer) => [
		{ labels: { consumer }, value: value(figures) },
	]);

const table: readonly Row<Shown>[] = [
	[
		"",
		"info",
		"Version of the collector.",
		({ status: { version } }) => [{ labels: { version }, value: 1 }],
	],
	[
		"uptime_seconds",
		"gauge",
		"Time since the start.",
		({ status }) => status.uptime_seconds,
	],
	[
		"interval_seconds",
		"gauge",
		"Time between two passes of a host.",
		({ status }) => status.interval_seconds,
	],
	[
		"hosts",
		"gauge",
		"Hosts in the list, and in this shard.",
		({ status: { hosts } }) => hosts.all,
	],
	[
		"hosts_answering",
		"gauge",
		"Hosts whose last pass succeeded.",
		({ status: { hosts } }) => hosts.answering,
	],
	[
		"hosts_failing",
		"gauge",
		"Hosts whose last pass failed, by reason.",
		({ status: { hosts } }) => byReason(hosts.failing),
	],
	[
		"hosts_left_out",
		"gauge",
		"Entries of the list that cannot be used.",
		({ status: { hosts } }) => hosts.left_out,
	],
	[
		"hosts_list_failed",
		"gauge",
		"1 if the list could not be read the last time, otherwise 0.",
		({ status: { hosts } }) => (hosts.problem === null ? 0 : 1),
	],
	[
		"passes_due",
		"counter",
		"Passes that were due.",
		({ status: { passes } }) => passes.due,
	],
	[
		"passes_late",
		"counter",
		"Passes that were left out because the host's pass before had not ended.",
		({ status: { passes } }) => passes.late,
	],
	[
		"passes_succeeded",
		"counter",
		"Passes that succeeded.",
		({ status: { passes } }) => passes.succeeded,
	],
	[
		"passes_failed",
		"counter",
		"Passes that failed, by reason.",
		({ status: { passes } }) => byReason(passes.failed),
	],
	[
		"passes_waiting",
		"gauge",
		"Passes that wait for a place.",
		({ status: { passes } }) => passes.waiting,
	],
	[
		"passes_running",
		"gauge",
		"Passes that are running.",
		({ status: { passes } }) => passes.running,
	],
	[
		"batches_leased",
		"counter",
		"Batches that agents leased to the collector.",
		each((target) => target.batches_leased),
	],
	[
		"batches_again",
		"counter",
		"Batches that came again before they were acknowledged.",
		each((target) => target.batches_again),
	],
	[
		"batches_acknowledged",
		"counter",
		"Batches that agents were told to delete.",
		each((target) => target.batches_acknowledged),
	],
	[
		"batches_unwritten",
		"counter",
		"Batches that could not be written; agents lease them again.",
		each((target) => target.batches_unwritten),
	],
	[
		"leases_left_out",
		"counter",
		"Leases that were left out because the target had no room.",
		each((target) => target.leases_left_out),
	],
	[
		"samples_written",
		"counter",
		"Samples that the store accepted.",
		each((target) => target.samples_written),
	],
	[
		"samples_durable",
		"counter",
		"Accepted samples that may be acknowledged.",
		each((target) => target.samples_durable),
	],
	[
		"samples_quarantined",
		"counter",
		"Samples that the store cannot take, by reason.",
		byLabel("reason", ({ quarantined }) => quarantined),
	],
	[
		"samples_waiting",
		"gauge",
		"Samples that wait for the store.",
		each((target) => target.samples_waiting),
	],
	[
		"held_bytes",
		"gauge",
		"Memory of samples that wait, or that are not durable yet.",
		eachFigure(({ heldBytes }) => heldBytes),
	],
	[
		"requests",
		"counter",
		"Requests to the store, by its status.",
		byLabel("status", ({ requests }) => requests),
	],
	[
		"sent_bytes",
		"counter",
		"Bytes of requests to the store.",
		eachFigure(({ sentBytes }) => sentBytes),
	],
	[
		"store_restarts",
		"counter",
		"Restarts of the store that were noticed.",
		each((target) => target.restarts),
	],
	[
		"store_promise",
		"gauge",
		"1 for what an acknowledgement stands for: restart-checked, logged or accepted.",
		({ status: { targets } }) =>
			targets.flatMap(({ consumer, promise }) =>
				promise === null ? [] : [{ labels: { consumer, promise }, value: 1 }],
			),
	],
	[
		"oldest_unacknowledged_seconds",
		"gauge",
		"Time since the lease of the oldest batch that is not acknowledged; those that the store has kept count only if their hosts answer.",
		each((target) => target.oldest_unacknowledged_seconds),
	],
	[
		"lag_seconds",
		"histogram",
		"Time from a sample's timestamp to its acceptance by the store.",
		ofStates(({ counts }, consumer) => counts.lag.series({ consumer })),
	],
	[
		"v1_samples_lost",
		"counter",
		"Samples that were drained from v1 (Go) and not written.",
		({ status }) => status.v1_samples_lost,
	],
	[
		"hosts_short_leases",
		"gauge",
		"Hosts that grant shorter leases than the collector asks for.",
		({ status }) => status.short_leases,
	],
	[
		"internal_errors",
		"counter",
		"Errors that nobody expected.",
		({ status }) => status.internal_errors,
	],
];

/** Metrics of --queue. */
const queueTable: readonly Row<QueueFigures>[] = [
	[
		"queue_connected",
		"gauge",
		"1 if there is a connection to the queue, otherwise 0.",
		({ isConnected }) => (isConnected ? 1 : 0),
	],
	[
		"queue_published",
		"counter",
		"Hosts that this collector was the first to put into the queue.",
		({ published }) => published,
	],
	[
		"queue_duplicates",
		"counter",
		"Hosts that another collector had put into the queue before.",
		({ duplicates }) => duplicates,
	],
	[
		"queue_failed",
		"counter",
		"Hosts that could not be put into the queue.",
		({ failed }) => failed,
	],
	[
		"queue_taken",
		"counter",
		"Hosts that were taken from the queue.",
		({ taken }) => taken,
	],
	[
		"queue_taken_again",
		"counter",
		"Hosts that were taken again, because another collector died or was too slow.",
		({ again }) => again,
	],
];

const familiesOf = <T>(rows: readonly Row<T>[], of: T): Family[] =>
	rows.map(([name, type, help, value]) => {
		const found = value(of);
		return {
			name: name === "" ? "happo_collector" : `happo_collector_${name}`,
			...{ type, help },
			series: typeof found === "number" ? [{ value: found }] : found,
		};
	});

/** The page for Prometheus, in its text format. */
export function metricsPage(
	status: CollectorStatus,
	states: readonly TargetState[],
): string {
	const { queue } = status;
	return expose(
		[
			...familiesOf(table, { status, states }),
			...(queue ? familiesOf(queueTable, queue) : []),
		],
		"text",
	);
}
