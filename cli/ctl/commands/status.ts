import type { AgentClient, Status } from "../../../src/client/index.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { type AgentCall, createAgentCommand } from "../agent-command.ts";
import { expositionText, graphiteLine } from "../output/formats.ts";
import { report } from "../output/report.ts";
import { leavingText } from "../output/table.ts";
import { dataOf } from "../target/answer.ts";
import { type Asked, statusFigures } from "./status-figures.ts";
import { followStatus } from "./status-follow.ts";
import { statusColumns, statusText } from "./status-table.ts";

const statusSettings = {
	follow: {
		kind: "switch",
		short: "f",
		default: false,
		help: "ask again and again until Ctrl-C: a screen with the worst agents first; without a terminal, a line for each change. json, yaml and graphite write every answer",
	},
	"interval-seconds": {
		kind: "integer",
		default: 5,
		minimum: 1,
		maximum: 3600,
		help: "how often --follow asks each agent",
	},
} as const satisfies SettingTable;

type Call = AgentCall<typeof statusSettings>;
type Agents = readonly { host: string; data: Status }[];

/** The figures of agents, for programs. */
const figuresOf = (agents: Agents, askedOf: (status: Status) => Asked) =>
	agents.flatMap(({ host, data }) =>
		statusFigures.flatMap(({ name, help, value }) => {
			const figure = value(data, askedOf(data));
			return figure === undefined ? [] : [{ host, name, help, figure }];
		}),
	);

const asGraphite = (agents: Agents, askedOf: (status: Status) => Asked) =>
	figuresOf(agents, askedOf)
		.map(({ host, name, figure }) =>
			graphiteLine(
				host,
				`happo_agent.${name}`,
				figure,
				Math.floor(Date.now() / 1000),
			),
		)
		.join("");

/** Asks an agent, and notes when. */
async function ask(client: AgentClient, signal?: AbortSignal) {
	const before = Date.now() / 1000;
	const status = await dataOf(
		client.GET("/status", signal && { signal }),
		"/status",
	);
	return { status, asked: { before, after: Date.now() / 1000 } };
}

async function show(call: Call): Promise<number> {
	const clocks = new Map<Status, Asked>();
	const answers = await call.ask(async (client) => {
		const { status, asked } = await ask(client);
		clocks.set(status, asked);
		return status;
	});
	const now = Date.now() / 1000;
	const askedOf = (status: Status): Asked =>
		clocks.get(status) ?? { before: now, after: now };
	return report(call, answers, {
		table: (agents) =>
			statusText(agents, call.screen, { askedOf, namesAll: call.namesAll }),
		prometheus: (agents) =>
			expositionText([
				...answers.map(({ host, ok }) => ({
					name: "happo_ctl_up",
					help: "Whether the agent answered: 1 or 0.",
					labels: { agent: host },
					value: Number(ok),
				})),
				...figuresOf(agents, askedOf).map(({ host, name, help, figure }) => ({
					name: `happo_agent_${name}`,
					help,
					labels: { agent: host },
					value: figure,
				})),
			]),
		graphite: (agents) => asGraphite(agents, askedOf),
	});
}

export const statusCommand = createAgentCommand({
	name: "status",
	summary: "show the state of agents",
	details: `Prints one line for each agent, and their problems below. BUFFER is the age of the oldest metrics that a consumer has not taken yet. LOOP is the longest delay of the event loop in the last minute. Ages are measured by the agent's own clock; if that differs by more than 30 seconds from this machine's clock, it is a problem. A dash stands for values that v1 (Go) does not report.\n${leavingText(statusColumns)}`,
	examples: [
		"status",
		"status -H web01,web02 -H db01:6778",
		"status --group WEB --endpoint https://management.example.net --follow",
		"status -H 192.0.2.7 --via bastion1 -o json",
	],
	settings: statusSettings,
	formats: ["table", "json", "yaml", "prometheus", "graphite"],
	async run(call) {
		if (!call.settings.follow) return show(call);
		if (call.output === "prometheus")
			throw new UsageError(
				"--output prometheus: cannot be used with --follow, because it shows only the latest values",
			);
		return followStatus(call, {
			intervalMilliseconds: call.settings["interval-seconds"] * 1000,
			ask,
			asGraphite,
		});
	},
});
