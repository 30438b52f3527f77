/**
 * Writes the man pages of the programs, from the tables of their help.
 *   node build/man.js DIRECTORY
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { appendMetricCommand } from "../../cli/append-metric/command.ts";
import { help as checkHappoHelp } from "../../cli/check-happo/arguments.ts";
import { runCommand } from "../../cli/collector/run-command.ts";
import { statusCommand } from "../../cli/collector/status-command.ts";
import {
	commands as ctlCommands,
	topics,
} from "../../cli/ctl/commands/index.ts";
import { daemonCommand } from "../../cli/daemon.ts";
import { exportOriginalCommand } from "../../cli/export-original.ts";
import {
	addCommand,
	isAddedCommand,
	removeCommand,
} from "../../cli/management.ts";
import type { ProgramCommand } from "../../cli/program/command.ts";
import {
	flagged,
	type HelpSection,
	type HelpTopic,
	optionName,
	optionText,
	shownDefault,
} from "../../cli/program/help.ts";
import { setupCommand } from "../../cli/setup/command.ts";
import { version } from "../../generated/version.ts";
import { type SettingTable, variableName } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";

const date = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000)
	.toISOString()
	.slice(0, 10);

/** Text for roff: no letter of it is an instruction. */
const text = (plain: string) =>
	plain
		.replaceAll("\\", "\\(rs")
		.replaceAll("-", "\\-")
		.replaceAll("'", "\\(aq")
		.replaceAll("^", "\\(ha")
		.replaceAll("~", "\\(ti")
		.replaceAll("`", "\\(ga")
		.replace(/^\./gm, "\\&.");

const heading = (title: string) => `.SH ${text(title.toUpperCase())}\n`;
const paragraph = (plain: string) => (plain ? `.PP\n${text(plain)}\n` : "");
const term = (name: string, plain: string) =>
	`.TP\n.B ${text(name)}\n${text(plain)}\n`;
const verbatim = (lines: string) => `.PP\n.nf\n.RS\n${text(lines)}\n.RE\n.fi\n`;

const page = (name: string, section: number, summary: string, body: string) =>
	`.TH ${name.toUpperCase()} ${section} "${date}" "happo\\-agent ${version}" "happo\\-agent"
.ad l
${heading("name")}${text(name)} \\- ${text(summary)}
${body}`;

const options = (table: SettingTable) =>
	flagged(table)
		.map(([name, setting]) =>
			term(optionName(name, setting).trim(), optionText(setting)),
		)
		.join("");

const section = ({ title, settings }: HelpSection) =>
	paragraph(`${title}:`) + options(settings);

/** Options that several commands share, in a section of their own. */
const topicSection = ({ name, summary, details, sections }: HelpTopic) =>
	[
		heading(name),
		paragraph(`These options ${summary}.`),
		...details.split("\n").map(paragraph),
		...sections.map(section),
	].join("");

