import type { Decision, PolicyCall } from "../../../src/policy/call.ts";
import { decide, pathsToResolve } from "../../../src/policy/decide.ts";
import type { Policy } from "../../../src/policy/policy.ts";
import { maskedOptions } from "../../../src/protocol/audit-line.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import {
	type AuditedCall,
	auditSettings,
	isMasked,
	parsePeriod,
	readAuditedCalls,
	warnOfFindings,
} from "../learn/audited-calls.ts";
import { placeholders, policyCallOf } from "../learn/draft.ts";
import { callsText } from "../learn/draft-command.ts";
import { jsonText } from "../output/formats.ts";
import { safeLine } from "../output/terminal.ts";
import { readPolicy } from "./policy.ts";
import { realPathHere, shownWord } from "./policy-call.ts";

/** What becomes of a call. */
type Change = "refused" | "allowed" | "runs";

/** A call whose decision changes. */
interface Changed {
	readonly change: Change;
	/** How often it was seen. */
	calls: number;
	readonly call: AuditedCall;
	readonly before: string;
	readonly after: string;
}

/** What a policy says about a call, and what it would run. */
interface Verdict {
	readonly isAllowed: boolean;
	readonly reason: string;
	/** What would run, with its time limit; to be compared. */
	readonly runs: string;
	/** The same without what may be a secret. */
	readonly shownRun: string;
}

/** What both policies say, or why that cannot be found out. */
type Compared =
	| { readonly before: Verdict; readonly after: Verdict }
	| { readonly why: string };

/** Limit of the different calls that are remembered. */
const maxDifferent = 100_000;

function verdictOf(decision: Decision): Verdict {
	const run = decision.allowed ? decision.run : undefined;
	const [program = "", ...words] = run?.argv ?? [];
	const limit =
		run?.timeoutSeconds === undefined
			? ""
			: ` (at most ${run.timeoutSeconds} seconds)`;
	return {
		isAllowed: decision.allowed,
		reason: decision.reason,
		runs: JSON.stringify([run?.argv, limit]),
		shownRun: [program, ...maskedOptions(words, program)]
			.map(shownWord)
			.join(" ")
			.concat(limit),
	};
}

const realPaths = new Map<string, Promise<string | undefined>>();

/** The decision about a call, with the real paths of this machine. */
async function decided(policy: Policy, call: PolicyCall): Promise<Verdict> {
	const found = new Map<string, string>();
	for (const path of pathsToResolve(policy, call)) {
		const real = realPaths.get(path) ?? realPathHere(path);
		realPaths.set(path, real);
		const resolved = await real;
		if (resolved !== undefined) found.set(path, resolved);
	}
	return verdictOf(decide(policy, { ...call, realPaths: found }));
}

const sameVerdict = (one: Verdict, other: Verdict) =>
	one.isAllowed === other.isAllowed;

/** Has both policies decide about a call. */
async function compare(
	before: Policy,
	after: Policy,
	call: AuditedCall,
): Promise<Compared> {
	if (call.unclear !== undefined && !call.command?.isUnsplit)
		return { why: call.unclear };
	const hasMask = call.command?.words.some(isMasked) ?? false;
	const pairs: { before: Verdict; after: Verdict }[] = [];
	for (const instead of placeholders.slice(0, hasMask ? undefined : 1)) {
		const asked = (policy: Policy) =>
			policyCallOf(call, policy.callers.callerWith(call.proof), instead);
		pairs.push({
			before: await decided(before, asked(before)),
			after: await decided(after, asked(after)),
		});
	}
	const [first] = pairs as [(typeof pairs)[number]];
	return pairs.every(
		(pair) =>
			sameVerdict(pair.before, first.before) &&
			sameVerdict(pair.after, first.after),
	)
		? first
		: { why: "it depends on a value that is masked" };
}

/**
 * What changes for a call; undefined if nothing does.
 * @param ranAnyway whether the policy before only observed
 */
function changeOf(
	{ before, after }: { before: Verdict; after: Verdict },
	ranAnyway: boolean,
): Change | undefined {
	if (ranAnyway) return after.isAllowed ? undefined : "refused";
	if (before.isAllowed !== after.isAllowed)
		return after.isAllowed ? "allowed" : "refused";
	return before.isAllowed && before.runs !== after.runs ? "runs" : undefined;
}

const asked = ({ who, proof, permission, command, hop }: AuditedCall) => ({
	who: who.length > 0 ? who : undefined,
	address: proof.address,
	permission,
	command: command?.called,
	options: command?.words,
	hop,
});

function callText(call: AuditedCall): string {
	const { who, proof, permission, command, hop } = call;
	const caller = proof.admin ? "admin" : who.join(", ") || proof.address || "";
	return [
		`${caller}:`,
		permission,
		...(command ? [command.called, ...command.words].map(shownWord) : []),
		...(hop === undefined ? [] : [hop]),
	].join(" ");
}

