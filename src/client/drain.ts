import type { Client } from "openapi-fetch";
import type { AgentPaths } from "../../generated/client.ts";
import type { components } from "../../generated/schema.ts";
import { problemType } from "./answer-check.ts";
import { AgentRefused } from "./failures.ts";

/** What to take, and how. */
export interface DrainOptions {
	/** Name of the reader, one of the agent's setting `metric-consumers`; `default` where it is left out. */
	consumer?: string | undefined;
	/** How long a batch is kept for this reader, in seconds: 1 to 86,400, default 300; the agent grants `metric-max-lease-seconds` at most. */
	leaseSeconds?: number | undefined;
	/** Distinct seconds of arrival in a batch at most: 1 to 3600, default 60. */
	limit?: number | undefined;
	/** Ends the loop with its reason. A batch that was worked on is acknowledged before. */
	signal?: AbortSignal | undefined;
}

/** Metrics that are lent to this reader until they are acknowledged. */
export interface MetricBatch {
	batchId: string;
	/** Oldest arrival first; never empty. */
	samples: components["schemas"]["StoredSample"][];
	/** When the lease ends: from then on the same batch can be lent again. */
	expiresAt: Date;
	/** Says that the samples are safe. Done by the loop itself before it goes on. */
	ack(): Promise<void>;
}

/** What the agent said in the place of an answer. */
function refusal(place: string, path: string, status: number, error: unknown) {
	const { detail } = (
		typeof error === "object" && error ? error : { detail: error }
	) as { detail?: unknown };
	const type = problemType(error);
	const why =
		status === 404 && type === undefined
			? "an original agent, which cannot lend metrics"
			: String(detail ?? "no reason given").trim();
	return new AgentRefused(`${place}: ${path}: ${status}: ${why}`, status, type);
}

/**
 * Batch after batch until nothing is left. A batch is acknowledged when the next
 * one is asked for, and not when the loop is left by `break`, `return` or an
 * error: then it comes again when its lease is over. Throws AgentRefused and
 * AgentUnreachable.
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
		const lent = await client.POST("/metric/lease", {
			body: {
				seconds: leaseSeconds,
				...(limit !== undefined && { limit }),
				...reader,
			},
			...(signal && { signal }),
		});
		if (lent.data === undefined)
			throw refusal(place, "/metric/lease", lent.response.status, lent.error);
		const { batch_id, metric_data, expires_at } = lent.data;
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
