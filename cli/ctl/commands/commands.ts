import type { components } from "../../../src/client/index.ts";
import { quotedWord } from "../../../src/protocol/words.ts";
import { createAgentCommand } from "../agent-command.ts";
import { report } from "../output/report.ts";
import { type Cell, type Column, table } from "../output/table.ts";
import { dataOf } from "../target/answer.ts";

type CommandList = components["schemas"]["CommandList"];
type Slot = components["schemas"]["Slot"];

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "COMMAND", cut: "middle" },
	{ title: "PLUGIN", cut: "middle", leaves: 2 },
	{ title: "VALUES", leaves: 3 },
	{ title: "DESCRIPTION", leaves: 1 },
];

/** A slot as a usage line has it: `PATH`, `[WARNING=20%]`, `[OPTIONS...]`. */
function slotText({ name, required, several, default: initial }: Slot): string {
	const shown = `${name.toUpperCase()}${several ? "..." : ""}`;
	if (required) return shown;
	return `[${shown}${initial === undefined ? "" : `=${several ? initial : quotedWord(initial)}`}]`;
}

function rows(host: string, { commands, plugins }: CommandList): Cell[][] {
	const name = { text: host, colour: "cyan" as const };
	return [
		...commands.map(({ name: command, plugin, slots, description = "" }) => [
			...[name, command, plugin],
			...[slots.map(slotText).join(" "), description],
		]),
		...plugins.map((plugin) => [name, plugin, plugin, "[OPTION...]", ""]),
	];
}

export const commandsCommand = createAgentCommand({
	name: "commands",
	summary: "list what you may run on agents",
	details:
		"Lists the commands of an agent's policy that you may run, with the values that they take (/commands): those in brackets may be left out, and = shows what they are then. A command runs by its name and its values in this order. Without a policy, or while it only observes, you may also run each plugin that the agent has, with any options. Needs the permission read-commands. v1 (Go) has no such list.",
	examples: [
		"commands -H web01",
		"commands -H web01 --via bastion1 -o json",
		"commands --group WEB -o yaml",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	async run(call) {
		const answers = await call.ask((client) =>
			dataOf(client.POST("/commands", { body: {} }), "/commands"),
		);
		if (call.output === "table")
			for (const answer of answers)
				if (answer.ok && rows("", answer.data).length === 0)
					call.say(`${answer.host}: nothing that you may run`);
		return report(call, answers, {
			table: (agents) =>
				table(
					columns,
					agents.flatMap(({ host, data }) => rows(host, data)),
					call.screen,
				),
		});
	},
});
