import { writeSync } from "node:fs";
import { createAuditLog } from "../../src/audit/audit-log.ts";
import { auditId } from "../../src/protocol/audit-line.ts";
import { testDecision } from "./audit.ts";

/**
 * A process that writes an audit log, for tests that kill it or take away its disk:
 *
 * audit-child.js FILE
 *
 * For every byte it reads, it writes a decision and prints `written <id>` or `refused <reason>`, each
 * with one system call, as soon as it is known; and an outcome. At the end of its input it closes the
 * log.
 */
const [file = ""] = process.argv.slice(2);
const say = (line: string) => writeSync(1, `${line}\n`);

// as in the agent: the limit on the size of files is an error of the write
process.on("SIGXFSZ", () => {});
const audit = createAuditLog({
	file,
	required: true,
	log: { warning: say, error: say },
});
say("open");
for await (const orders of process.stdin)
	await Promise.all(
		[...(orders as Buffer)].map(async () => {
			const id = auditId();
			try {
				await audit.decision(testDecision(id));
				say(`written ${id}`);
			} catch (error) {
				say(`refused ${(error as Error).message}`);
			}
			audit.outcome({ id, exit_status: 0, milliseconds: 1 });
		}),
	);
await audit.close();
