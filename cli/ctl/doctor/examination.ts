import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { systemReason } from "../../../src/system-error.ts";
import { UsageError } from "../../program/arguments.ts";
import { examineCertificate } from "./certificate.ts";
import { examineFiles } from "./files.ts";
import { type Finding, finding, type Report } from "./finding.ts";
import { findPatient, type PatientOptions } from "./patient.ts";
import { examineMetrics, examinePolicy } from "./plugins.ts";
import {
	examineClock,
	examineCollection,
	examineNode,
	examinePorts,
	examineStore,
	examineUnit,
} from "./service.ts";
import { createTools } from "./tools.ts";
import { tryCommands } from "./trials.ts";
import { dropInRestrictions, hasSystemd, readUnit, type Unit } from "./unit.ts";

export { exitStatus, reportJson, reportText } from "./finding.ts";

/** What to examine, and how. */
export interface ExaminationOptions extends PatientOptions {
	/** Name of a unit, or path of a unit file. */
	unit: string;
	/** A drop-in to try; empty for the one of the package, if the unit does not have it. */
	dropIn: string;
	triesCommands: boolean;
	triesInventory: boolean;
}

/** Where the package has the drop-in that hardens the unit. */
const packagedDropIn = "/usr/share/happo-agent/hardening.conf";

const real = (file: string) => realpath(file).catch(() => file);

/** The drop-in to try. Throws UsageError if a given one cannot be read. */
async function readDropIn(given: string, unit: Unit | undefined) {
	const file = given || packagedDropIn;
	if (given === "" && !existsSync(file)) return undefined;
	const used = await Promise.all((unit?.files ?? []).map(real));
	if (given === "" && used.includes(await real(file))) return undefined;
	try {
		return { file, restrictions: await dropInRestrictions(file) };
	} catch (error) {
		if (given === "") return undefined;
		throw new UsageError(`--drop-in ${file}: ${systemReason(error)}`);
	}
}

/**
 * Examines the agent of this host.
 * @param environment variables of this program
 * @param onTrials called with the number of commands that are about to run; what it returns is called
 * after each
 * @throws UsageError for options that cannot be used
 */
export async function examine(
	options: ExaminationOptions,
	environment: NodeJS.ProcessEnv,
	onTrials: (total: number) => () => void,
): Promise<Report> {
	const tools = createTools(environment);
	try {
		const unit = await readUnit(tools, options.unit);
		const dropIn = await readDropIn(options.dropIn, unit);
		const { patient, findings } = await findPatient(tools, unit, options);
		const { pid, user, source } = patient;
		if (pid === undefined)
			findings.push(
				finding("note", "agent", unit?.name ?? "agent", [
					"The agent does not run; what follows is about its files and settings.",
					"Checks of this host give UNKNOWN.",
					"Mend what doctor names, then start it: systemctl start happo-agent.",
				]),
			);
		const policy = await examinePolicy(tools, patient, options);
		const more: Finding[][] = [
			examineUnit(patient),
			await examineNode(tools, patient),
			await examinePorts(tools, patient),
			await examineClock(tools, patient),
			await examineFiles(tools, patient),
			await examineCertificate(patient),
			await examineStore(patient),
			await examineMetrics(tools, patient),
			examineCollection(patient),
			policy.findings,
		];
		findings.push(...more.flat());
		const { runnable } = policy;
		const tried = await tryCommands(tools, patient, runnable, {
			dropIn,
			restricts: !hasSystemd()
				? "no systemd"
				: process.geteuid?.() === 0
					? "yes"
					: "not root",
			advance: onTrials(runnable.length),
		});
		return {
			agent: {
				running: pid !== undefined,
				pid: pid ?? null,
				user: user.name,
				settings: source,
				unit: unit?.name ?? null,
			},
			findings: [...findings, ...tried.findings],
			trials: tried.trials,
		};
	} finally {
		await tools.close();
	}
}
