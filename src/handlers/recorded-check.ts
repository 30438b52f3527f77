import type { Call, Facts, Permit } from "../operation.ts";
import { copied } from "../protocol/perfdata.ts";
import type { CheckResults, CheckRun } from "../status/check-results.ts";
import type { CheckEnd, RunCheck } from "./monitor.ts";

type Requested = Parameters<RunCheck>[0];

/** What the output of a check must not show; see CheckRun. */
function secretsOf(permit: Permit | undefined): CheckRun["secrets"] {
	if (!permit?.hasSecrets) return undefined;
	const { run } = permit;
	return run
		? run.secrets
				.flatMap((slot) => run.slots[slot] ?? [])
				.filter((text) => text !== "")
		: "unknown";
}

/** What a check was called with: the words of the policy's command, or what was requested. */
const optionsOf = (requested: Requested, permit: Permit | undefined) =>
	(permit?.run?.argv ?? [requested.name, requested.option]).join("\0");

/** The end of a check as its last result; undefined for a plugin that a client may have invented. */
function runOf(
	end: CheckEnd,
	requested: Requested,
	{ permit, askedBy }: Call,
	facts: Readonly<Facts>,
): CheckRun | undefined {
	const named = facts.pluginFound ? facts.plugin : undefined;
	const check = permit?.run?.command ?? (named && copied(named));
	if (check === undefined) return undefined;
	const { timedOut = false, ranMilliseconds = 0, reason = "" } = facts;
	const result =
		"ended" in end ? end.ended : "late" in end ? end.stopped : undefined;
	return {
		check,
		plugin: permit?.run?.argv[0] ?? check,
		askedBy,
		exitStatus: facts.exitStatus,
		timedOut,
		durationSeconds: ranMilliseconds / 1000,
		cpuSeconds: result?.cpuSeconds,
		maxRssBytes: result?.maxRssBytes,
		stdout: result?.stdout.text ?? "",
		isCut: result?.stdout.cut ?? false,
		otherOutput: result?.stderr.text || reason,
		secrets: secretsOf(permit),
		options: optionsOf(requested, permit),
	};
}

/** Keeps the result of each check that has run. */
export const recordCheck =
	(runCheck: RunCheck, results: Pick<CheckResults, "record">): RunCheck =>
	async (requested, call, facts) => {
		const end = await runCheck(requested, call, facts);
		const run = runOf(end, requested, call, facts);
		if (run) results.record(run);
		return end;
	};
