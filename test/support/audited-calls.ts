import { writeFile } from "node:fs/promises";
import { readAuditedCalls } from "../../cli/ctl/learn/audited-calls.ts";
import { type Draft, makeDraft } from "../../cli/ctl/learn/draft.ts";
import { Tally } from "../../cli/ctl/learn/tally.ts";
import { noProgress } from "../../cli/ctl/output/progress.ts";
import { Abandoning } from "../../src/abandonment.ts";
import { createAuthorizer } from "../../src/authorization/authorizer.ts";
import type { PermissionRequest } from "../../src/operation.ts";
import type { Caller } from "../../src/policy/call.ts";
import { parsePolicy } from "../../src/policy/policy.ts";
import {
	type AuditRecord,
	auditText,
	lineHash,
	noLine,
	recordText,
} from "../../src/protocol/audit-line.ts";
import { recordingLog } from "./agent.ts";

/** A request for an audit log. */
export interface AuditedRequest
	extends Pick<PermissionRequest, "operationId" | "nrpe"> {
	caller: Caller;
	body?: unknown;
	/** How often it comes; 1 by default. */
	times?: number;
	/** Status of the answer; 200 by default. */
	httpStatus?: number;
	/** Exit status of what ran; 0 by default. */
	exitStatus?: number | "none";
}

/** A caller at an address. */
export const callerAt = (address: string): Caller => ({
	...{ isAdmin: false, address },
	...{ certificate: undefined, keyDigest: undefined },
});

/** A check by a caller at an address. */
export const auditedCheck = (
	address: string,
	plugin: string,
	options: string,
	more: Partial<AuditedRequest> = {},
): AuditedRequest => ({
	caller: callerAt(address),
	operationId: "runCheck",
	body: { plugin_name: plugin, plugin_option: options },
	...more,
});

/**
 * Writes the audit log of an agent that has got these requests, with the agent's own code.
 * @param policy its text; undefined for an agent without one
 * @param time milliseconds since 1970 of the first request; a second passes after each
 */
export async function writeAuditLog(
	file: string,
	policy: string | undefined,
	requests: readonly AuditedRequest[],
	time = Date.now() - 3_600_000,
): Promise<void> {
	const lines: string[] = [];
	let now = time;
	let prev = noLine;
	const add = (record: AuditRecord) => {
		const line = auditText(recordText(record, now), lines.length + 1, prev);
		prev = lineHash(line);
		lines.push(line);
	};
	const parsed = policy === undefined ? undefined : parsePolicy(policy).policy;
	const { authorize } = createAuthorizer({
		policy: () => parsed,
		patienceMilliseconds: 0,
		audit: {
			decision: async (line) => add({ event: "decision", ...line }),
			outcome: (line) => add({ event: "outcome", ...line }),
		},
		log: recordingLog().log,
	});
	for (const { times = 1, httpStatus, exitStatus = 0, ...request } of requests)
		for (let count = 0; count < times; count++) {
			now += 1_000;
			try {
				const { ended } = await authorize({
					body: {},
					...request,
					...{ hopsPassed: 0, millisecondsLeft: undefined },
					signal: new Abandoning(),
				});
				ended(
					httpStatus ?? (request.nrpe ? undefined : 200),
					exitStatus === "none" ? {} : { exitStatus },
				);
			} catch {
				// refused, which the log says
			}
		}
	await writeFile(file, lines.map((line) => `${line}\n`).join(""));
}

/**
 * Has an agent with a policy log requests, and learns from the log.
 * @param parts.file the log, which is written
 * @returns the draft, and what was left out before there was one
 */
export async function learnFrom(parts: {
	file: string;
	policyText: string;
	requests: readonly AuditedRequest[];
	names: readonly string[];
	atLeast: number;
}): Promise<Draft & { tallied: ReadonlyMap<string, number> }> {
	const { file, policyText, requests, names, atLeast } = parts;
	await writeAuditLog(file, policyText, requests);
	const tally = new Tally(names);
	await readAuditedCalls({
		during: noProgress.during,
		files: [file],
		since: 0,
		take: (call) => tally.take(call),
		end: (id, outcome) => tally.end(id, outcome),
	});
	const draft = makeDraft({ policyText, names, atLeast, calls: tally.calls() });
	parsePolicy(draft.text);
	return { ...draft, tallied: tally.leftOut() };
}
