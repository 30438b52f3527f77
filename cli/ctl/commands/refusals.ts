import type { components } from "../../../src/client/index.ts";
import { quotedWord } from "../../../src/protocol/words.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { createAgentCommand } from "../agent-command.ts";
import { timeText } from "../output/quantity.ts";
import { report } from "../output/report.ts";
import { type Cell, type Column, table } from "../output/table.ts";
import { safeLine, safeLines } from "../output/terminal.ts";
import { dataOf } from "../target/answer.ts";

type Refusal = components["schemas"]["RefusalList"]["refusals"][number];

const refusalsSettings = {
	lines: {
		kind: "switch",
		default: false,
		help: "print the lines of a policy that would permit each request, instead of a table",
	},
} as const satisfies SettingTable;

const columns: readonly Column[] = [
	{ title: "HOST" },
	{ title: "LAST", leaves: 2 },
	{ title: "COUNT", align: "right", leaves: 1 },
	{ title: "CALLER", cut: "middle", leaves: 3 },
	{ title: "ASKED", cut: "middle" },
	{ title: "REASON" },
];

/** What was asked: the permission, and the command or hop. */
function askedText({
	permission,
	command,
	options = [],
	hop,
}: Refusal): string {
	const words = [command, ...options].flatMap((word) =>
		word === undefined ? [] : [quotedWord(word)],
	);
	return [permission, ...words, ...(hop === null ? [] : [hop])].join(" ");
}

/** Names in the policy, otherwise what it has proved. */
function callerText({ who, proof }: Refusal): string {
	if (who.length > 0) return who.join(", ");
	const { certificate, address = "admin socket" } = proof;
	const name =
		certificate?.dns?.[0] ?? certificate?.uri?.[0] ?? certificate?.cn;
	return name === undefined ? address : `${address} (${name})`;
}

function row(host: string, refusal: Refusal): Cell[] {
	const { decision, last_at, count, reason } = refusal;
	return [
		{ text: host, colour: "cyan" },
		timeText(last_at),
		String(count),
		callerText(refusal),
		askedText(refusal),
		decision === "would-refuse" ? `would be refused: ${reason}` : reason,
	];
}

/** The lines for one request, under a comment that says what they are for. */
function linesText(host: string, refusal: Refusal): string {
	const { allow, reason, count, last_at } = refusal;
	const head = [
		`${host}: ${askedText(refusal)}`,
		`${callerText(refusal)}, ${count} times, last at ${timeText(last_at)}`,
		reason,
		...(allow === null ? ["no lines can permit it"] : []),
	];
	const comment = head.map((line) => `# ${safeLine(line)}\n`).join("");
	return `${comment}${safeLines(allow ?? "")}`;
}

export const refusalsCommand = createAgentCommand({
	name: "refusals",
	summary: "show what agents' policies have refused",
	details:
		"Shows the last requests that the policy of an agent has refused since it started, or would refuse if it did not only observe (/refusals), the last one first. Equal requests are one row with a count. What may be a secret is shown as ***. --lines prints what to add to the policy to permit them. The callers have chosen the words: read the lines before you use any, and try them with 'happo-ctl policy test'. Needs the permission read-refusals. v1 (Go) has no policies.",
	examples: [
		"refusals -H web01",
		"refusals -H web01 --lines",
		"refusals --group WEB -o json",
	],
	settings: refusalsSettings,
	formats: ["table", "json", "yaml"],
	async run(call) {
		const answers = await call.ask(async (client) => {
			const asked = client.POST("/refusals", { body: {} });
			return (await dataOf(asked, "/refusals")).refusals;
		});
		if (call.output === "table")
			for (const answer of answers)
				if (answer.ok && answer.data.length === 0)
					call.say(`${answer.host}: nothing was refused`);
		return report(call, answers, {
			table: (agents) => {
				const all = agents.flatMap(({ host, data }) =>
					data.map((refusal) => ({ host, refusal })),
				);
				return call.settings.lines
					? all.map(({ host, refusal }) => linesText(host, refusal)).join("\n")
					: table(
							columns,
							all.map(({ host, refusal }) => row(host, refusal)),
							call.screen,
						);
			},
		});
	},
});
