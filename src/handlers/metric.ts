import { setImmediate as nextTurn } from "node:timers/promises";
import type { Handlers } from "../../generated/handlers.ts";
import { AgentError } from "../agent-error.ts";
import type { Body } from "../operation.ts";
import { partsOf } from "../store/keys.ts";
import type { Lease } from "../store/lease-book.ts";
import { type MetricBuffer, plainConsumer } from "../store/metric-buffer.ts";
import type { BatchLimits } from "../store/selection.ts";

/** Of stored values in one answer; as JSON they have about as many. */
const mostAnswerBytes = 8 * 1024 * 1024;

/** Values looked at before other requests have their turn. */
const valuesInTurn = 10_000;

/** What one answer holds at most; the original's sixty seconds of arrival. */
const limits = (seconds: number | null | undefined): BatchLimits => ({
	seconds: seconds ?? 60,
	bytes: mostAnswerBytes,
});

/** Samples as the original answers them: `null` when there are none. */
const answered = <T>(samples: readonly T[]) => ({
	metric_data: samples.length > 0 ? [...samples] : null,
	message: "",
});

/** The first value that is no number of JSON: `1e400` is read as infinity. */
async function checkFinite(
	samples: NonNullable<Body<"appendMetrics">["metric_data"]>,
) {
	let sinceTurn = 0;
	for (const [index, { metrics }] of samples.entries()) {
		for (const name of Object.keys(metrics)) {
			sinceTurn++;
			if (Number.isFinite(metrics[name])) continue;
			throw new AgentError(
				"bad-request",
				`metric_data[${index}].metrics.${name}: out of range`,
			);
		}
		if (sinceTurn < valuesInTurn) continue;
		sinceTurn = 0;
		await nextTurn();
	}
}

/** A lease in the contract's words. */
function shownLease({ lease, left }: { lease: Lease; left: number }) {
	const seconds = lease.keys.map((key) => partsOf(key).seconds);
	return {
		batch_id: lease.batchId,
		consumer: lease.consumer,
		seconds: Math.round(lease.granted / 1000),
		seconds_left: Math.ceil(left / 1000),
		expires_at: Math.floor(lease.expiresAt / 1000),
		entries: lease.keys.length,
		oldest_timestamp: seconds[0] ?? 0,
		newest_timestamp: seconds.at(-1) ?? 0,
	};
}

type MetricHandlers = Pick<
	Handlers,
	| "drainMetrics"
	| "appendMetrics"
	| "leaseMetrics"
	| "listLeases"
	| "releaseLease"
	| "acknowledgeMetrics"
	| "peekMetrics"
	| "getMetricStatus"
>;

/** POST /metric and its neighbours: metrics in and out of the buffer. */
export function createMetric(parts: {
	buffer: MetricBuffer;
	/** Setting `metric-consumers`. */
	consumers: readonly string[];
	/** Setting `metric-max-lease-seconds`. */
	maxLeaseSeconds: number;
}): MetricHandlers {
	const { buffer, consumers, maxLeaseSeconds } = parts;

	/** A consumer that is set up; AgentError `bad-request` for any other. */
	const known = (name: string | null | undefined): string => {
		const consumer = name ?? plainConsumer;
		if (consumers.includes(consumer)) return consumer;
		throw new AgentError(
			"bad-request",
			`consumer: not one of metric-consumers: ${consumer}`,
		);
	};

	return {
		drainMetrics: async (_params, _body, call) => {
			known(plainConsumer);
			await call.reserve(mostAnswerBytes);
			const taken = await buffer.take(limits(undefined));
			return {
				status: 200,
				body: answered(taken.samples),
				delivered: (ok) => {
					// what cannot be deleted now is answered again
					if (ok) taken.confirm().catch(() => {});
					else taken.putBack();
				},
			};
		},
		appendMetrics: async (_params, body) => {
			const samples = body.metric_data ?? [];
			await checkFinite(samples);
			// unknown fields are ignored, as everywhere
			await buffer.append(
				samples.map(({ hostname, timestamp, metrics }) => ({
					hostname,
					timestamp,
					metrics,
				})),
			);
			return { status: 200, body: { status: "ok", message: "" } };
		},
		leaseMetrics: async (_params, { seconds, limit, consumer }, call) => {
			const name = known(consumer);
			await call.reserve(mostAnswerBytes);
			const batch = await buffer.lease(
				name,
				limits(limit),
				Math.min(seconds, maxLeaseSeconds) * 1000,
			);
			return {
				status: 200,
				body: {
					batch_id: batch?.lease.batchId ?? null,
					expires_at: batch ? Math.floor(batch.lease.expiresAt / 1000) : null,
					seconds: batch ? batch.lease.granted / 1000 : null,
					...answered(batch?.samples ?? []),
				},
			};
		},
		listLeases: async () => {
			const leases = await buffer.leases();
			return { status: 200, body: { leases: leases.map(shownLease) } };
		},
		releaseLease: async (_params, { batch_id }) => {
			const released = await buffer.release(batch_id);
			return { status: 200, body: { status: "ok", message: "", released } };
		},
		acknowledgeMetrics: async (_params, { batch_id, consumer }) => {
			const named = consumer === null ? undefined : consumer;
			await buffer.acknowledge(batch_id, named && known(named));
			return { status: 200, body: { status: "ok", message: "" } };
		},
		peekMetrics: async (_params, { limit, consumer }, call) => {
			const name = known(consumer);
			await call.reserve(mostAnswerBytes);
			const samples = await buffer.peek(name, limits(limit));
			return { status: 200, body: answered(samples) };
		},
		// moved to /status, in the original already
		getMetricStatus: () => ({
			status: 301,
			headers: { Location: "/status" },
			body: '<a href="/status">Moved Permanently</a>.\n\n',
		}),
	};
}