const titles: Readonly<Record<Change, string>> = {
	refused: "would be refused",
	allowed: "would be allowed",
	runs: "would run something else",
};

const diffSettings = {
	...auditSettings,
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

export const policyDiffCommand = createCommand({
	name: "policy diff",
	help: {
		usage: "policy diff [OPTION...] OLD NEW",
		summary: "find the calls of an audit log that another policy changes",
		details:
			"Has both policies decide about each call of the log and prints the calls with another decision, or that would run something else, with the number of times and the reason. NEW is taken as if it enforced; so is OLD, unless it is in mode observe: then everything ran. Limits of rules are not compared. Real paths are those of this machine. One of OLD and NEW may be -, which is standard input. The exit status is 0 if no call changes, 1 if one does, 3 if none does, but some could not be compared.",
		examples: [
			"policy diff /etc/happo/policy.yaml draft.yaml",
			"policy diff policy.yaml draft.yaml --audit-log audit.log.1.gz,audit.log",
			"policy diff policy.yaml draft.yaml --since 1d -o json",
		],
		settings: diffSettings,
	},
	operands: { minimum: 2, maximum: 2, name: "OLD NEW" },
	async run({ flags, operands, stdin, during, write, say }) {
		const settings = valuesOf(diffSettings, flags);
		const [oldFile = "", newFile = ""] = operands;
		const before = await readPolicy(oldFile, stdin);
		const after = await readPolicy(newFile, stdin);
		const seen = new Map<string, { call: AuditedCall; calls: number }>();
		const skipped = new Map<string, number>();
		const skip = (why: string, calls: number) =>
			skipped.set(why, (skipped.get(why) ?? 0) + calls);
		let calls = 0;
		const log = await readAuditedCalls({
			files: settings["audit-log"],
			during,
			since: Date.now() - (parsePeriod(settings.since) ?? 0),
			take: (call) => {
				calls++;
				const { proof, permission, hop, command, unclear } = call;
				const key = JSON.stringify([
					...[proof, permission, hop, unclear],
					...(command ? [command.called, command.isNrpe, command.words] : []),
				]);
				const known = seen.get(key);
				if (known) known.calls++;
				else if (seen.size < maxDifferent) seen.set(key, { call, calls: 1 });
				else skip(`more than ${maxDifferent} different calls`, 1);
			},
		});
		warnOfFindings(log, say);
		const changed: Changed[] = [];
		for (const { call, calls } of seen.values()) {
			const compared = await compare(before, after, call);
			if ("why" in compared) {
				skip(compared.why, calls);
				continue;
			}
			// without a command of the policy, a request of NRPE has nothing to run
			const ranAnyway = before.mode === "observe" && !call.command?.isNrpe;
			const change = changeOf(compared, ranAnyway);
			if (change === undefined) continue;
			const isRun = change === "runs";
			changed.push({
				...{ change, calls, call },
				before: isRun ? compared.before.shownRun : compared.before.reason,
				after: isRun ? compared.after.shownRun : compared.after.reason,
			});
		}
		changed.sort((one, other) => other.calls - one.calls);
		const changedCalls = changed.reduce((sum, { calls }) => sum + calls, 0);
		const skippedCalls = [...skipped.values()].reduce((a, b) => a + b, 0);
		if (settings.output === "json")
			await write(
				`${jsonText(
					{
						calls,
						changed: changed.map(({ change, calls, call, before, after }) => ({
							...{ change, calls, ...asked(call) },
							...{ id: call.id, before, after },
						})),
						not_compared: [...skipped].map(([reason, calls]) => ({
							reason,
							calls,
						})),
					},
					2,
				)}\n`,
			);
		else
			await write(
				[
					...(["refused", "allowed", "runs"] as const).flatMap((change) => {
						const some = changed.filter((each) => each.change === change);
						return some.length === 0
							? []
							: [
									`${titles[change]}:\n`,
									...some.map(
										({ calls, call, before, after }) =>
											`  ${safeLine(`${callsText(calls)} of ${callText(call)}`)}\n${
												change === "runs"
													? `    before: ${safeLine(before)}\n    after:  ${safeLine(after)}\n`
													: `    ${safeLine(after)}\n`
											}`,
									),
								];
					}),
					...[...skipped].map(
						([reason, calls]) =>
							`not compared: ${callsText(calls)}: ${reason}\n`,
					),
					`${callsText(calls)}, ${changedCalls} with another decision\n`,
				].join(""),
			);
		return changed.length > 0 ? 1 : skippedCalls > 0 ? 3 : 0;
	},
});
