import type { Readable } from "node:stream";
import { keyDigest, makeKey } from "../../../src/policy/key.ts";
import {
	isPolicyName,
	type Policy,
	PolicyError,
	parsePolicy,
} from "../../../src/policy/policy.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { readInput } from "../input-file.ts";
import { jsonText } from "../output/formats.ts";
import { safeLine } from "../output/terminal.ts";

/**
 * Reads a policy as an agent does. Returns its text as well.
 * @throws UsageError if the file cannot be read, or with all problems if it is no policy
 */
export async function readPolicyText(
	file: string,
	stdin: Readable,
): Promise<{ policy: Policy; text: string }> {
	const { name, text } = await readInput(file, stdin);
	try {
		return { policy: parsePolicy(text).policy, text };
	} catch (error) {
		if (!(error instanceof PolicyError)) throw error;
		throw new UsageError(
			error.problems.map((problem) => `${name} ${problem}`).join("; "),
		);
	}
}

/**
 * Reads a policy as an agent does.
 * @throws UsageError if the file cannot be read, or with all problems if it is no policy
 */
export const readPolicy = async (
	file: string,
	stdin: Readable,
): Promise<Policy> => (await readPolicyText(file, stdin)).policy;

const checkSettings = {
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

const count = (number: number, what: string) =>
	`${number} ${what}${number === 1 ? "" : "s"}`;

export const policyCheckCommand = createCommand({
	name: "policy check",
	help: {
		usage: "policy check [OPTION...] FILE",
		summary: "check a policy without an agent",
		details:
			"Reads the file (- is standard input) exactly as an agent does. Prints what is wrong with it, and then warnings: patterns that match no command, commands that nobody may run, rules that never match, slots that pass any option. The exit status is 1 if an agent would refuse the policy, otherwise 0.",
		examples: [
			"policy check policy.yaml",
			"policy check -o json /etc/happo/policy.yaml",
			"policy check - < policy.yaml",
		],
		settings: checkSettings,
	},
	operands: { minimum: 1, maximum: 1, name: "FILE" },
	async run({ flags, operands, stdin, write }) {
		const { output } = valuesOf(checkSettings, flags);
		const { name, text } = await readInput(operands[0] ?? "-", stdin);
		let problems: readonly string[] = [];
		let warnings: readonly string[] = [];
		let summary = "";
		try {
			const read = parsePolicy(text);
			warnings = read.warnings;
			const { rules, commands } = read.policy;
			summary = `valid, ${count(rules.length, "rule")}, ${count(commands.size, "command")}`;
		} catch (error) {
			if (!(error instanceof PolicyError)) throw error;
			problems = error.problems;
		}
		const isValid = problems.length === 0;
		if (output === "json")
			await write(
				`${jsonText({ file: name, valid: isValid, problems, warnings }, 2)}\n`,
			);
		else {
			const line = (text: string) => `${safeLine(`${name} ${text}`)}\n`;
			await write(
				[
					...problems.map(line),
					...warnings.map((text) => line(`warning: ${text}`)),
					isValid ? `${safeLine(name)}: ${summary}\n` : "",
				].join(""),
			);
		}
		return isValid ? 0 : 1;
	},
});

const keySettings = {
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

export const policyKeyCommand = createCommand({
	name: "policy key",
	help: {
		usage: "policy key [OPTION...] NAME",
		summary: "make a key for a caller",
		details:
			"Prints a new key on standard output; nothing keeps it, so store it now, where only the caller can read it. Standard error has the entry for keys in the policy, which holds the key's SHA-256 and may be read by anybody. A name can have two keys while one is replaced.",
		examples: [
			"policy key nagios",
			"policy key nagios > nagios.key",
			"policy key -o json nagios",
		],
		settings: keySettings,
	},
	operands: { minimum: 1, maximum: 1, name: "NAME" },
	async run({ flags, operands, write, say }) {
		const { output } = valuesOf(keySettings, flags);
		const [name = ""] = operands;
		if (!isPolicyName(name))
			throw new UsageError(
				`policy key: not a name (letters, digits and _ . : -): ${name}`,
			);
		const key = makeKey();
		const digest = keyDigest(key);
		if (output === "json") {
			await write(`${jsonText({ name, key, digest }, 2)}\n`);
			return 0;
		}
		await write(`${key}\n`);
		say(`for the policy: keys: { ${name}: ["${digest}"] }`);
		return 0;
	},
});
