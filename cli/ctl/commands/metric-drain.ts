import {
	type AgentClient,
	AgentRefused,
	type StoredSample,
} from "../../../src/client/index.ts";
import { dataOf, HostFailure, isUnsupported } from "../target/answer.ts";

/** Writes samples; rejects if the reader is gone. */
export type WriteSamples = (samples: readonly StoredSample[]) => Promise<void>;

export interface DrainSettings {
	/** Name of the consumer; empty for the agent's default. */
	consumer: string;
	leaseSeconds: number;
	/** Maximum number of distinct seconds of arrival in a batch. */
	limit: number;
}

/**
 * Takes all metrics of an agent, batch by batch. It acknowledges a batch after writing it; a batch
 * that is not acknowledged can be leased again when its lease ends.
 * @returns the number of samples taken
 */
export async function drainWithLease(
	client: AgentClient,
	{ consumer, leaseSeconds, limit }: DrainSettings,
	write: WriteSamples,
): Promise<number> {
	let taken = 0;
	for await (const batch of client.drainMetrics({
		leaseSeconds,
		limit,
		...(consumer !== "" && { consumer }),
	})) {
		await write(batch.samples);
		await batch.ack();
		taken += batch.samples.length;
	}
	return taken;
}

/**
 * Takes all metrics as with v1: the agent deletes what it has sent, even if the samples are lost
 * afterwards.
 * @returns the number of samples taken
 */
export async function drainPlain(
	client: AgentClient,
	write: WriteSamples,
): Promise<number> {
	let taken = 0;
	for (;;) {
		const { metric_data } = await dataOf(
			client.POST("/metric", { body: {} }),
			"/metric",
		);
		if (!metric_data || metric_data.length === 0) return taken;
		await write(metric_data);
		taken += metric_data.length;
	}
}

/**
 * If the agent has no leases, explains how to take its metrics without them; otherwise returns the
 * error.
 */
export function explainNoLease(error: unknown): unknown {
	return error instanceof AgentRefused && isUnsupported(error)
		? new HostFailure({
				reason: "unsupported",
				status: 404,
				message:
					"it has no /metric/lease (404), as v1 (Go); --drain --plain takes its metrics, and the agent deletes them at once",
			})
		: error;
}
