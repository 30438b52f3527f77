import { isIP } from "node:net";
import type { Decision } from "../../../src/policy/call.ts";
import { decide } from "../../../src/policy/decide.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import {
	mask,
	maskedSlots,
	parseAuditLine,
	type ReadLine,
} from "../../../src/protocol/audit-line.ts";
import type {
	SettingTable,
	SettingValues,
} from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { type Call, createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { eachLine } from "../input-file.ts";
import { jsonText } from "../output/formats.ts";
import { safeLine, safeLines } from "../output/terminal.ts";
import { commandLine } from "./command-line.ts";
import { readPolicy } from "./policy.ts";
import { callerOf, callOf, realPathHere, shownWord } from "./policy-call.ts";

const explainSettings = {
	policy: {
		kind: "text",
		default: "/etc/happo/policy.yaml",
		placeholder: "FILE",
		help: "the policy; - is standard input",
	},
	as: {
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "the caller: a name in who of the policy, or admin",
	},
	address: {
		kind: "text",
		default: "",
		placeholder: "ADDRESS",
		help: "address of the caller, instead of that of --as",
		check: (text: string) =>
			text === "" || isIP(text) ? undefined : `not an address: ${text}`,
	},
	certificate: {
		kind: "list",
		default: [],
		placeholder: "NAME=VALUE,...",
		help: "names in the caller's certificate: uri=, dns=, email=, cn= or fingerprint=",
	},
	key: {
		kind: "text",
		default: "",
		placeholder: "NAME",
		help: "name in keys of the policy, not the key itself",
	},
	nrpe: {
		kind: "switch",
		default: false,
		help: "the call comes from check_nrpe: COMMAND is a command of the policy, and each word an argument",
	},
	id: {
		kind: "text",
		default: "",
		placeholder: "ID",
		help: "instead of a call: the id in an agent's answer, looked up in --audit-log",
	},
	"audit-log": {
		kind: "list",
		default: ["/var/log/happo-agent/audit.log"],
		placeholder: "FILE,...",
		help: "audit logs to look --id up in",
	},
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

type ExplainSettings = SettingValues<typeof explainSettings>;

/** Lines of names and values. */
const lines = (rows: readonly (readonly [string, string | undefined])[]) =>
	rows
		.filter(([, value]) => value !== undefined && value !== "")
		.map(
			([name, value]) => `  ${`${name}:`.padEnd(9)} ${safeLine(value ?? "")}\n`,
		)
		.join("");

/** A decision in which the values of secret slots are masked. */
function masked(decision: Decision): Decision {
	if (!decision.allowed || !decision.run) return decision;
	const { run } = decision;
	const secrets = run.secrets
		.flatMap((name) => run.slots[name] ?? [])
		.filter((text) => text !== "");
	const hidden = (word: string) =>
		secrets.reduce((text, secret) => text.replaceAll(secret, mask), word);
	const [program, ...words] = run.argv;
	return {
		...decision,
		run: {
			...run,
			argv: [program, ...words.map(hidden)],
			slots: maskedSlots(run.slots, run.secrets, program),
		},
	};
}

function decisionText(policy: Policy, decision: Decision): string {
	const { allowed, who, rule, reason } = decision;
	const run = decision.allowed ? decision.run : undefined;
	const limits = decision.allowed ? decision.limits : undefined;
	const values = Object.entries(run?.slots ?? {}).map(
		([name, value]) =>
			`${name}=${(typeof value === "string" ? [value] : value).map(shownWord).join(" ")}`,
	);
	return `${allowed ? "allowed" : "refused"}: ${safeLine(reason)}\n${lines([
		["who", who.join(", ") || "nobody in who"],
		["rule", rule === undefined ? undefined : String(rule)],
		["command", run?.command],
		["slots", values.join(", ")],
		["runs", run?.argv.map(shownWord).join(" ")],
		[
			"limits",
			[
				limits?.rate === undefined
					? []
					: [`${Number(limits.rate.toFixed(3))} a second`],
				limits?.atOnce === undefined ? [] : [`${limits.atOnce} at once`],
				run?.timeoutSeconds === undefined
					? []
					: [`${run.timeoutSeconds} seconds`],
			]
				.flat()
				.join(", "),
		],
		[
			"mode",
			policy.mode === "observe" && !allowed
				? "observe: it runs nevertheless, and is logged"
				: undefined,
		],
	])}`;
}

/** Finds the decision with an id. */
async function findDecision(
	files: readonly string[],
	id: string,
	during: Call["during"],
): Promise<ReadLine | undefined> {
	const wanted = Buffer.from(JSON.stringify(id));
	let found: ReadLine | undefined;
	const take = (line: Buffer) => {
		if (!line.includes(wanted)) return;
		const read = parseAuditLine(line.toString("utf8"));
		if (read?.event === "decision" && read.id === id) found = read;
	};
	for (const file of files)
		await during(
			() => `looking for the decision in ${file}`,
			() => eachLine(file, take),
		);
	return found;
}

/** Explains a decision of the audit log. */
async function explainId(
	{ id, "audit-log": files, output }: ExplainSettings,
	{ operands, during, write, say }: Call,
): Promise<number> {
	if (operands.length > 0)
		throw new UsageError("policy explain: --id takes no operation");
	const found = await findDecision(files, id, during);
	if (!found) {
		say(`no decision with the id ${id} in ${files.join(", ")}`);
		return 1;
	}
	const text = (name: string) => {
		const value = found[name];
		if (value === undefined) return undefined;
		if (Array.isArray(value)) return value.join(name === "who" ? ", " : " ");
		return typeof value === "object" ? JSON.stringify(value) : String(value);
	};
	if (output === "json") await write(`${jsonText(found, 2)}\n`);
	else
		await write(
			`${safeLine(text("decision") ?? "")}: ${safeLine(text("reason") ?? "")}\n${lines(
				[
					["time", found.time],
					["who", text("who") || "nobody in who"],
					["proof", text("proof")],
					["asked", text("operation")],
					["command", text("command")],
					["options", text("options")],
					["slots", text("slots")],
					["hop", text("hop")],
					["rule", text("rule")],
				],
			)}`,
		);
	return 0;
}

export const policyExplainCommand = createCommand({
	name: "policy explain",
	help: {
		usage: "policy explain [OPTION...] OPERATION [COMMAND...]",
		summary: "say what a policy decides, and why",
		details:
			"OPERATION is a permission, as may has it in a rule. check and inventory need COMMAND: a plugin or program with its options, or a command of the policy with its values. relay needs the next hop as COMMAND. Options of happo-ctl come before OPERATION. A path in a slot with real: true is resolved on this machine.\nThe exit status is 0 if the call is allowed, 1 if it is refused. With --id it is 0 if the audit log has the id, otherwise 1. An invalid policy or command line gives 2.",
		examples: [
			"policy explain --policy policy.yaml --as nagios check check_disk -w 20% -c 10% -p /var",
			"policy explain --address 192.0.2.10 --key nagios check disk 20% 10% /var",
			"policy explain --as nagios --nrpe check disk 20% 10% /var",
			"policy explain --certificate dns=bastion1.example.net relay 10.0.0.7:6777",
			"policy explain --id 3q2uJYk9ZC1x",
		],
		settings: explainSettings,
	},
	operands: {
		minimum: 0,
		maximum: Number.POSITIVE_INFINITY,
		name: "OPERATION",
		isCommandLine: true,
	},
	async run(call) {
		const { operands, stdin, write } = call;
		const settings = valuesOf(explainSettings, call.flags);
		if (settings.id !== "") return explainId(settings, call);
		const [operation, command = "", ...rest] = operands;
		if (operation === undefined)
			throw new UsageError("policy explain: needs OPERATION, or --id");
		const policy = await readPolicy(settings.policy, stdin);
		// a `--` that somebody put there to be safe
		const words = rest[0] === "--" ? rest.slice(1) : rest;
		const isRelay = operation === "relay";
		const asked = commandLine([command, ...words]);
		const given = decide(
			policy,
			await callOf(
				policy,
				callerOf(policy, settings),
				{
					operation,
					...(settings.nrpe
						? { command: "", options: "", nrpe: [command, ...words].join("!") }
						: {
								command: isRelay ? "" : asked.command,
								options: asked.option,
								nrpe: "",
							}),
					to: isRelay ? command : "",
				},
				realPathHere,
			),
		);
		const decision = masked(given);
		if (settings.output === "json")
			await write(`${jsonText({ mode: policy.mode, ...decision }, 2)}\n`);
		else await write(safeLines(decisionText(policy, decision)));
		return decision.allowed ? 0 : 1;
	},
});
