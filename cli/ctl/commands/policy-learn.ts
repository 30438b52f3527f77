import { parsePolicy } from "../../../src/policy/policy.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { didYouMean } from "../../program/suggestion.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import {
	auditSettings,
	parsePeriod,
	readAuditedCalls,
	warnOfFindings,
} from "../learn/audited-calls.ts";
import { makeDraft } from "../learn/draft.ts";
import { callsText, evidenceText, looksOf } from "../learn/draft-command.ts";
import { Tally } from "../learn/tally.ts";
import { jsonText } from "../output/formats.ts";
import { readPolicyText } from "./policy.ts";

const learnSettings = {
	who: {
		kind: "list",
		default: [],
		placeholder: "NAME,...",
		help: "callers whose calls the draft is to permit: names in who of the policy, or admin",
	},
	policy: {
		kind: "text",
		default: "/etc/happo/policy.yaml",
		placeholder: "FILE",
		help: "the policy that the agent has, in mode observe or enforce; the draft takes over its callers, and the commands that they have used",
	},
	...auditSettings,
	"at-least": {
		kind: "integer",
		default: 2,
		minimum: 1,
		maximum: 1_000_000,
		help: "how often a call must have been seen; what was seen less often is kept as it is, in a rule of its own, and marked",
	},
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

export const policyLearnCommand = createCommand({
	name: "policy learn",
	help: {
		usage: "policy learn [OPTION...] --who NAME,...",
		summary: "draft a policy from the audit log",
		details:
			"Prints a policy that permits the calls that the callers have made and that were successful: checks that ended with OK, WARNING or CRITICAL, inventory commands that ended with 0, other requests with an answer of 2xx. Words that vary become slots; a comment above each says which values were seen, and how often. Everything that permits more than what was seen, or was seen too seldom, is marked with look:, on standard error as well. The values of secrets are in no audit log, so nothing prints them. The exit status is 1 if there is nothing to learn from. No agent loads the draft: read it, compare it with policy diff, and then put it in the place of the policy.",
		examples: [
			"policy learn --since 1d --who nagios > draft.yaml",
			"policy learn --who nagios --audit-log audit.log.1.gz,audit.log",
			"policy learn --policy observe.yaml --since 1w --who nagios --at-least 3",
		],
		settings: learnSettings,
	},
	operands: { minimum: 0, maximum: 0, name: "" },
	async run({ flags, stdin, during, write, say }) {
		const settings = valuesOf(learnSettings, flags);
		const names = [...new Set(settings.who)];
		if (names.length === 0)
			throw new UsageError("policy learn: needs --who, the callers");
		const { policy, text } = await readPolicyText(settings.policy, stdin);
		const { callers } = policy;
		for (const name of names)
			if (!callers.names.includes(name))
				throw new UsageError(
					`nobody in who is called '${name}'${didYouMean(name, callers.names)}`,
				);
		const tally = new Tally(names);
		const log = await readAuditedCalls({
			files: settings["audit-log"],
			during,
			since: Date.now() - (parsePeriod(settings.since) ?? 0),
			take: (call) => tally.take(call),
			end: (id, outcome) => tally.end(id, outcome),
		});
		warnOfFindings(log, say);
		const draft = makeDraft({
			policyText: text,
			names,
			calls: tally.calls(),
			atLeast: settings["at-least"],
		});
		const leftOut = [...tally.leftOut(), ...draft.leftOut];
		const { warnings } = parsePolicy(draft.text);
		if (settings.output === "json")
			await write(
				`${jsonText(
					{
						policy: draft.text,
						calls: draft.calls,
						commands: draft.commands.map((command) => ({
							name: command.name,
							for: command.permission,
							run: command.run,
							evidence: evidenceText(command.calls),
							slots: command.slots.map(({ name, type, values }) => ({
								...{ name, type },
								values: Object.fromEntries(values),
							})),
							look: looksOf(command),
						})),
						look: draft.looks,
						left_out: leftOut.map(([reason, calls]) => ({ reason, calls })),
						warnings,
					},
					2,
				)}\n`,
			);
		else if (draft.calls > 0) await write(draft.text);
		for (const { at, why } of draft.looks) say(`look: ${at}: ${why}`);
		for (const [reason, count] of leftOut)
			say(`left out: ${callsText(count)}: ${reason}`);
		say(
			draft.calls > 0
				? `learned from ${callsText(draft.calls)} of ${names.join(", ")} in ${log.lines} lines`
				: `nothing to learn from: ${log.lines} lines have no successful call of ${names.join(", ")} in the last ${settings.since}`,
		);
		return draft.calls > 0 ? 0 : 1;
	},
});
