import { formatMetricConfig } from "../../src/metrics/metric-config.ts";
import type { SettingTable } from "../../src/setting-table.ts";
import { type AgentCall, createAgentCommand } from "./agent-command.ts";
import { HostFailure } from "./answer.ts";
import { lineDiff } from "./line-diff.ts";
import { isBadConfig, readMetricConfig } from "./metric-config-file.ts";
import type { Colour } from "./paint.ts";
import { dataOf, refusal } from "./refusal.ts";
import { report } from "./report.ts";
import { safeLine } from "./terminal-text.ts";

const updateSettings = {
	"dry-run": {
		kind: "switch",
		short: "n",
		default: false,
		help: "show what would change, change nothing",
	},
} as const satisfies SettingTable;

/** What became of the configuration of one agent. */
interface Update {
	result: "updated" | "unchanged" | "would change";
	/** Lines that went (-), came (+) and stand around them; null if the agent cannot tell what it had. */
	diff: string[] | null;
}

const colours: Readonly<Record<string, Colour>> = { "-": "red", "+": "green" };

type Call = AgentCall<typeof updateSettings>;

/** What is in force, as text; undefined where an agent of the original cannot tell. */
async function present(client: Parameters<Parameters<Call["ask"]>[0]>[0]) {
	const { data, error, response } = await client.GET("/metric/config");
	if (data) return { text: formatMetricConfig(data.config), error: data.error };
	if (response.status === 404) return undefined;
	throw refusal(response, error, "/metric/config");
}

export const metricConfigUpdateCommand = createAgentCommand({
	name: "metric config update",
	summary: "replace which metrics agents collect",
	usage: "FILE",
	details:
		"Checks the file (- is standard input) as an agent does, shows what changes, and has every agent that is named write and use it. An agent whose configuration is the same already is left alone. Through an original bastion what was there before cannot be asked for.",
	examples: [
		"metric config update -H web01 metrics.yaml",
		"metric config update -H web01,web02 --dry-run metrics.yaml",
	],
	settings: updateSettings,
	formats: ["table", "json", "yaml"],
	operands: { minimum: 1, maximum: 1, name: "FILE" },
	async run(call) {
		const { settings, operands, stdin, say, screen } = call;
		const read = await readMetricConfig(operands[0] ?? "-", stdin).catch(
			(error) => {
				if (!isBadConfig(error)) throw error;
				say(error.message);
				return undefined;
			},
		);
		if (!read) return 1;
		for (const warning of read.warnings) say(warning);
		const wanted = formatMetricConfig(read.config);
		const config = {
			Metrics: read.config.metrics.map(({ hostname, plugins }) => ({
				Hostname: hostname,
				Plugins: plugins.map(({ plugin_name, plugin_option }) => ({
					Plugin_Name: plugin_name,
					Plugin_Option: plugin_option,
				})),
			})),
		};
		const answers = await call.ask(async (client): Promise<Update> => {
			const before = await present(client);
			const diff = before ? lineDiff(before.text, wanted) : null;
			// a file that cannot be used is replaced by the same that is in force
			if (before?.error === null && diff?.length === 0)
				return { result: "unchanged", diff };
			if (settings["dry-run"]) return { result: "would change", diff };
			const { status, message } = await dataOf(
				client.POST("/metric/config/update", { body: { config } }),
				"/metric/config/update",
			);
			if (status === "OK") return { result: "updated", diff };
			throw new HostFailure({
				reason: "failed",
				status: 200,
				message: message || "it could not write its file",
			});
		});
		return report(call, answers, {
			table: (agents) =>
				agents
					.map(({ host, data }) => {
						const unknown =
							data.diff === null ? " (what it had before, it cannot tell)" : "";
						const lines = (data.diff ?? []).map(
							(line) =>
								`  ${screen.paint(safeLine(line), colours[line[0] ?? ""])}\n`,
						);
						return `${host}: ${data.result}${unknown}\n${lines.join("")}`;
					})
					.join(""),
		});
	},
});
