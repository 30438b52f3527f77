import { eachLine } from "../../cli/ctl/input-file.ts";
import {
	type AuditResult,
	AuditVerifier,
} from "../../src/protocol/audit-chain.ts";
import type { DecisionLine } from "../../src/protocol/audit-line.ts";

/** A decision about a check. */
export const testDecision = (
	id: string,
	more: Partial<DecisionLine> = {},
): DecisionLine => ({
	id,
	who: ["nagios"],
	proof: { address: "192.0.2.10", key: "nagios" },
	operation: "monitor",
	command: "disk",
	slots: { path: "/var" },
	decision: "allowed",
	rule: 1,
	reason: "rule 1 lets nagios run disk",
	...more,
});

/** Verifies audit logs as `happo-ctl audit verify` does. */
export async function verified(...files: string[]): Promise<AuditResult> {
	const verifier = new AuditVerifier();
	for (const file of files) {
		let line = 0;
		await eachLine(file, (bytes, isWhole) =>
			verifier.take(file, ++line, bytes, isWhole),
		);
	}
	return verifier.end();
}
