import { formatMetricConfig } from "../../src/metrics/metric-config.ts";
import { createAgentCommand } from "./agent-command.ts";
import { timeText } from "./quantity.ts";
import { dataOf } from "./refusal.ts";
import { report } from "./report.ts";
import { safeLine } from "./terminal-text.ts";

export const metricConfigShowCommand = createAgentCommand({
	name: "metric config show",
	summary: "show which metrics agents collect",
	details:
		"The configuration in force, as a metrics.yaml. What is wrong with the agent's file as it is now is said on standard error. Agents of the original cannot tell.",
	examples: [
		"metric config show -H web01",
		"metric config show -H web01 > metrics.yaml",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	async run(call) {
		const answers = await call.ask((client) =>
			dataOf(client.GET("/metric/config"), "/metric/config"),
		);
		for (const answer of answers) {
			if (!answer.ok) continue;
			const { error, warnings = [] } = answer.data;
			if (error) call.say(`${answer.host}: not in force: ${error}`);
			for (const warning of warnings) call.say(`${answer.host}: ${warning}`);
		}
		return report(call, answers, {
			table: (agents) =>
				agents
					.map(({ host, data }) => {
						const since =
							data.read_at === null
								? "never read"
								: `read ${timeText(data.read_at)}`;
						const title = safeLine(`# ${host} ${data.file}, ${since}`);
						return `${call.screen.paint(title, "dim")}\n${formatMetricConfig(data.config)}`;
					})
					.join("\n"),
		});
	},
});
