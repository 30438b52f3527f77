import type { Setting, SettingTable } from "../src/setting-table.ts";
import { shownDefault } from "./options.ts";

const width = 80;

/** Text broken into lines, all but the first with an indent. */
function wrapped(text: string, indent: number): string {
	const lines = [""];
	for (const word of text.split(" ")) {
		const last = lines.at(-1) ?? "";
		const longer = last === "" ? word : `${last} ${word}`;
		if (indent + longer.length > width && last !== "") lines.push(word);
		else lines[lines.length - 1] = longer;
	}
	return lines.join(`\n${" ".repeat(indent)}`);
}

const placeholders: Record<Setting["kind"], string> = {
	integer: "N",
	text: "TEXT",
	list: "A,B,...",
	switch: "",
	choice: "WORD",
};

function flag(name: string, setting: Setting): string {
	const short = setting.short ? `-${setting.short}, ` : "    ";
	// a switch that is on by default can only be turned off
	const on = setting.kind === "switch" && setting.default;
	const placeholder = setting.placeholder ?? placeholders[setting.kind];
	return `${short}--${on ? "no-" : ""}${name}${placeholder && ` ${placeholder}`}`;
}

/** One entry of an option list: flag, what it does, its default. */
function entry(name: string, setting: Setting): string {
	const initial = shownDefault(setting);
	const by = initial === "" || setting.kind === "switch" ? "" : ` (${initial})`;
	const off = setting.kind === "switch" && setting.default;
	const what = (off && setting.helpOff) || setting.help;
	const indent = 10;
	return `  ${flag(name, setting)}\n${" ".repeat(indent)}${wrapped(`${what}${by}`, indent)}\n`;
}

/** What a command's help is made of. */
export interface CommandHelp {
	/** How it is called, without the program's name. */
	usage: string;
	/** One line. */
	summary: string;
	/** A few sentences; may be empty. */
	details: string;
	examples: readonly string[];
	settings: SettingTable;
}

/** The help text of one command. */
export function commandHelp(program: string, help: CommandHelp): string {
	const options = Object.entries(help.settings)
		.filter(([, { from }]) => from !== "environment")
		.map(([name, setting]) => entry(name, setting));
	const examples = help.examples.map((line) => `  ${program} ${line}\n`);
	return `${program} ${help.usage}: ${help.summary}

${wrapped(help.details, 0)}

Options (default in brackets):
${options.join("")}
Examples:
${examples.join("")}`;
}

/** The help text of a program: its commands. */
export function programHelp(
	program: string,
	commands: readonly { name: string; help: CommandHelp }[],
): string {
	const list = commands.map(
		({ name, help }) => `  ${name.padEnd(16)}${help.summary}\n`,
	);
	return `Usage: ${program} COMMAND [OPTION...]

Commands:
${list.join("")}  ${"help COMMAND".padEnd(16)}show the options of a command

  -h, --help      show this
  -v, --version   show the version
`;
}
