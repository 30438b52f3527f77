import { createCommand } from "./command.ts";
import { isBadConfig, readMetricConfig } from "./metric-config-file.ts";

export const metricConfigCheckCommand = createCommand({
	name: "metric config check",
	help: {
		usage: "metric config check FILE",
		summary: "check a metrics.yaml without an agent",
		details:
			"Reads the file (- is standard input) exactly as an agent does. Exit status 1 if an agent would not take it. What an agent would warn of is named on standard error: keys that come twice, entries and plugins that it would leave out.",
		examples: ["metric config check metrics.yaml"],
		settings: {},
	},
	operands: { minimum: 1, maximum: 1, name: "FILE" },
	async run({ operands, stdin, say, write }) {
		try {
			const read = await readMetricConfig(operands[0] ?? "-", stdin);
			for (const warning of read.warnings) say(warning);
			await write(
				`${read.name}: good, ${read.hosts} hosts, ${read.plugins} plugins\n`,
			);
			return 0;
		} catch (error) {
			if (!isBadConfig(error)) throw error;
			say(error.message);
			return 1;
		}
	},
});
