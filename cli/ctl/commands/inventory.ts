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

/** What a command gave; a problem, which has the same fields, is none. */
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
		"Everything behind COMMAND is the command's; options of happo-ctl stand in front of it. Several words behind COMMAND reach it as they are; one single word is a line for the agent's shell.\nThe exit status for one agent is the command's own, 1 if the agent cannot be reached or refuses; for many agents it is 0 only if every command ended with 0, otherwise 1.",
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
			// a command that fails is 400 with its output
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
