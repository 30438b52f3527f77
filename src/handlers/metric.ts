import { setImmediate as nextTurn } from "node:timers/promises";
import type { Handlers } from "../../generated/handlers.ts";
import type { components } from "../../generated/schema.ts";
import { AgentError } from "../agent-error.ts";
import { type Body, EncodedJson } from "../operation.ts";
import { partsOf } from "../store/keys.ts";
import type { Lease } from "../store/lease-book.ts";
import { type MetricBuffer, plainConsumer } from "../store/metric-buffer.ts";
import type { EncodedSamples } from "../store/metric-value.ts";
import type { BatchLimits } from "../store/selection.ts";

/** Limit of stored values in one answer; as JSON they have about the same size. */
const maxAnswerBytes = 8 * 1024 * 1024;

/** Values checked before yielding to other requests. */
const valuesInTurn = 10_000;

/** The limits of one answer; by default the metrics of sixty seconds of arrival, as in v1 (Go). */
const limits = (seconds: number | null | undefined): BatchLimits => ({
	seconds: seconds ?? 60,
	bytes: maxAnswerBytes,
});

type Schemas = components["schemas"];

/**
 * Encodes a body with samples: `null` if there are none, as in v1 (Go).
 * @param before the fields that come before them
 */
function withSamples<T extends Schemas["Metrics"] | Schemas["LeasedMetrics"]>(
	before: Omit<T, "metric_data" | "message">,
	samples: EncodedSamples,
): EncodedJson<T> {
	const fields = Object.entries(before).map(
		([name, value]) => `"${name}":${JSON.stringify(value)},`,
	);
	const pieces: Uint8Array[] = [
		Buffer.from(`{${fields.join("")}"metric_data":`),
	];
	for (const [index, list] of samples.entries())
		pieces.push(Buffer.from(index === 0 ? "[" : ","), list.subarray(1, -1));
	const end = samples.length === 0 ? "null" : "]";
	pieces.push(Buffer.from(`${end},"message":""}`));
	return new EncodedJson(Buffer.concat(pieces));
}

/** Refuses values that JSON cannot represent: `1e400` is parsed as infinity. */
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

/** Converts a lease to the contract's form. */
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

/** The operations below /metric, which put metrics into the buffer and take them out. */
export function createMetric(parts: {
	buffer: MetricBuffer;
	/** Setting `metric-consumers`. */
	consumers: readonly string[];
	/** Setting `metric-max-lease-seconds`. */
	maxLeaseSeconds: number;
}): MetricHandlers {
	const { buffer, consumers, maxLeaseSeconds } = parts;

	/** Checks that a consumer is configured. Throws AgentError `unknown-consumer` otherwise. */
	const known = (name: string | null | undefined): string => {
		const consumer = name ?? plainConsumer;
		if (consumers.includes(consumer)) return consumer;
		throw new AgentError(
			"unknown-consumer",
			`consumer: not one of metric-consumers: ${consumer}`,
		);
	};

	return {
		drainMetrics: async (_params, _body, call) => {
			known(plainConsumer);
			await call.reserve(maxAnswerBytes);
			const taken = await buffer.take(limits(undefined));
			return {
				status: 200,
				body: withSamples({}, taken.samples),
				delivered: (ok) => {
					// if deleting fails, the metrics are delivered again
					if (ok) taken.confirm().catch(() => {});
					else taken.putBack();
				},
			};
		},
		appendMetrics: async (_params, body) => {
			const samples = body.metric_data ?? [];
			await checkFinite(samples);
			// drop unknown fields
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
			await call.reserve(maxAnswerBytes);
			const batch = await buffer.lease(
				name,
				limits(limit),
				Math.min(seconds, maxLeaseSeconds) * 1000,
			);
			return {
				status: 200,
				body: withSamples(
					{
						batch_id: batch?.lease.batchId ?? null,
						expires_at: batch ? Math.floor(batch.lease.expiresAt / 1000) : null,
						seconds: batch ? batch.lease.granted / 1000 : null,
					},
					batch?.samples ?? [],
				),
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
			await call.reserve(maxAnswerBytes);
			const samples = await buffer.peek(name, limits(limit));
			return { status: 200, body: withSamples({}, samples) };
		},
		// moved to /status, as in v1 (Go)
		getMetricStatus: () => ({
			status: 301,
			headers: { Location: "/status" },
			body: '<a href="/status">Moved Permanently</a>.\n\n',
		}),
	};
}
