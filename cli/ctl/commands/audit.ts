import {
	type AuditFinding,
	type AuditResult,
	AuditVerifier,
} from "../../../src/protocol/audit-chain.ts";
import type { ReadLine } from "../../../src/protocol/audit-line.ts";
import type { SettingTable } from "../../../src/setting-table.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { eachLine } from "../input-file.ts";
import { jsonText } from "../output/formats.ts";

const badHashes = (entries: readonly string[]) => {
	const bad = entries.filter((entry) => !/^[0-9a-f]{64}$/i.test(entry));
	return bad.length > 0
		? `not a SHA-256 hash (64 hexadecimal digits): ${bad.join(", ")}`
		: undefined;
};

const verifySettings = {
	expect: {
		kind: "list",
		default: [],
		placeholder: "SHA256,...",
		help: "hashes that an earlier verification printed and that were kept elsewhere; the lines that had them must still be there",
		check: badHashes,
	},
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

const lineText = ({ file, line, text }: AuditFinding) =>
	`${file} line ${line}: ${text}\n`;

const placeText = ({ n, time }: ReadLine) => `number ${n} of ${time}`;

/** What an operator wants to know, and what the chain does not show. */
function summary(result: AuditResult): string {
	const { lines, findings, more, first, last, lastHash } = result;
	if (!first || !last) return `${lines} lines, none of an audit log\n`;
	const count = findings.length + more;
	return [
		count === 0
			? `${lines} lines, all linked: ${placeText(first)} to ${placeText(last)}`
			: `${lines} lines, ${count === 1 ? "1 place is" : `${count} places are`} wrong`,
		`last line: ${lastHash}`,
		"The chain does not show whether lines after the last one were removed, whether the",
		"last one was changed, or whether somebody who can write the file made all of it anew.",
		"To find out, keep the hash of the last line on another host, and give it to --expect",
		"later.",
		"",
	].join("\n");
}

export const auditVerifyCommand = createCommand({
	name: "audit verify",
	help: {
		usage: "audit verify [OPTION...] FILE...",
		summary: "find lines of an audit log that were changed or removed",
		details:
			"Each line of the agent's audit log holds the hash of the line before it, also across files. Give the files in the order in which they were written, the oldest first; those that gzip has packed are read, too. Prints lines that were changed, are missing or are not in their place, and what else is worth knowing. The exit status is 0 if everything is in order, 1 if not, 2 if a file cannot be read.",
		examples: [
			"audit verify /var/log/happo-agent/audit.log",
			"audit verify audit.log.2.gz audit.log.1 audit.log",
			"audit verify -o json audit.log",
		],
		settings: verifySettings,
	},
	operands: { minimum: 1, maximum: Number.POSITIVE_INFINITY, name: "FILE" },
	async run({ flags, operands, during, write }) {
		const settings = valuesOf(verifySettings, flags);
		const verifier = new AuditVerifier(
			settings.expect.map((hash) => hash.toLowerCase()),
		);
		for (const file of operands) {
			let line = 0;
			await during(
				() => `${file}: ${line} lines`,
				() =>
					eachLine(file, (bytes, isWhole) =>
						verifier.take(file, ++line, bytes, isWhole),
					),
			);
		}
		const result = verifier.end();
		const { findings, more, notes, unknown, first } = result;
		const isRight =
			findings.length === 0 && unknown.length === 0 && first !== undefined;
		if (settings.output === "json")
			await write(`${jsonText({ ok: isRight, ...result }, 2)}\n`);
		else
			await write(
				[
					...findings.map(lineText),
					...(more > 0 ? [`and ${more} more\n`] : []),
					...unknown.map((hash) => `no line has the hash ${hash}\n`),
					...notes.map((note) => `note: ${lineText(note)}`),
					summary(result),
				].join(""),
			);
		return isRight ? 0 : 1;
	},
});
