import {
	type AgentClient,
	AgentRefused,
	type StoredSample,
} from "../../../src/client/index.ts";
import { dataOf, HostFailure, isUnsupported } from "../target/answer.ts";

/** Writes samples; rejects if nobody has taken them. */
export type WriteSamples = (samples: readonly StoredSample[]) => Promise<void>;

export interface DrainSettings {
	/** Empty for the agent's own default. */
	consumer: string;
	leaseSeconds: number;
	/** Distinct seconds of arrival in a batch. */
	limit: number;
}

/**
 * Takes all metrics of an agent, batch after batch. One is acknowledged once it
 * has been written; otherwise it comes again when its lease is over.
 * @returns how many samples were taken
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
 * Takes all metrics in the original's way: the agent deletes what it has sent,
 * whatever becomes of it afterwards.
 * @returns how many samples were taken
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

/** Says of an agent without leases how its metrics can be taken all the same. */
export function explainNoLease(error: unknown): unknown {
	return error instanceof AgentRefused && isUnsupported(error)
		? new HostFailure({
				reason: "unsupported",
				status: 404,
				message:
					"it has no /metric/lease (404), as agents of the original; --drain --plain takes its metrics for good, without a way back",
			})
		: error;
}
