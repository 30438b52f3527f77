import type { AgentClient, CheckResult } from "../../../src/client/index.ts";
import { parsePerfdata, splitOutput } from "../../../src/protocol/perfdata.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { createAgentCommand } from "../agent-command.ts";
import { report } from "../output/report.ts";
import { leavingText } from "../output/table.ts";
import { endedLines } from "../output/terminal.ts";
import {
	answered,
	type HostAnswer,
	isProblem,
	refusal,
	senseless,
} from "../target/answer.ts";
import { commandLine } from "./command-line.ts";
import {
	type Data,
	perfdataColumns,
	perfdataText,
	resultsText,
	severity,
	stateOf,
	summaryText,
	unknown,
	worstFirst,
} from "./monitor-text.ts";

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

const monitorSettings = {
	perfdata: {
		kind: "switch",
		default: false,
		help: "also show the performance data, one value a row; json and yaml get it as perfdata",
	},
} as const satisfies SettingTable;

export const monitorCommand = createAgentCommand({
	name: "monitor",
	summary: "run a Nagios plugin on agents",
	usage: "PLUGIN [PLUGIN-OPTION...]",
	details: `Options of happo-ctl come before PLUGIN; everything after it belongs to the plugin. Several words after PLUGIN reach the plugin unchanged, even quotes; a single word is an option line, which the agent splits, or passes to a shell if its settings allow that.\nFor one agent, the exit status is the plugin's own, or 3 (UNKNOWN) if the agent refuses or cannot be reached. For several agents, the results have no performance data, the worst come first, and the last line counts the states. The exit status is then the worst of all: CRITICAL (2), then UNKNOWN (3, also for hosts without an answer and for statuses above 3), WARNING (1), OK (0). An invalid command line gives 2.\n${leavingText(perfdataColumns)}`,
	examples: [
		"monitor -H web01 check_load -w 5,4,3 -c 10,8,6",
		"monitor -H web01 check_procs '-w 100 -c 200'",
		"monitor -H 192.0.2.7 --via bastion1,bastion2 check_disk -w 10% /",
		"monitor --group WEB --perfdata check_ntp_time -H ntp1",
	],
	settings: monitorSettings,
	formats: ["table", "json", "yaml"],
	operands: {
		minimum: 1,
		maximum: Number.POSITIVE_INFINITY,
		name: "PLUGIN",
		isCommandLine: true,
	},
	async run(call) {
		const { command, option } = commandLine(call.operands);
		const answers = await call.ask(async (client): Promise<Data> => {
			const result = await runCheck(client, { plugin: command, option });
			if (!call.settings.perfdata) return result;
			const { perfdata } = splitOutput(result.message);
			return { ...result, perfdata: parsePerfdata(perfdata) };
		});
		const { screen } = call;
		const isAlone = answers.length === 1;
		await report(call, answers, {
			table: (agents) => {
				const worst = worstFirst(agents);
				const values = perfdataText(worst, screen);
				return [
					isAlone
						? agents.map(({ data }) => endedLines(data.message)).join("")
						: resultsText(worst, screen) + summaryText(answers, screen.paint),
					...(values === "" ? [] : [values]),
				].join("\n");
			},
		});
		if (call.output === "table")
			call.sayAbout(
				answered(answers).flatMap(({ host, data }) =>
					(data.perfdata?.errors ?? []).map((error) => ({
						host,
						message: `performance data: ${error}`,
					})),
				),
			);
		return monitorStatus(answers);
	},
});
