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
		help: "host that the metrics belong to (default: the name of this machine)",
	},
	"dry-run": {
		kind: "switch",
		short: "n",
		default: false,
		help: "check the lines without storing them",
	},
} as const satisfies SettingTable;

/** A wrong file could have a complaint for every line. */
const maxComplaints = 20;

export const metricAppendCommand = createAgentCommand({
	name: "metric append",
	summary: "store metrics",
	usage: "[FILE]",
	details:
		"Reads lines of the form NAME VALUE TIMESTAMP, the common format of Sensu and Graphite, from a file or from standard input, and stores them on all given agents. If there is a bad line (no number, NaN, no timestamp, or a timestamp more than a day ahead of this machine's clock), nothing is stored. Lines that do not have three fields are ignored; lines that begin with # are comments. Every value keeps its timestamp; if a name occurs twice with the same timestamp, the last line wins.",
	examples: [
		'metric append -H web01 --hostname web01 <<< "backup.seconds 81 $(date +%s)"',
		"metric append -H web01 metrics.txt",
		"metric append -H web01,web02 --dry-run metrics.txt",
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
		for (const complaint of complaints.slice(0, maxComplaints))
			say(`${name} ${complaint}`);
		if (complaints.length > 0)
			throw new UsageError(
				`${name}: ${complaints.length} bad lines, nothing was stored`,
			);
		if (ignored > 0)
			say(
				`${name}: ignored lines that do not have three fields: ${ignored}; the first is ${firstIgnored}`,
			);
		if (samples.length === 0)
			throw new UsageError(
				`${name}: no line has the form NAME VALUE TIMESTAMP`,
			);
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

/** The contents of a text of Sensu lines. */
export interface SensuSamples {
	/** One for each timestamp, sorted by time. */
	samples: Sample[];
	/** `line 3: the value is not a number: a b c` */
	complaints: string[];
	/** Number of lines that do not have three fields, except blank lines and comments. */
	ignored: number;
	/** The first ignored line, `line 3: a b`. */
	firstIgnored: string;
}

const shortened = (text: string) =>
	safeLine(text.length > 200 ? `${text.slice(0, 200)}...` : text);

/**
 * Reads lines `name value timestamp`. If a name occurs twice with the same timestamp, the last line
 * wins.
 */
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
