import type { StoredSample } from "../../src/client/index.ts";
import type { OutputFormat } from "./flags.ts";
import { jsonText } from "./json-text.ts";
import { samplesAsGraphite } from "./metric-text.ts";
import { figureText, timeText } from "./quantity.ts";
import { safeLine } from "./terminal-text.ts";
import { yamlText } from "./yaml-text.ts";

/**
 * Samples of one agent for a reader that takes them one after the other: lines
 * for people or Graphite, one JSON object a line, one YAML document each.
 */
export function samplesText(
	output: OutputFormat,
	agent: string,
	samples: readonly StoredSample[],
): string {
	if (output === "graphite") return samplesAsGraphite(samples);
	const records = samples.map((sample) => ({ agent, ...sample }));
	if (output === "json")
		return records.map((record) => `${jsonText(record)}\n`).join("");
	if (output === "yaml")
		return records.map((record) => `---\n${yamlText(record)}`).join("");
	return records
		.flatMap(({ hostname, timestamp, metrics }) =>
			Object.entries(metrics ?? {}).map(
				([metric, value]) =>
					`${timeText(timestamp)}  ${safeLine(agent)}  ${safeLine(hostname)}  ${safeLine(metric)}  ${figureText(value)}\n`,
			),
		)
		.join("");
}
