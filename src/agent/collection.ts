import type { Asking } from "../commands/lookups.ts";
import type { Log } from "../log.ts";
import { createCollector } from "../metrics/collector.ts";
import { createMetricConfigFile } from "../metrics/metric-config-file.ts";
import { staleSeconds } from "../protocol/sensu.ts";
import type { DaemonSettings } from "../settings.ts";
import { createCollected } from "../status/collected.ts";
import type { Execution } from "./commands.ts";
import type { Store } from "./store.ts";

/** Maximum number of metric plugins that run at the same time. */
const concurrency = 16;

/**
 * Milliseconds from startup to the first pass: soon, but after the work of startup, and at different
 * moments on hosts that were updated together.
 */
const firstPassMilliseconds = (intervalSeconds: number) =>
	Math.min(intervalSeconds * 1000, 2_000 + Math.random() * 8_000);

/**
 * Builds the collection, which runs the metric plugins of metrics.yaml, without starting it. Samples
 * go to the store, and the latest value of each metric to `collected`.
 * @param parts.now wall clock in milliseconds
 * @param parts.elapsed monotonic clock in milliseconds
 */
export function createCollection(parts: {
	settings: DaemonSettings;
	execution: Execution;
	buffer: Pick<Store["buffer"], "append">;
	asking: Asking;
	now: () => number;
	elapsed: () => number;
	log: Log;
}) {
	const { settings, execution, now, log } = parts;
	const intervalSeconds = settings["collection-interval-seconds"];
	const metricConfigFile = createMetricConfigFile({
		file: settings["metric-config"],
		copies: `${settings.dbfile}.metric-config`,
		look: parts.asking.look,
		log,
		now,
	});
	const collected = createCollected({
		now: parts.elapsed,
		lifetimeMilliseconds: staleSeconds(intervalSeconds) * 1000,
	});
	const collector = createCollector({
		config: metricConfigFile,
		plugins: execution.pluginsIn("sensu-plugin-paths"),
		// places of its own: checks and collection cannot take each other's places
		runCommand: execution.runnerOf(concurrency),
		enter: ({ samples, kinds }) => collected.enter(samples, kinds),
		store: (samples) => parts.buffer.append(samples),
		log,
		now,
		concurrency,
		intervalMilliseconds: intervalSeconds * 1000,
		firstPassMilliseconds: firstPassMilliseconds(intervalSeconds),
	});
	return { metricConfigFile, collected, collector };
}
