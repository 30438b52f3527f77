import type { components } from "../../generated/schema.ts";
import { formatYamlText, openYaml, YamlError, type YamlPairs } from "./yaml.ts";

export type MetricConfig = components["schemas"]["MetricConfig"];

/** Why a text is no configuration: one line that names the file, the line and the key. */
export class MetricConfigError extends Error {
	override name = "MetricConfigError";
}

/**
 * Reads the text of a `metrics.yaml`, as tolerant as the original: every scalar is the text that stands there (`010`,
 * `yes`), nothing at all counts as empty, unknown keys do not count, nor do documents after the first; of a key that
 * comes twice the last one counts, and an entry without a `plugin_name` is left out, both with a warning. Whether a
 * plugin can be run is not asked here: a name that cannot must not take the others with it.
 * @param file stands in the errors and warnings
 * @param warn is told what is odd, `metrics.yaml line 4: plugin_name: comes twice, the last one counts`
 * @throws MetricConfigError
 */
export function parseMetricConfig(
	text: string,
	file = "metrics.yaml",
	warn: (warning: string) => void = () => {},
): MetricConfig {
	try {
		const yaml = openYaml(text);
		/** The entries of a list that hold something. */
		const entries = (of: YamlPairs, name: string) =>
			yaml.list(of, name).filter((entry) => {
				if (!yaml.isEmpty(entry)) return true;
				yaml.warn(entry, `entry of ${name}: is empty, left out`);
				return false;
			});
		const pluginOf = (entry: unknown) => {
			const pairs = yaml.pairs(entry, "entry of plugins");
			const plugin_name = yaml.text(pairs, "plugin_name");
			const plugin_option = yaml.text(pairs, "plugin_option");
			if (plugin_name !== "") return [{ plugin_name, plugin_option }];
			yaml.warn(entry, "entry of plugins: has no plugin_name, left out");
			return [];
		};
		const config = {
			metrics: entries(yaml.root(), "metrics").map((host) => {
				const pairs = yaml.pairs(host, "entry of metrics");
				return {
					hostname: yaml.text(pairs, "hostname"),
					plugins: entries(pairs, "plugins").flatMap(pluginOf),
				};
			}),
		};
		for (const warning of yaml.warnings()) warn(`${file} ${warning}`);
		return config;
	} catch (cause) {
		const reason =
			cause instanceof YamlError
				? ` ${cause.message}`
				: `: cannot be parsed: ${cause}`;
		throw new MetricConfigError(file + reason, { cause });
	}
}

/**
 * What a client sent, as it will be read from the file again.
 * @throws MetricConfigError
 */
export function checkMetricConfig(config: MetricConfig): MetricConfig {
	const metrics = config.metrics.map(({ hostname, plugins }, host) => ({
		hostname: wellFormed(hostname),
		plugins: plugins.map(({ plugin_name, plugin_option }, plugin) => {
			if (plugin_name === "")
				throw new MetricConfigError(
					`metrics[${host}].plugins[${plugin}].plugin_name: is empty`,
				);
			return {
				plugin_name: wellFormed(plugin_name),
				plugin_option: wellFormed(plugin_option),
			};
		}),
	}));
	return { metrics };
}

/** JSON can name half a character of UTF-16, a file cannot hold it. */
function wellFormed(text: string) {
	return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** Writes a `metrics.yaml` in the original's style; every YAML reader gets the same texts back. */
export function formatMetricConfig(config: MetricConfig): string {
	const lines = config.metrics.map(({ hostname, plugins }) => [
		`- hostname: ${formatYamlText(hostname)}\n`,
		plugins.length > 0 ? "  plugins:\n" : "  plugins: []\n",
		...plugins.map(
			({ plugin_name, plugin_option }) =>
				`  - plugin_name: ${formatYamlText(plugin_name)}\n    plugin_option: ${formatYamlText(plugin_option)}\n`,
		),
	]);
	return lines.length > 0
		? `metrics:\n${lines.flat().join("")}`
		: "metrics: []\n";
}
