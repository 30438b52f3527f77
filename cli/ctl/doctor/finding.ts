import { jsonText } from "../output/formats.ts";
import { type Colour, type Screen, safeLine } from "../output/terminal.ts";

/** What is examined, in the order of the output. */
export const areas = [
	...["agent", "settings", "node", "port", "clock", "files", "certificate"],
	...["store", "metrics", "policy", "plugins", "commands"],
] as const;

export type Area = (typeof areas)[number];

/**
 * `problem`: somebody has to do something. `unknown`: it could not be found out. `note`: worth
 * knowing, but nothing has to be done.
 */
export type Level = "problem" | "unknown" | "note";

/** What was found at one place. */
export interface Finding {
	level: Level;
	area: Area;
	/** A file, a port, a setting or a command of the policy. */
	where: string;
	/** Sentences: what is the matter, why that matters, and what to do. */
	what: string;
	why: string;
	remedy: string;
}

/** Makes a finding; takes what, why and remedy in this order. Messages begin with a small letter. */
export const finding = (
	level: Level,
	area: Area,
	where: string,
	[what, why, remedy]: readonly [what: string, why: string, remedy: string],
): Finding => ({
	...{ level, area, where, why, remedy },
	what: what.slice(0, 1).toUpperCase() + what.slice(1),
});

/** How a command of the policy ended at one place. */
export interface TrialResult {
	/** The exit status; null if a signal ended it, or if it was stopped at its time limit. */
	status: number | null;
	timed_out: boolean;
	/** The first line of its output. */
	text: string;
}

/** A command of the policy, and how it ended at each place where it was tried. */
export interface Trial {
	command: string;
	/** The file of the plugin. */
	file: string;
	outside: TrialResult;
	unit?: TrialResult;
	drop_in?: TrialResult;
}

/** The result of an examination. */
export interface Report {
	agent: {
		running: boolean;
		pid: number | null;
		/** The user that it runs as, or would. */
		user: string | null;
		/** Where its settings come from. */
		settings: string;
		unit: string | null;
	};
	findings: Finding[];
	trials: Trial[];
}

const numberOf = ({ findings }: Report, level: Level) =>
	findings.filter((one) => one.level === level).length;

/** 0 if nothing is wrong, 1 if there are problems, 3 if something could not be found out. */
export function exitStatus(report: Report): number {
	if (numberOf(report, "problem") > 0) return 1;
	return numberOf(report, "unknown") > 0 ? 3 : 0;
}

const levels: readonly (readonly [Level, string, Colour])[] = [
	["problem", "PROBLEM", "red"],
	["unknown", "UNKNOWN", "yellow"],
	["note", "NOTE", "cyan"],
];

/** The report as JSON. */
export const reportJson = (report: Report): string =>
	`${jsonText({ ok: exitStatus(report) === 0, ...report }, 2)}\n`;

const counted = (count: number, noun: string, nouns = `${noun}s`) =>
	`${count} ${count === 1 ? noun : nouns}`;

/** The report for people: the most urgent findings first, and last what is in order. */
export function reportText(report: Report, { paint }: Screen): string {
	const { agent, findings, trials } = report;
	const line = (text: string) => `${safeLine(text)}\n`;
	const blocks = levels.flatMap(([level, title, colour]) =>
		findings
			.filter((one) => one.level === level)
			.toSorted((a, b) => areas.indexOf(a.area) - areas.indexOf(b.area))
			.map(
				({ where, what, why, remedy }) =>
					`${paint(title, colour)} ${line(where)}${line(`  ${what}`)}${line(`  Why it matters: ${why}`)}${line(`  What to do: ${remedy}`)}\n`,
			),
	);
	const fine = areas.filter((area) =>
		findings.every((one) => one.area !== area || one.level === "note"),
	);
	const who = agent.running
		? `The agent runs as process ${agent.pid ?? "?"}`
		: "The agent does not run";
	const fit = trials.filter(({ outside }) => outside.status !== null).length;
	return [
		...blocks,
		line(
			`${who}${agent.user === null ? "" : `, user ${agent.user}`}. Its settings come from ${agent.settings}.`,
		),
		trials.length === 0
			? ""
			: line(
					`${counted(fit, "command")} of the policy ran, ${counted(trials.length - fit, "did", "did")} not.`,
				),
		fine.length === 0 ? "" : line(`In order: ${fine.join(", ")}.`),
		line(
			`${counted(numberOf(report, "problem"), "problem")}, ${numberOf(report, "unknown")} unknown, ${counted(numberOf(report, "note"), "note")}.`,
		),
	].join("");
}
