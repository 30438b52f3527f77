import type { AgentClient, CheckResult } from "../../../src/client/index.ts";
import { createAgentCommand } from "../agent-command.ts";
import { report } from "../output/report.ts";
import {
	type Colour,
	displayWidth,
	endedLines,
	type Screen,
	safeLines,
} from "../output/terminal.ts";
import {
	type HostAnswer,
	isProblem,
	refusal,
	senseless,
} from "../target/answer.ts";
import { commandLine } from "./command-line.ts";

/** States of Nagios by exit status. */
const states: readonly { name: string; colour: Colour }[] = [
	{ name: "OK", colour: "green" },
	{ name: "WARNING", colour: "yellow" },
	{ name: "CRITICAL", colour: "red" },
	{ name: "UNKNOWN", colour: "magenta" },
];

const unknown = 3;
/** Exit statuses from good to bad: CRITICAL is worse than UNKNOWN. */
const severity: readonly number[] = [0, 1, 3, 2];

/** The state of one host: an index of `states`. */
const stateOf = (answer: HostAnswer<CheckResult>) =>
	answer.ok && states[answer.data.return_value]
		? answer.data.return_value
		: unknown;

/**
 * The exit status. For one host it is that of the plugin; for several hosts, the worst of their
 * states: CRITICAL, then UNKNOWN, WARNING, OK. A host without an answer is UNKNOWN.
 */
export function monitorStatus(
	answers: readonly HostAnswer<CheckResult>[],
): number {
	const [first] = answers;
	if (answers.length === 1 && first?.ok) {
		const { return_value } = first.data;
		// the system would turn 256 into 0, which is OK
		return return_value >= 0 && return_value <= 255 ? return_value : unknown;
	}
	return answers
		.map(stateOf)
		.reduce((worst, state) =>
			severity.indexOf(state) > severity.indexOf(worst) ? state : worst,
		);
}

/** Whether a body is a check result. A problem has the same fields, but is no result. */
function isResult(body: unknown): body is CheckResult {
	const { return_value, message } = (body ?? {}) as Record<string, unknown>;
	return (
		Number.isInteger(return_value) &&
		typeof message === "string" &&
		!isProblem(body)
	);
}

/** State and output of each host; all lines but the first are indented. */
function resultsText(
	answers: readonly { host: string; data: CheckResult }[],
	{ paint }: Screen,
): string {
	const widest = Math.max(...answers.map(({ host }) => displayWidth(host)));
	return answers
		.map(({ host, data }) => {
			const { name, colour } = states[data.return_value] ?? {
				name: `status ${data.return_value}`,
				colour: "magenta" as const,
			};
			const space = " ".repeat(widest - displayWidth(host));
			const text = safeLines(data.message).trimEnd().replaceAll("\n", "\n    ");
			return `${paint(host, "cyan")}${space}  ${paint(name.padEnd(8), colour)}  ${text}\n`;
		})
		.join("");
}

/**
 * Runs a check on an agent.
 * @throws HostFailure if there is no result
 */
export async function runCheck(
	client: AgentClient,
	{ plugin, option }: { plugin: string; option: string },
	signal?: AbortSignal,
): Promise<CheckResult> {
	const { data, error, response } = await client.POST("/monitor", {
		body: { plugin_name: plugin, plugin_option: option },
		...(signal && { signal }),
	});
	if (data) return data;
	if (response.ok) throw senseless(response.status);
	// for a plugin that reached its time limit the agent answers 500 with a CRITICAL result
	if (response.status === 500 && isResult(error)) return error;
	throw refusal(response, error, "/monitor");
}

export const monitorCommand = createAgentCommand({
	name: "monitor",
	summary: "run a Nagios plugin on agents",
	usage: "PLUGIN [PLUGIN-OPTION...]",
	details:
		"Options of happo-ctl come before PLUGIN; everything after it belongs to the plugin. Several words after PLUGIN reach the plugin unchanged, even quotes; a single word is an option line, which the agent splits, or passes to a shell if its settings allow that.\nFor one agent, the exit status is the plugin's own, or 3 (UNKNOWN) if the agent refuses or cannot be reached. For several agents it is the worst of all: CRITICAL (2), then UNKNOWN (3, also for hosts without an answer and for statuses above 3), WARNING (1), OK (0). An invalid command line gives 2.",
	examples: [
		"monitor -H web01 check_load -w 5,4,3 -c 10,8,6",
		"monitor -H web01 check_procs '-w 100 -c 200'",
		"monitor -H 192.0.2.7 --via bastion1,bastion2 check_disk -w 10% /",
		"monitor --group WEB -o json check_ntp",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	operands: {
		minimum: 1,
		maximum: Number.POSITIVE_INFINITY,
		name: "PLUGIN",
		isCommandLine: true,
	},
	async run(call) {
		const { command, option } = commandLine(call.operands);
		const answers = await call.ask((client) =>
			runCheck(client, { plugin: command, option }),
		);
		const isAlone = answers.length === 1;
		await report(call, answers, {
			table: (agents) =>
				isAlone
					? agents.map(({ data }) => endedLines(data.message)).join("")
					: resultsText(agents, call.screen),
		});
		return monitorStatus(answers);
	},
});
