import type { Readable } from "node:stream";
import { problemType } from "../../../src/client/index.ts";
import {
	formatMetricConfig,
	type MetricConfig,
	MetricConfigError,
	parseMetricConfig,
} from "../../../src/protocol/metric-config.ts";
import { checkPluginName } from "../../../src/protocol/plugin-name.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { type AgentCall, createAgentCommand } from "../agent-command.ts";
import { createCommand } from "../command.ts";
import { readInput } from "../input-file.ts";
import { lineDiff } from "../output/line-diff.ts";
import { timeText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Colour, safeLine } from "../output/terminal.ts";
import {
	dataOf,
	HostFailure,
	isUnsupported,
	refusal,
} from "../target/answer.ts";

/** A metrics.yaml on this machine. */
interface LocalMetricConfig {
	name: string;
	config: MetricConfig;
	/** What an agent would warn of: duplicate keys, ignored entries, plugins that cannot run. */
	warnings: string[];
	hosts: number;
	plugins: number;
}

/**
 * Reads a metrics.yaml in the same way as an agent.
 * @throws MetricConfigError if an agent would reject it, UsageError if it cannot be read
 */
async function readMetricConfig(
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

/** Whether an error means that an agent would reject the file. */
const isBadConfig = (error: unknown): error is MetricConfigError =>
	error instanceof MetricConfigError;

export const metricConfigShowCommand = createAgentCommand({
	name: "metric config show",
	summary: "show the metric configuration of agents",
	details:
		"Prints the configuration that the agent uses, as a metrics.yaml. If the agent's file is now invalid, standard error says why. v1 (Go) does not have this operation.",
	examples: [
		"metric config show -H web01",
		"metric config show -H web01 > metrics.yaml",
		"metric config show -H web01,web02 -o json",
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
			if (error)
				call.say(`${answer.host}: the current file is not in use: ${error}`);
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

export const metricConfigCheckCommand = createCommand({
	name: "metric config check",
	help: {
		usage: "metric config check FILE",
		summary: "check a metrics.yaml without an agent",
		details:
			"Reads the file (- is standard input) exactly as an agent does. The exit status is 1 if an agent would reject the file. Standard error has the agent's warnings: duplicate keys, and entries and plugins that it would ignore.",
		examples: [
			"metric config check metrics.yaml",
			"metric config check /etc/happo/metrics.yaml",
			"metric config check - < metrics.yaml",
		],
		settings: {},
	},
	operands: { minimum: 1, maximum: 1, name: "FILE" },
	async run({ operands, stdin, say, write }) {
		try {
			const read = await readMetricConfig(operands[0] ?? "-", stdin);
			for (const warning of read.warnings) say(warning);
			await write(
				`${read.name}: valid, ${read.hosts} hosts, ${read.plugins} plugins\n`,
			);
			return 0;
		} catch (error) {
			if (!isBadConfig(error)) throw error;
			say(error.message);
			return 1;
		}
	},
});

const updateSettings = {
	"dry-run": {
		kind: "switch",
		short: "n",
		default: false,
		help: "show what would change, but change nothing",
	},
} as const satisfies SettingTable;

/** The result of an update of one agent. */
interface Update {
	result: "updated" | "unchanged" | "would change";
	/**
	 * Removed (-), added (+) and surrounding lines; null if the agent cannot show its
	 * configuration.
	 */
	diff: string[] | null;
}

const colours: Readonly<Record<string, Colour>> = { "-": "red", "+": "green" };

type Call = AgentCall<typeof updateSettings>;

/** The configuration that the agent uses, as text; undefined if it is v1, which cannot show it. */
async function present(client: Parameters<Parameters<Call["ask"]>[0]>[0]) {
	const { data, error, response } = await client.GET("/metric/config");
	if (data) return { text: formatMetricConfig(data.config), error: data.error };
	if (isUnsupported({ status: response.status, type: problemType(error) }))
		return undefined;
	throw refusal(response, error, "/metric/config");
}

export const metricConfigUpdateCommand = createAgentCommand({
	name: "metric config update",
	summary: "replace the metric configuration of agents",
	usage: "FILE",
	details:
		"Checks the file (- is standard input) as an agent does, shows what changes, and replaces the configuration of all given agents. If an agent already has this configuration, nothing is sent. v1 (Go) does not show its configuration, and a v1 bastion does not relay the request for it; in both cases the command cannot show what changes.",
	examples: [
		"metric config update -H web01 metrics.yaml",
		"metric config update -H web01,web02 --dry-run metrics.yaml",
		"metric config update --group WEB - < metrics.yaml",
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
			// if the agent's file is invalid, replace it even if the configuration in use is the
			// same
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
							data.diff === null
								? " (it cannot show its previous configuration)"
								: "";
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
