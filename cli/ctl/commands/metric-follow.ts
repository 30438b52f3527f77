import { setTimeout as pause } from "node:timers/promises";
import type { AgentClient, StoredSample } from "../../../src/client/index.ts";
import { dataOf } from "../target/answer.ts";

/** What an agent's `/metrics` says about its collection. */
export interface CollectedPage {
	/** Start of the last pass, seconds since 1970; undefined before the first. */
	pass: number | undefined;
	metrics: { hostname: string; metric: string; value: number }[];
}

const passName = "happo_agent_collection_last_pass_timestamp_seconds";
const collected =
	/^happo_collected_metric\{host="((?:[^"\\]|\\.)*)",metric="((?:[^"\\]|\\.)*)"\} (\S+)$/;

const unescaped = (label: string) =>
	label.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

/** Reads the collected metrics and the time of the last pass from Prometheus' text format. */
export function parseCollectedPage(text: string): CollectedPage {
	const page: CollectedPage = { pass: undefined, metrics: [] };
	for (const line of text.split("\n")) {
		if (line.startsWith(`${passName} `)) {
			page.pass = Number(line.slice(passName.length + 1));
			continue;
		}
		const [, hostname, metric, value] = collected.exec(line) ?? [];
		if (hostname !== undefined && metric !== undefined)
			page.metrics.push({
				hostname: unescaped(hostname),
				metric: unescaped(metric),
				value: Number(value),
			});
	}
	return page;
}

/**
 * Writes the metrics of every pass of an agent's metric plugins until the signal aborts. It reads
 * `/metrics`, which takes nothing from consumers. So it shows metrics that a backend drains at the
 * same time, and a long backlog in the store does not hide new metrics.
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

/** Runs `work` until SIGINT or SIGTERM aborts its signal; a second signal ends the process. */
export async function untilInterrupted(
	work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
	const stop = new AbortController();
	const onSignal = () => stop.abort();
	process.once("SIGINT", onSignal);
	process.once("SIGTERM", onSignal);
	try {
		await work(stop.signal);
	} catch (error) {
		if (!stop.signal.aborted) throw error;
	} finally {
		process.off("SIGINT", onSignal);
		process.off("SIGTERM", onSignal);
	}
}
