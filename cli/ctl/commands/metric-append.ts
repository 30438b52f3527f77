import { hostname } from "node:os";
import type { Sample } from "../../../src/client/index.ts";
import {
	latestTimestamp,
	parseSensuLines,
} from "../../../src/protocol/sensu.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { createAgentCommand } from "../agent-command.ts";
import { readInput } from "../input-file.ts";
import { report } from "../output/report.ts";
import { safeLine } from "../output/terminal.ts";
import { dataOf } from "../target/answer.ts";

const appendSettings = {
	hostname: {
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "the host the figures are of (this machine's name)",
	},
	"dry-run": {
		kind: "switch",
		short: "n",
		default: false,
		help: "read the lines, store nothing",
	},
} as const satisfies SettingTable;

/** Complaints that are shown; a wrong file has one for every line. */
const mostComplaints = 20;

export const metricAppendCommand = createAgentCommand({
	name: "metric append",
	summary: "store metrics",
	usage: "[FILE]",
	details:
		"Reads lines of the format that Sensu and Graphite share, NAME VALUE TIMESTAMP, from a file or standard input, and has every agent that is named store them. If a line is wrong (no number, NaN, no timestamp, or one more than a day ahead of this machine's clock), nothing is stored. Lines of more or fewer than three fields do not count, lines that begin with # are comments. Every value keeps its time; of one name at one time the last line counts.",
	examples: [
		'metric append -H web01 --hostname web01 <<< "backup.seconds 81 $(date +%s)"',
		"metric append -H web01 figures.txt",
	],
	settings: appendSettings,
	formats: ["table", "json", "yaml"],
	operands: { minimum: 0, maximum: 1, name: "FILE" },
	async run(call) {
		const { settings, operands, stdin, say } = call;
		const { name, text } = await readInput(operands[0] ?? "-", stdin);
		const { samples, complaints, ignored, firstIgnored } = readSensuSamples(
			text,
			settings.hostname || hostname(),
		);
		for (const complaint of complaints.slice(0, mostComplaints))
			say(`${name} ${complaint}`);
		if (complaints.length > 0)
			throw new UsageError(
				`${name}: ${complaints.length} wrong lines, nothing was stored`,
			);
		if (ignored > 0)
			say(
				`${name}: lines that are not three fields: ${ignored}, the first is ${firstIgnored}`,
			);
		if (samples.length === 0)
			throw new UsageError(`${name}: no line NAME VALUE TIMESTAMP`);
		const values = samples.reduce(
			(sum, { metrics }) => sum + Object.keys(metrics).length,
			0,
		);
		const stored = { samples: samples.length, values };
		if (settings["dry-run"]) {
			say(`${name}: ${values} values at ${samples.length} times, not stored`);
			return 0;
		}
		const answers = await call.ask(async (client) => {
			await dataOf(
				client.POST("/metric/append", { body: { metric_data: samples } }),
				"/metric/append",
			);
			return stored;
		});
		return report(call, answers, {
			table: (agents) =>
				agents
					.map(
						({ host, data }) =>
							`${host}: stored ${data.values} values at ${data.samples} times\n`,
					)
					.join(""),
		});
	},
});

/** What a text of Sensu lines holds. */
export interface SensuSamples {
	/** One for each time, in the order of time. */
	samples: Sample[];
	/** `line 3: the value is not a number: a b c` */
	complaints: string[];
	/** Lines that are neither blank, nor comments, nor three fields. */
	ignored: number;
	/** The first of these, `line 3: a b`. */
	firstIgnored: string;
}

const shortened = (text: string) =>
	safeLine(text.length > 200 ? `${text.slice(0, 200)}...` : text);

/** Reads `name value timestamp` lines; of a name that comes twice at one time the last counts. */
export function readSensuSamples(text: string, hostname: string): SensuSamples {
	const { samples, bad, unknown } = parseSensuLines(
		text,
		latestTimestamp(Date.now()),
	);
	const { count, first } = unknown;
	return {
		samples: samples.map((sample) => ({ hostname, ...sample })),
		complaints: bad.map(
			({ line, reason, text }) => `line ${line}: ${reason}: ${shortened(text)}`,
		),
		ignored: count,
		firstIgnored: first ? `line ${first.line}: ${shortened(first.text)}` : "",
	};
}
