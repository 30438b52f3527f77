import type { components } from "../../generated/schema.ts";
import { formatYamlText, openYaml, YamlError, type YamlPairs } from "./yaml.ts";

export type MetricConfig = components["schemas"]["MetricConfig"];

/** Why a text is not a valid configuration: one line with file, line and key. */
export class MetricConfigError extends Error {
	override name = "MetricConfigError";
}

/**
 * Parses a `metrics.yaml` as leniently as v1: every scalar is taken as text (`010`, `yes`), an
 * empty file is an empty configuration, and unknown keys and further documents are ignored. Two
 * things cause a warning: of a repeated key the last one counts, and an entry without `plugin_name`
 * is skipped. Plugin names are not checked: one that cannot run must not invalidate the others.
 * @param file the name in errors and warnings
 * @param warn called with each warning, such as `metrics.yaml line 4: plugin_name: comes twice, the
 * last one counts`
 * @throws MetricConfigError
 */
export function parseMetricConfig(
	text: string,
	file = "metrics.yaml",
	warn: (warning: string) => void = () => {},
): MetricConfig {
	try {
		const yaml = openYaml(text);
		/** The entries of a list that are not empty. */
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
 * Normalizes a client's configuration to what reading the file back will give.
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

/** JSON can contain lone surrogates, a UTF-8 file cannot. */
function wellFormed(text: string) {
	return text.replace(/\p{Surrogate}/gu, "\ufffd");
}

/** Formats a `metrics.yaml` in v1's style. Every YAML reader gets the same texts back. */
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
