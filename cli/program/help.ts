import type { Setting, SettingTable } from "../../src/setting-table.ts";
import { wrapped } from "../ctl/output/terminal.ts";
import type { KnownOption } from "./arguments.ts";

const width = 80;

const placeholders: Record<Setting["kind"], string> = {
	integer: "N",
	text: "TEXT",
	list: "A,B,...",
	switch: "",
	choice: "WORD",
};

/** A flag as help shows it, with its short form and the name of its value: `-P, --port N`. */
export function optionName(name: string, setting: Setting): string {
	const short = setting.short ? `-${setting.short}, ` : "    ";
	// a switch that is on by default can only be turned off
	const on = setting.kind === "switch" && setting.default;
	const placeholder = setting.placeholder ?? placeholders[setting.kind];
	return `${short}--${on ? "no-" : ""}${name}${placeholder && ` ${placeholder}`}`;
}

/** What a flag does, with its default in brackets. */
export function optionText(setting: Setting): string {
	const initial = shownDefault(setting);
	const by = initial === "" || setting.kind === "switch" ? "" : ` (${initial})`;
	const off = setting.kind === "switch" && setting.default;
	return `${(off && setting.helpOff) || setting.help}${by}`;
}

/** One entry of an option list: flag, description, default. */
function entry(name: string, setting: Setting): string {
	const indent = 10;
	return `  ${optionName(name, setting)}\n${" ".repeat(indent)}${wrapped(optionText(setting), width, indent)}\n`;
}

/** Options that several commands share. */
export interface HelpSection {
	/** Their heading: `Which agents`. */
	title: string;
	settings: SettingTable;
}

/** Help about what several commands share: `happo-ctl help connections`. */
export interface HelpTopic {
	/** One word, not that of a command. */
	name: string;
	/** One line. */
	summary: string;
	/** A few sentences, one paragraph a line. */
	details: string;
	sections: readonly HelpSection[];
	examples: readonly string[];
}

/** The parts of a command's help. */
export interface CommandHelp {
	/** Synopsis, without the program's name. */
	usage: string;
	/** One line. */
	summary: string;
	/** A few sentences, one paragraph a line; may be empty. */
	details: string;
	examples: readonly string[];
	settings: SettingTable;
	/** More options, after `settings`. */
	shared?: readonly HelpSection[];
	/** More options, which help lists under this topic. */
	topic?: HelpTopic;
}

/** All options of a command. */
export const helpTables = ({ settings, shared = [], topic }: CommandHelp) => [
	settings,
	...[...shared, ...(topic?.sections ?? [])].map(({ settings }) => settings),
];

/** All options of a command, as takeOption() takes them. */
export const optionsOf = ({ help }: { help: CommandHelp }): KnownOption[] =>
	helpTables(help).flatMap(knownOptions);

/** A list of options under its title; empty without options. */
function optionList({ title, settings }: HelpSection): string {
	const options = Object.entries(settings)
		.filter(([, { from }]) => from !== "environment")
		.map(([name, setting]) => entry(name, setting));
	return options.length > 0 ? `\n${title}:\n${options.join("")}` : "";
}

const exampleList = (program: string, lines: readonly string[]) =>
	lines.length > 0
		? `\nExamples:\n${lines.map((line) => `  ${program} ${line}\n`).join("")}`
		: "";

const paragraphs = (text: string) =>
	text
		.split("\n")
		.map((line) => wrapped(line, width, 0))
		.join("\n");

interface Listed {
	name: string;
	help: CommandHelp;
}

/** Names and summaries, one line each. */
function commandList(commands: readonly (readonly [string, string])[]): string {
	const column = Math.max(...commands.map(([name]) => name.length), 14) + 2;
	return commands
		.map(
			([name, summary]) =>
				`  ${name.padEnd(column)}${wrapped(summary, width, column + 2)}\n`,
		)
		.join("");
}

/**
 * The help text of one command.
 * @param family commands whose names begin with the name of this one
 */
export function commandHelp(
	program: string,
	help: CommandHelp,
	family: readonly Listed[] = [],
): string {
	const more = commandList(
		family.map(({ name, help }) => [name, help.summary] as const),
	);
	return `${program} ${help.usage}: ${help.summary}
${help.details && `\n${paragraphs(help.details)}\n`}${family.length > 0 ? `\nMore commands:\n${more}` : ""}${[
	{ title: "Options (default in brackets)", settings: help.settings },
	...(help.shared ?? []),
]
	.map(optionList)
	.join(
		"",
	)}${help.topic ? `\n${topicHint(program, help.topic)}\n` : ""}${exampleList(program, help.examples)}`;
}

const topicHint = (program: string, { name, summary }: HelpTopic) =>
	wrapped(
		`Options that many commands share ${summary}: '${program} help ${name}'.`,
		width,
		0,
	);

/** The help text of a topic. */
export const topicHelp = (
	program: string,
	{ name, summary, details, sections, examples }: HelpTopic,
): string =>
	`${program} help ${name}: ${summary}

${paragraphs(details)}
${sections.map(optionList).join("")}${exampleList(program, examples)}`;

/** The help text of a family: commands whose names begin with the same words. */
export function familyHelp(
	program: string,
	words: string,
	summary: string,
	commands: readonly Listed[],
): string {
	const list = commands.map(({ name, help }) => [name, help.summary] as const);
	const examples = commands.flatMap(({ help }) => help.examples.slice(0, 1));
	return `${program} ${words} COMMAND [OPTION...]${summary && `: ${summary}`}

Commands:
${commandList([...list, [`help ${words} COMMAND`, "show the options of a command"]])}${exampleList(program, examples)}`;
}

/**
 * The help text of a program. It lists the commands; those of a family share one line.
 * @param families summaries of families, by their first words
 */
export function programHelp(
	program: string,
	commands: readonly Listed[],
	families: Readonly<Record<string, string>> = {},
	topics: readonly HelpTopic[] = [],
): string {
	const list: [string, string][] = [];
	for (const { name, help } of commands) {
		const [first = name] = name.split(" ", 1);
		const isAlone = name === first || families[first] === undefined;
		if (isAlone) list.push([name, help.summary]);
		else if (!list.some(([named]) => named === first))
			list.push([first, families[first] ?? ""]);
	}
	return `Usage: ${program} COMMAND [OPTION...]

Commands:
${commandList([
	...list,
	["help COMMAND", "show the options of a command"],
	...topics.map(({ name, summary }): [string, string] => [
		`help ${name}`,
		`show the options that ${summary}`,
	]),
])}
  -h, --help      show this
  -v, --version   show the version
`;
}

/** Settings that have a flag. Secrets have none: `ps` would show them. */
export const flagged = (table: SettingTable) =>
	Object.entries(table).filter(([, { from }]) => from !== "environment");

/** The default of a setting as a user would write it. */
export function shownDefault({ kind, default: value }: Setting): string {
	if (kind === "switch") return value ? "yes" : "no";
	return Array.isArray(value) ? value.join(",") : String(value);
}

/** The flags of a table, as takeOption() takes them. */
export function knownOptions(table: SettingTable): KnownOption[] {
	return flagged(table).map(([long, { short, kind }]) => ({
		long,
		...(short !== undefined && { short }),
		kind: kind === "switch" ? "switch" : "value",
	}));
}
