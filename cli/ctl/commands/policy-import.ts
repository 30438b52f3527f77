import { resolve } from "node:path";
import type { SettingTable } from "../../../src/setting-table.ts";
import { UsageError } from "../../program/arguments.ts";
import { createCommand, valuesOf } from "../command.ts";
import { outputSettings } from "../flags.ts";
import { importNrpe, NrpeConfigError } from "../nrpe/import.ts";
import type { NrpeImport } from "../nrpe/imported.ts";
import { jsonText } from "../output/formats.ts";
import { safeLine } from "../output/terminal.ts";

const importSettings = {
	arguments: {
		kind: "choice",
		default: "as-nrpe",
		choices: { "as-nrpe": "as-nrpe", yes: "yes", no: "no" },
		placeholder: "as-nrpe|yes|no",
		help: "whether $ARGn$ become slots: as-nrpe if this NRPE takes arguments and dont_blame_nrpe is 1, yes in any case; otherwise they are left out, as NRPE leaves them out",
	},
	"plugin-paths": {
		kind: "list",
		default: [],
		placeholder: "DIRECTORY,...",
		help: "plugin directories of the agent, if its setting nagios-plugin-paths is not the default; plugins elsewhere keep their absolute paths",
	},
	daemon: {
		kind: "text",
		default: "",
		placeholder: "FILE",
		help: "the NRPE daemon, whose binary says whether it takes arguments; by default the one of this machine",
	},
	...outputSettings(["table", "json"]),
} as const satisfies SettingTable;

/** The report in lines, and how many lines there are of each outcome. */
function reportLines({ report }: NrpeImport): string[] {
	const count = (outcome: string) =>
		report.filter((line) => line.outcome === outcome).length;
	return [
		...report.flatMap(({ outcome, file, line, subject, text, proposal }) => [
			`${outcome}: ${file}${line > 0 ? `:${line}` : ""}: ${subject}`,
			`  ${text}`,
			...(proposal === undefined ? [] : [`  -> ${proposal}`]),
		]),
		`${count("imported")} imported, ${count("tightened")} tightened, ${count("needs you")} need you`,
	];
}

export const policyImportNrpeCommand = createCommand({
	name: "policy import nrpe",
	help: {
		usage: "policy import nrpe [OPTION...] FILE",
		summary: "make a policy of NRPE's configuration",
		details:
			"Reads nrpe.cfg and what it includes, in the order of NRPE, on the machine where NRPE runs. Standard output is the policy; standard error says of each line whether it is imported, tightened (what no longer passes) or needs you, with a proposal. Nothing is changed. The exit status is 1 if something needs you, otherwise 0.",
		examples: [
			"policy import nrpe /etc/nagios/nrpe.cfg > policy.yaml",
			"policy import nrpe -o json /etc/nagios/nrpe.cfg",
			"policy import nrpe nrpe.cfg > policy.yaml 2> report.txt",
		],
		settings: importSettings,
	},
	operands: { minimum: 1, maximum: 1, name: "FILE" },
	async run({ flags, operands, write, stderr }) {
		const values = valuesOf(importSettings, flags);
		const paths = values["plugin-paths"];
		let result: NrpeImport;
		try {
			result = await importNrpe(resolve(operands[0] ?? ""), {
				arguments: values.arguments as "as-nrpe" | "yes" | "no",
				...(paths.length > 0 && { pluginDirectories: paths }),
				...(values.daemon !== "" && { daemonFile: values.daemon }),
			});
		} catch (error) {
			if (!(error instanceof NrpeConfigError)) throw error;
			throw new UsageError(error.message);
		}
		if (values.output === "json") await write(`${jsonText(result, 2)}\n`);
		else {
			await write(result.policy);
			stderr.write(
				reportLines(result)
					.map((line) => `${safeLine(line)}\n`)
					.join(""),
			);
		}
		return result.report.some(({ outcome }) => outcome === "needs you") ? 1 : 0;
	},
});