/** A command of a program, in a section of its own. */
function commandSection(program: string, { help }: ProgramCommand): string {
	const { usage, summary, details, examples, settings, shared = [] } = help;
	const { topic } = help;
	return [
		`.SS ${text(`${program} ${usage}`)}\n`,
		paragraph(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`),
		...details.split("\n").map(paragraph),
		options(settings),
		...shared.map(section),
		topic ? paragraph(`It also has the options of ${topic.name}, below.`) : "",
		examples.length > 0
			? paragraph("Examples:") +
				verbatim(examples.map((line) => `${program} ${line}`).join("\n"))
			: "",
	].join("");
}

const programPage = (
	name: string,
	section: number,
	summary: string,
	commands: readonly ProgramCommand[],
	rest: string,
) =>
	page(
		name,
		section,
		summary,
		`${heading("synopsis")}.B ${text(name)}
.I COMMAND
[OPTION...]
.br
.B ${text(name)} help
.I COMMAND
${heading("commands")}${commands
	.filter(({ isHidden }) => !isHidden)
	.map((command) => commandSection(name, command))
	.join("")}${rest}`,
	);

const seeAlso = (others: string) => `${heading("see also")}${text(others)}\n`;

const variables = Object.entries(daemonSettings)
	.map(([name, setting]) =>
		term(
			`${variableName(name)}${shownDefault(setting) && `=${shownDefault(setting)}`}`,
			setting.help,
		),
	)
	.join("");

const agentPage = () =>
	programPage(
		"happo-agent",
		8,
		"monitoring agent that runs Nagios plugins and collects metrics",
		[
			...[daemonCommand, addCommand, isAddedCommand, removeCommand],
			...[appendMetricCommand, exportOriginalCommand, setupCommand],
		],
		`${heading("environment")}${paragraph("The settings of the daemon with their defaults:")}${variables}${heading("files")}${[
			["/etc/default/happo-agent.env", "settings of the service"],
			["/etc/happo/metrics.yaml", "the metric plugins that run every minute"],
			["/etc/happo/policy.yaml", "who may do what"],
			[
				"/etc/happo/happo-agent.pub, /etc/happo/happo-agent.key",
				"certificate and private key of the administrator; without them the agent uses its own",
			],
			[
				"/var/lib/happo-agent/key-pair",
				"the key pair that the agent makes for its machine",
			],
			["/var/lib/happo-agent/happo-agent.db", "metrics and machine states"],
		]
			.map(([name = "", what = ""]) => term(name, what))
			.join("")}${seeAlso("happo-ctl(1), check_happo(1)")}`,
	);

const ctlPage = () =>
	programPage(
		"happo-ctl",
		1,
		"asks and operates happo-agents, one or many",
		ctlCommands,
		topics.map(topicSection).join("") +
			seeAlso("happo-agent(8), check_happo(1)"),
	);

const collectorPage = () =>
	programPage(
		"happo-collector",
		8,
		"writes the metrics of happo-agents to time series stores",
		[runCommand, statusCommand],
		`${heading("files")}${[
			["/etc/default/happo-collector.env", "options of the service"],
			[
				"/var/lib/happo-collector/quarantine.ndjson",
				"samples that the store cannot take, with the reasons",
			],
			[
				"/usr/share/happo-collector/prometheus",
				"scrape example, recording rules and alerts for Prometheus and vmalert",
			],
			["/usr/share/happo-collector/grafana", "dashboard for Grafana"],
		]
			.map(([name = "", what = ""]) => term(name, what))
			.join("")}${seeAlso("happo-agent(8), happo-ctl(1)")}`,
	);

/** The page of check_happo, whose help is one text. */
function checkHappoPage(): string {
	const [, synopsis = "", options = "", rest = ""] =
		/\n\n((?:Usage: | {7}).*\n(?: +.*\n)*)\nOptions of monitor:\n((?: +.*\n)+)\n([\s\S]*)$/.exec(
			checkHappoHelp,
		) ?? [];
	if (!rest) throw new Error("the help of check_happo has another form");
	const entries = options
		.split(/\n(?= {2,6}-)/)
		.map((entry) => /^\s*(-.*?) {2,}([\s\S]*)$/.exec(entry) ?? [])
		.map(([, name = "", what = ""]) =>
			term(name, what.trim().replace(/\s+/g, " ")),
		);
	const [explanation = "", example = ""] = rest.split("\nExample:\n");
	return page(
		"check_happo",
		1,
		"runs a Nagios plugin through happo-agent",
		[
			heading("synopsis"),
			`.nf\n${text(synopsis.replace("Usage: ", "").replace(/^ {7}/gm, "").trimEnd())}\n.fi\n`,
			heading("options of monitor"),
			...entries,
			heading("description"),
			...explanation
				.split("\n\n")
				.map((lines) => paragraph(lines.trim().replace(/\s+/g, " "))),
			heading("example"),
			verbatim(example.trim()),
			seeAlso("happo-agent(8), happo-ctl(1)"),
		].join(""),
	);
}

const [, , directory = "."] = process.argv;
for (const [name, content] of Object.entries({
	"happo-agent.8": agentPage(),
	"happo-ctl.1": ctlPage(),
	"check_happo.1": checkHappoPage(),
	"happo-collector.8": collectorPage(),
}))
	writeFileSync(join(directory, name), content);
