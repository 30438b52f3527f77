import type { InventoryResult } from "../../../src/client/index.ts";
import { createAgentCommand } from "../agent-command.ts";
import { report } from "../output/report.ts";
import { endedLines } from "../output/terminal.ts";
import {
	HostFailure,
	isProblem,
	refusal,
	senseless,
} from "../target/answer.ts";
import { commandLine } from "./command-line.ts";

/** Whether a body is the result of a command. A problem has the same fields, but is no result. */
function isResult(body: unknown): body is InventoryResult {
	const { return_code, return_value } = (body ?? {}) as Record<string, unknown>;
	return (
		Number.isInteger(return_code) &&
		typeof return_value === "string" &&
		!isProblem(body)
	);
}

export const inventoryCommand = createAgentCommand({
	name: "inventory",
	summary: "run a command on agents and show its output",
	usage: "COMMAND [ARGUMENT...]",
	details:
		"Options of happo-ctl come before COMMAND; everything after it belongs to the command. Several words after COMMAND reach the command unchanged; a single word is a line for the agent's shell.\nFor one agent, the exit status is the command's own, or 1 if the agent refuses or cannot be reached. For several agents it is 0 if all commands ended with 0, otherwise 1.",
	examples: [
		"inventory -H web01 uname -a",
		"inventory -H web01,web02 'rpm -qa | sort'",
		"inventory --group WEB -o yaml cat /etc/os-release",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	operands: {
		minimum: 1,
		maximum: Number.POSITIVE_INFINITY,
		name: "COMMAND",
		isCommandLine: true,
	},
	async run(call) {
		const { command, option } = commandLine(call.operands);
		const answers = await call.ask(async (client): Promise<InventoryResult> => {
			const { data, error, response } = await client.POST("/inventory", {
				body: { command, command_option: option },
			});
			if (data) return data;
			if (response.ok) throw senseless(response.status);
			if (response.status === 417)
				throw new HostFailure({
					reason: "failed",
					status: 417,
					message: `${command}: did not end within the agent's time limit`,
				});
			// for a failed command the agent answers 400 with its output
			if (isResult(error)) return error;
			throw refusal(response, error, "/inventory");
		});
		const { paint } = call.screen;
		const isAlone = answers.length === 1;
		const status = await report(call, answers, {
			table: (agents) =>
				agents
					.map(({ host, data }) => {
						const output = endedLines(data.return_value);
						if (isAlone) return output;
						const { return_code } = data;
						const mark = paint(
							return_code === 0 ? "" : ` (exit status ${return_code})`,
							"red",
						);
						return `${paint(`==> ${host} <==`, "bold")}${mark}\n${output}`;
					})
					.join(""),
		});
		const [first] = answers;
		if (isAlone && first?.ok) {
			const { return_code } = first.data;
			return return_code >= 0 && return_code <= 255 ? return_code : 1;
		}
		const failed = answers.some(({ ok, ...answer }) =>
			ok && "data" in answer ? answer.data.return_code !== 0 : !ok,
		);
		return failed ? 1 : status;
	},
});
