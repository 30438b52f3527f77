import type { AgentClient } from "../../../src/client/index.ts";
import { isRecord } from "../../../src/protocol/reason.ts";
import { createAgentCommand } from "../agent-command.ts";
import { durationText, timeText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Cell, type Column, table } from "../output/table.ts";
import { safeLines } from "../output/terminal.ts";
import {
	answered,
	dataOf,
	HostFailure,
	isProblem,
	refusal,
} from "../target/answer.ts";

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "KEY" },
	{ title: "TAKEN", leaves: 1 },
	{ title: "AGE", align: "right", leaves: 2 },
];

/** When a snapshot was taken, in seconds since 1970, according to its key; NaN for other keys. */
export const takenAt = (key: string) => Number(/^s-(\d+)$/.exec(key)?.[1]);

function row(host: string, key: string, now: number): Cell[] {
	const at = takenAt(key);
	const known = !Number.isNaN(at);
	return [
		{ text: host, colour: "cyan" },
		key,
		known ? timeText(at) : "",
		known ? durationText(now - at) : "",
	];
}

/**
 * The keys of an agent's snapshots, oldest first.
 * @throws HostFailure
 */
export async function listMachineStates(
	client: AgentClient,
	init: { signal?: AbortSignal } = {},
): Promise<{ keys: string[] }> {
	const { data, error, response } = await client.GET("/machine-state", init);
	if (data) return data;
	// without snapshots the agent answers 404 with an empty list, as in v1
	const { keys } = (error ?? {}) as { keys?: unknown };
	if (response.status === 404 && Array.isArray(keys)) return { keys: [] };
	throw refusal(response, error, "/machine-state");
}

/**
 * One snapshot of an agent.
 * @throws HostFailure
 */
export async function readMachineState(
	client: AgentClient,
	key: string,
	init: { signal?: AbortSignal } = {},
): Promise<{ machineState: string }> {
	const asked = client.GET("/machine-state/{key}", {
		params: { path: { key } },
		...init,
	});
	const { error, response } = await asked;
	if (response.status === 404 && isRecord(error) && !isProblem(error))
		throw new HostFailure({
			reason: "refused",
			status: 404,
			message: `it has no snapshot ${key} (404)`,
		});
	return dataOf(asked, "/machine-state");
}

export const machineStateCommand = createAgentCommand({
	name: "machine-state",
	summary: "list snapshots of machines, or show one",
	usage: "[KEY]",
	details:
		"After a check that is not OK, an agent takes a snapshot of its machine: users, processes, open files. Without KEY, the command lists the snapshots.",
	examples: [
		"machine-state -H web01",
		"machine-state -H web01 s-1498112479",
		"machine-state -H web01,web02 -o json",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	operands: { minimum: 0, maximum: 1, name: "KEY" },
	async run(call) {
		const [key] = call.operands;
		if (key === undefined) {
			const answers = await call.ask((client) => listMachineStates(client));
			const now = Date.now() / 1000;
			if (call.output === "table")
				call.sayAbout(
					answered(answers)
						.filter(({ data }) => data.keys?.length === 0)
						.map(({ host }) => ({ host, message: "no snapshots" })),
				);
			return report(call, answers, {
				table: (agents) =>
					table(
						columns,
						agents.flatMap(({ host, data }) =>
							data.keys.map((key) => row(host, key, now)),
						),
						call.screen,
					),
			});
		}
		const answers = await call.ask((client) => readMachineState(client, key));
		const isAlone = call.targets.length === 1;
		return report(call, answers, {
			table: (agents) =>
				agents
					.map(({ host, data }) => {
						const title = isAlone ? "" : `==> ${host} <==\n`;
						const text = safeLines(data.machineState);
						return `${call.screen.paint(title, "bold")}${text}${text.endsWith("\n") ? "" : "\n"}`;
					})
					.join(""),
		});
	},
});
