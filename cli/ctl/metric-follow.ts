import { setTimeout as pause } from "node:timers/promises";
import type { AgentClient, StoredSample } from "../../src/client/index.ts";
import { parseCollectedPage } from "./collected-page.ts";
import { dataOf } from "./refusal.ts";

/**
 * Writes what the metric plugins of an agent give, after every pass, until the
 * signal. It is read from `/metrics`, which takes nothing from anybody: what a
 * backend drains meanwhile is seen all the same, and what it has not taken for
 * days does not hide it.
 */
export async function followMetrics(
	client: AgentClient,
	{
		intervalMilliseconds,
		signal,
		write,
	}: {
		intervalMilliseconds: number;
		signal: AbortSignal;
		write(samples: readonly StoredSample[]): Promise<void>;
	},
): Promise<void> {
	let seen: number | undefined;
	while (!signal.aborted) {
		const text = await dataOf(client.GET("/metrics", { signal }), "/metrics");
		const { pass, metrics } = parseCollectedPage(text);
		if (pass !== undefined && pass !== seen) {
			seen = pass;
			const byHost = new Map<string, Record<string, number>>();
			for (const { hostname, metric, value } of metrics)
				byHost.set(hostname, { ...byHost.get(hostname), [metric]: value });
			await write(
				[...byHost].map(([hostname, metrics]) => ({
					hostname,
					timestamp: pass,
					metrics,
				})),
			);
		}
		await pause(intervalMilliseconds, undefined, { signal }).catch(() => {});
	}
}
