import type { Readable } from "node:stream";
import { checkPluginName } from "../../src/commands/plugin.ts";
import {
	type MetricConfig,
	MetricConfigError,
	parseMetricConfig,
} from "../../src/metrics/metric-config.ts";
import { readInput } from "./input-file.ts";

/** A metrics.yaml of this machine. */
export interface LocalMetricConfig {
	name: string;
	config: MetricConfig;
	/** What an agent takes and warns of: keys that come twice, entries it leaves out, plugins that cannot be run. */
	warnings: string[];
	hosts: number;
	plugins: number;
}

/**
 * Reads a metrics.yaml as an agent does.
 * @throws MetricConfigError for what an agent would not take, UsageError if it cannot be read
 */
export async function readMetricConfig(
	file: string,
	stdin: Readable,
): Promise<LocalMetricConfig> {
	const { name, text } = await readInput(file, stdin);
	const odd: string[] = [];
	const config = parseMetricConfig(text, name, (line) => odd.push(line));
	const plugins = config.metrics.flatMap((host) => host.plugins);
	const unusable = plugins.flatMap(({ plugin_name }) => {
		const reason = checkPluginName(plugin_name);
		return reason ? [`${name}: plugin ${plugin_name}: ${reason}`] : [];
	});
	return {
		name,
		config,
		warnings: [...odd, ...unusable],
		hosts: config.metrics.length,
		plugins: plugins.length,
	};
}

/** Whether an error says that a file is no metrics.yaml. */
export const isBadConfig = (error: unknown): error is MetricConfigError =>
	error instanceof MetricConfigError;
