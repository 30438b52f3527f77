import type { Status } from "../../../src/client/index.ts";
import { createAgentCommand } from "../agent-command.ts";
import { expositionText, graphiteLine } from "../output/formats.ts";
import { hostLines } from "../output/host-messages.ts";
import { durationText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Cell, type Column, dash, table } from "../output/table.ts";
import { type Screen, wrapped } from "../output/terminal.ts";
import { dataOf } from "../target/answer.ts";
import {
	type Asked,
	bufferAge,
	passAge,
	statusFigures,
} from "./status-figures.ts";
import {
	certificateDays,
	isEndingSoon,
	statusProblems,
} from "./status-problems.ts";

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "VERSION", leaves: 3 },
	{ title: "UPTIME", align: "right", leaves: 4 },
	{ title: "BUFFER", align: "right", leaves: 6 },
	{ title: "RUNNING", align: "right", leaves: 2 },
	{ title: "COLLECTED", align: "right", leaves: 7 },
	{ title: "CERTIFICATE", align: "right", leaves: 5 },
	{ title: "LOOP", align: "right", leaves: 1 },
	{ title: "PROBLEMS", align: "right" },
];

function certificateCell({ certificate }: Status, { after }: Asked): Cell {
	if (!certificate) return dash;
	const days = certificateDays(certificate.not_after, after);
	if (days < 0) return { text: "expired", colour: "red" };
	return {
		text: `${days} days`,
		colour: isEndingSoon(days) ? "yellow" : undefined,
	};
}

function collectedCell(status: Status, asked: Asked): Cell {
	const { collection } = status;
	if (!collection) return dash;
	const { enabled, last_pass } = collection;
	if (!enabled) return "off";
	if (!last_pass) return "not yet";
	const failed = last_pass.plugins.some(({ result }) => result !== "ok");
	return {
		text: `${durationText(passAge(status, asked) ?? 0)} ago`,
		colour: failed || last_pass.error ? "yellow" : undefined,
	};
}

function loopCell({ event_loop }: Status): Cell {
	if (!event_loop) return dash;
	const { max_delay_ms } = event_loop;
	return {
		text: `${Math.round(max_delay_ms)} ms`,
		colour:
			max_delay_ms > 1000 ? "red" : max_delay_ms > 200 ? "yellow" : undefined,
	};
}

function row(host: string, status: Status, asked: Asked): Cell[] {
	const age = bufferAge(status, asked);
	const problems = statusProblems(status, asked).length;
	// v1 reports nothing that could show a problem
	const isV1 = status.store === undefined;
	return [
		{ text: host, colour: "cyan" },
		status.app_version,
		durationText(status.uptime_seconds),
		age === undefined ? "empty" : durationText(age),
		status.commands ? String(status.commands.running) : dash,
		collectedCell(status, asked),
		certificateCell(status, asked),
		loopCell(status),
		problems > 0
			? { text: String(problems), colour: "red" }
			: isV1
				? dash
				: { text: "none", colour: "green" },
	];
}

interface StatusOptions {
	/** When the status was asked for. */
	askedOf(status: Status): Asked;
	/** Whether a problem of several agents names all of them. */
	namesAll: boolean;
}

/** A table with a row for each agent, followed by their problems, each once. */
export function statusText(
	agents: readonly { host: string; data: Status }[],
	screen: Screen,
	{ askedOf, namesAll }: StatusOptions,
): string {
	const rows = agents.map(({ host, data }) => row(host, data, askedOf(data)));
	const problems = hostLines(
		agents.flatMap(({ host, data }) =>
			statusProblems(data, askedOf(data)).map((message) => ({ host, message })),
		),
		{ columns: namesAll ? undefined : screen.columns },
	).map(
		(line) => `${screen.paint(wrapped(line, screen.columns, 2), "yellow")}\n`,
	);
	const gap = problems.length > 0 ? "\n" : "";
	return table(columns, rows, screen) + gap + problems.join("");
}

export const statusCommand = createAgentCommand({
	name: "status",
	summary: "show the state of agents",
	details: `Prints one line for each agent, and its problems below. BUFFER is the age of the oldest metrics that a consumer has not taken yet. LOOP is the longest delay of the event loop in the last minute. Ages are measured by the agent's own clock; if that differs by more than 30 seconds from this machine's clock, it is a problem. A dash stands for values that v1 (Go) does not report.`,
	examples: [
		"status",
		"status -H web01,web02 -H db01:6778",
		"status --group WEB --endpoint https://management.example.net",
		"status -H 192.0.2.7 --via bastion1 -o json",
	],
	settings: {},
	formats: ["table", "json", "yaml", "prometheus", "graphite"],
	async run(call) {
		const clocks = new Map<Status, Asked>();
		const answers = await call.ask(async (client) => {
			const before = Date.now() / 1000;
			const status = await dataOf(client.GET("/status"), "/status");
			clocks.set(status, { before, after: Date.now() / 1000 });
			return status;
		});
		const now = Date.now() / 1000;
		const askedOf = (status: Status): Asked =>
			clocks.get(status) ?? { before: now, after: now };
		const values = (agents: readonly { host: string; data: Status }[]) =>
			agents.flatMap(({ host, data }) =>
				statusFigures.flatMap(({ name, help, value }) => {
					const figure = value(data, askedOf(data));
					return figure === undefined ? [] : [{ host, name, help, figure }];
				}),
			);
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
					...values(agents).map(({ host, name, help, figure }) => ({
						name: `happo_agent_${name}`,
						help,
						labels: { agent: host },
						value: figure,
					})),
				]),
			graphite: (agents) =>
				values(agents)
					.map(({ host, name, figure }) =>
						graphiteLine(host, `happo_agent.${name}`, figure, Math.floor(now)),
					)
					.join(""),
		});
	},
});
