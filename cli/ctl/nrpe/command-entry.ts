import {
	isPolicyName,
	PolicyError,
	parsePolicy,
} from "../../../src/policy/policy.ts";
import {
	type PolicyValue,
	policyText,
} from "../../../src/policy/policy-text.ts";
import { safeLine } from "../output/terminal.ts";
import { decoded, type MadeCommand, type Unmade } from "./command-line.ts";
import { hasLoneDollar } from "./macros.ts";
import { type Report, type Value, written } from "./report.ts";

/** NRPE answers it itself. */
const helloCommand = "_NRPE_CHECK";

const commandPairs = (made: MadeCommand, timeout: string): PolicyValue => ({
	run: made.run,
	...(Object.keys(made.slots).length > 0 && { slots: made.slots }),
	timeout,
	...(made.maxValueBytes !== undefined && { "at-most": made.maxValueBytes }),
});

/** What is wrong with a command of a policy; undefined if nothing is. */
function policyFault(name: string, pairs: PolicyValue): string | undefined {
	try {
		parsePolicy(
			`version: 1\ncommands: { ${policyText(name)}: ${policyText(pairs)} }\nrules: []\n`,
		);
		return undefined;
	} catch (error) {
		if (!(error instanceof PolicyError)) throw error;
		return error.problems
			.map((problem) =>
				problem.replace(/^line \d+: commands\.[\w.:-]*(?:\[\d+\])?: /, ""),
			)
			.join("; ");
	}
}

/** Says what has become of a command. Returns its lines in the policy: only a comment if it is not there. */
export function sayCommand(
	report: Report,
	name: string,
	entry: Value,
	made: MadeCommand | Unmade,
	timeout: string,
	{
		line,
		hasLostArguments,
		nastyCharacters,
	}: { line: string; hasLostArguments: boolean; nastyCharacters: string },
): readonly string[] {
	const subject = `command[${name}]`;
	const where = `${entry.file}:${entry.line}: `;
	const needsYou = (text: string, proposal: string) => {
		report.say(entry, subject, "needs you", text, proposal);
		return [
			`  # needs you: ${written(`${where}${subject}=${entry.value}`)}`,
			`  #   ${safeLine(`${text} ${proposal}`)}`,
		];
	};
	if ("reason" in made) return needsYou(made.reason, made.proposal);
	const pairs = commandPairs(made, timeout);
	const text = decoded(name);
	if (text === undefined || !isPolicyName(text)) {
		const other = written(name)
			.replace(/[^A-Za-z0-9_.:-]+/g, "_")
			.replace(/^[^A-Za-z0-9_]+/, "")
			.slice(0, 100);
		return needsYou(
			"The name has other characters than letters, digits and _ . : - or more than 100, and no command of a policy can have it.",
			`Give it another name here and on the monitoring server, such as ${other || "check"}, and import again.`,
		);
	}
	const nasty = [...nastyCharacters].find((each) => text.includes(each));
	if (nasty !== undefined)
		return needsYou(
			`NRPE refuses every call of it, as the name has ${nasty}, one of nasty_metachars.`,
			"Give it another name, or change nasty_metachars, and import again.",
		);
	if (text === helloCommand)
		return needsYou(
			"NRPE never runs this command, as it answers its name itself.",
			"Take the line out.",
		);
	const fault = policyFault(text, pairs);
	if (fault !== undefined)
		return needsYou(
			`A policy cannot have it: ${fault}.`,
			"Change the line so that each argument stands alone or behind a whole option, or move it into a script, and import again.",
		);
	const lost = hasLostArguments
		? [
				"NRPE ran it without arguments, so its $ARGn$ are left out; --arguments yes makes slots of them.",
			]
		: [];
	const dollars = hasLoneDollar(line)
		? [
				"The line has an odd number of $, and NRPE adds one at its end; so does this command.",
			]
		: [];
	const isTightened = made.tightened.length > 0;
	report.say(
		entry,
		subject,
		isTightened
			? "tightened"
			: lost.length + dollars.length > 0
				? "needs you"
				: "imported",
		[
			`It runs ${written(Buffer.from(policyText(made.run)).toString("latin1"))}.`,
			...dollars,
			...lost,
			...made.tightened,
			...made.notes,
		].join(" "),
		dollars.length > 0
			? "Write $$ for each $ that the command needs."
			: lost.length > 0
				? "Look at what is left, and import with --arguments yes if callers are to give values."
				: undefined,
	);
	const { run, slots, ...others } = pairs as Record<string, PolicyValue>;
	return [
		`  # ${written(`${where}${entry.value}`)}`,
		`  ${policyText(text)}:`,
		`    run: ${policyText(run ?? [])}`,
		...(slots
			? [
					"    slots:",
					...Object.entries(slots as Record<string, PolicyValue>).map(
						([slot, type]) => `      ${slot}: ${policyText(type)}`,
					),
				]
			: []),
		...Object.entries(others).map(
			([key, value]) => `    ${key}: ${policyText(value)}`,
		),
	];
}
