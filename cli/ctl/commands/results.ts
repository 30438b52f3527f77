import type { components } from "../../../src/client/index.ts";
import { outputLine } from "../../../src/protocol/perfdata.ts";
import { createAgentCommand } from "../agent-command.ts";
import { timeText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Cell, type Column, dash, table } from "../output/table.ts";
import type { Colour } from "../output/terminal.ts";
import { dataOf } from "../target/answer.ts";

type Result = components["schemas"]["ResultList"]["results"][number];

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "CHECK", cut: "middle" },
	{ title: "STATE" },
	{ title: "LAST RUN", leaves: 3 },
	{ title: "TOOK", align: "right", leaves: 2 },
	{ title: "ASKED BY", cut: "middle", leaves: 1 },
	{ title: "OUTPUT" },
];

const colours: Readonly<Record<Result["state"], Colour>> = {
	OK: "green",
	WARNING: "yellow",
	CRITICAL: "red",
	UNKNOWN: "magenta",
};

/** Names in the policy, otherwise the address; a request may have come through bastions. */
function askedByText({
	who,
	address,
	unproved_hops,
}: Result["asked_by"]): string {
	const names = who.join(", ") || (address ?? "admin socket");
	return unproved_hops > 0 ? `${names} (relayed)` : names;
}

const secondsText = (seconds: number) =>
	seconds < 1
		? `${Math.round(seconds * 1000)}ms`
		: `${Number(seconds.toFixed(1))}s`;

function row(host: string, result: Result): Cell[] {
	const { check, state, ended_at, duration_seconds, asked_by } = result;
	return [
		{ text: host, colour: "cyan" },
		check,
		{ text: state, colour: colours[state] },
		timeText(ended_at),
		secondsText(duration_seconds),
		askedByText(asked_by),
		outputText(result),
	];
}

/** The line of the output; without a policy, one plugin may check several things. */
function outputText({ output, variants }: Result): Cell {
	const isOnly = variants === 1;
	if (output === null && isOnly) return dash;
	return [
		...(output === null ? [] : [outputLine(output)]),
		...(isOnly ? [] : [`(the last of ${variants} with different options)`]),
	].join(" ");
}

export const resultsCommand = createAgentCommand({
	name: "results",
	summary: "show the last result of each check on agents",
	details:
		"Shows how each command of the policy, or each plugin, ended when it last ran as a check since the agent started (/results), whoever asked. TOOK is its run time. JSON and YAML have the exit status, the whole output, CPU time and memory as well. The output of a check that may have had a secret is not shown. Of a check that ran with different options, such as one plugin for several disks, only the last result is kept; a command of the policy for each keeps them. Needs the permission read-results. v1 (Go) keeps no results.",
	examples: [
		"results -H web01",
		"results -H web01,web02 --via bastion1",
		"results --group WEB -o json",
	],
	settings: {},
	formats: ["table", "json", "yaml"],
	async run(call) {
		const answers = await call.ask(async (client) => {
			const asked = client.POST("/results", { body: {} });
			return (await dataOf(asked, "/results")).results;
		});
		if (call.output === "table")
			for (const answer of answers)
				if (answer.ok && answer.data.length === 0)
					call.say(`${answer.host}: no check has run yet`);
		return report(call, answers, {
			table: (agents) =>
				table(
					columns,
					agents.flatMap(({ host, data }) =>
						data.map((result) => row(host, result)),
					),
					call.screen,
				),
		});
	},
});
