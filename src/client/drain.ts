import type { Client } from "openapi-fetch";
import type { AgentPaths } from "../../generated/client.ts";
import type { components } from "../../generated/schema.ts";
import { problemType } from "./answer-check.ts";
import { AgentRefused } from "./failures.ts";

/** Options of a drain. */
export interface DrainOptions {
	/** Consumer, one of the agent's `metric-consumers`; default `default`. */
	consumer?: string | undefined;
	/**
	 * Duration of a lease in seconds: 1 to 86,400, default 300. The agent grants at most
	 * `metric-max-lease-seconds`.
	 */
	leaseSeconds?: number | undefined;
	/** Maximum number of distinct seconds of arrival in a batch: 1 to 3600, default 60. */
	limit?: number | undefined;
	/** Ends the loop: it acknowledges the current batch, then throws the reason of the signal. */
	signal?: AbortSignal | undefined;
}

/** Metrics that are leased to this consumer until it acknowledges them. */
export interface MetricBatch {
	batchId: string;
	/** Oldest arrival first; never empty. */
	samples: components["schemas"]["StoredSample"][];
	/** End of the lease. After that, the agent can lease the batch again. */
	expiresAt: Date;
	/** Acknowledges the batch. The loop does so itself before it continues. */
	ack(): Promise<void>;
}

/** The error for a refusal by the agent. */
function refusal(place: string, path: string, status: number, error: unknown) {
	const { detail } = (
		typeof error === "object" && error ? error : { detail: error }
	) as { detail?: unknown };
	const type = problemType(error);
	const why =
		status === 404 && type === undefined
			? "the agent is v1 (Go), which cannot lease metrics"
			: String(detail ?? "no reason given").trim();
	return new AgentRefused(`${place}: ${path}: ${status}: ${why}`, status, type);
}

/**
 * Yields batch after batch until nothing is left. Asking for the next batch acknowledges the last
 * one. If the loop ends by `break`, `return` or an error, the last batch is not acknowledged, and
 * the agent can lease it again when its lease ends.
 * @throws AgentRefused and AgentUnreachable
 */
export async function* drainMetrics(
	client: Pick<
		Client<Pick<AgentPaths, "/metric/lease" | "/metric/ack">>,
		"POST"
	>,
	place: string,
	options: DrainOptions = {},
): AsyncGenerator<MetricBatch, void, undefined> {
	const { leaseSeconds = 300, limit, consumer, signal } = options;
	const reader = consumer === undefined ? {} : { consumer };
	for (;;) {
		signal?.throwIfAborted();
		const lease = await client.POST("/metric/lease", {
			body: {
				seconds: leaseSeconds,
				...(limit !== undefined && { limit }),
				...reader,
			},
			...(signal && { signal }),
		});
		if (lease.data === undefined)
			throw refusal(place, "/metric/lease", lease.response.status, lease.error);
		const { batch_id, metric_data, expires_at } = lease.data;
		if (batch_id === null) return;
		let acknowledged: Promise<void> | undefined;
		const acknowledge = async () => {
			const { error, response } = await client.POST("/metric/ack", {
				body: { batch_id, ...reader },
			});
			if (!response.ok)
				throw refusal(place, "/metric/ack", response.status, error);
		};
		const ack = () => {
			acknowledged ??= acknowledge().catch((error) => {
				acknowledged = undefined;
				throw error;
			});
			return acknowledged;
		};
		if (metric_data !== null && metric_data.length > 0)
			yield {
				batchId: batch_id,
				samples: metric_data,
				expiresAt: new Date((expires_at ?? 0) * 1000),
				ack,
			};
		await ack();
	}
}
