import { realpathSync } from "node:fs";
import { systemReason } from "../../src/system-error.ts";
import { createTools } from "../ctl/doctor/tools.ts";
import { counted } from "../message-text.ts";
import { planFromNrpe } from "./from-nrpe.ts";
import { planFromV1, type V1Options } from "./from-v1.ts";
import {
	alone,
	createJournal,
	type Journal,
	readJournals,
	removeUnfinished,
	type Source,
	saveJournal,
} from "./journal.ts";
import type { Machine } from "./machine.ts";
import type { NrpeOptions } from "./nrpe-daemon.ts";
import { type Plan, type Prepared, prepare } from "./plan.ts";
import { emptyReport, type Report } from "./report.ts";
import { findServices } from "./services.ts";
import { SetupError } from "./setup-error.ts";
import { apply, changedSince, stepText, undo } from "./transaction.ts";

/** What the command line asks for. */
export interface SetupOptions extends V1Options, NrpeOptions {
	from: Source;
	/** Also set up if some checks will not be answered as before. */
	acceptsLosses: boolean;
	/** Change the machine, and not only show how. */
	isMeant: boolean;
}

/** A reason in one line. */
function reasonOf(error: unknown): string {
	const { message, path, code } = error as NodeJS.ErrnoException;
	return path !== undefined && code !== undefined
		? `${path}: ${systemReason(error)}`
		: message;
}

const isPending = ({ state }: Journal) =>
	state === "applying" || state === "returning";

const day = ({ begun }: Journal) => begun.replace(/T(\d\d:\d\d).*/, " $1 UTC");

/** Goes back, and sees whether what ran before runs again. */
async function goBack(
	machine: Machine,
	journal: Journal,
	isForced: boolean,
): Promise<string[]> {
	const notes = await undo(machine, journal, { isForced });
	for (const step of journal.steps.slice(0, journal.stepsBegun)) {
		if (step.do !== "stop" || !step.before.active) continue;
		const state = await machine.services.state(step.service);
		if (state && !state.active)
			throw new SetupError(
				`${step.service}: is not active after its start; see: journalctl -u ${step.service}`,
			);
		notes.push(`${step.service} runs again`);
	}
	return notes;
}

/** What a second setup says about one that is in force. */
async function againstApplied(
	machine: Machine,
	journal: Journal,
): Promise<Report> {
	const { from, folder } = journal;
	const report: Report = {
		...emptyReport(from, machine.services.name),
		result: "nothing to do",
		kept_in: folder,
	};
	report.notes.push(
		`this machine was set up from ${from} on ${day(journal)}; to do that again, go back first (--back)`,
	);
	const changed = await changedSince(machine, journal);
	if (changed.length > 0)
		report.notes.push(`changed since, which stays so: ${changed.join(", ")}`);
	for (const step of journal.steps) {
		if (step.do !== "stop" && step.do !== "start") continue;
		const state = await machine.services.state(step.service);
		const isStart = step.do === "start";
		const isReplaced = journal.steps.some(
			(other) => other.do === "start" && other.service === step.service,
		);
		if (!state || (!isStart && isReplaced)) continue;
		if (isStart && !state.active)
			report.obstacles.push(
				`${step.service}: does not run; see: systemctl status ${step.service}`,
			);
		if (!isStart && state.active)
			report.obstacles.push(
				`${step.service}: runs again; stop it, or go back (--back)`,
			);
	}
	return report.obstacles.length > 0
		? { ...report, result: "refused" }
		: report;
}

async function carryOut(
	machine: Machine,
	plan: Plan,
	prepared: Prepared,
	signal: AbortSignal,
	report: Omit<Report, "result">,
): Promise<Report> {
	const { steps, kept, contents } = prepared;
	// the services of a machine in a directory do not run
	const runsHere = machine.services.works && machine.root === "";
	await removeUnfinished(machine);
	if (runsHere) await plan.remember(signal);
	machine.before("keep what is replaced");
	const journal = await createJournal(machine, plan.from, steps, kept);
	report.kept_in = journal.folder;
	try {
		const survey = await apply(machine, journal, contents, signal);
		if (runsHere) report.verified = await plan.verify(signal, survey);
		if (signal.aborted) throw new SetupError("interrupted");
		machine.before("verified");
		journal.state = "applied";
		await saveJournal(machine, journal);
		return { ...report, result: "done" };
	} catch (error) {
		report.error = reasonOf(error);
		try {
			report.notes.push(...(await goBack(machine, journal, true)));
			return { ...report, result: "failed" };
		} catch (second) {
			report.error += `; going back: ${reasonOf(second)}`;
			return { ...report, result: "in between" };
		}
	}
}

/** Makes the plan, and carries it out if that is meant and nothing stands against it. */
async function plannedSetup(
	machine: Machine,
	options: SetupOptions,
	signal: AbortSignal,
	notes: readonly string[],
): Promise<Report> {
	const plan = await (options.from === "v1"
		? planFromV1(machine, options)
		: planFromNrpe(machine, options));
	const prepared = await prepare(machine, plan);
	const report = {
		...emptyReport(plan.from, machine.services.name),
		found: plan.found.map(([what, value]) => ({ what, value })),
		obstacles: [...plan.obstacles],
		losses: [...plan.losses],
		notes: [...notes, ...plan.notes],
		changes: prepared.changes,
		steps: prepared.steps.map(stepText),
		by_hand: machine.services.works
			? []
			: [...plan.byHand.before, ...plan.byHand.after],
	};
	if (report.obstacles.length > 0) return { ...report, result: "refused" };
	if (report.losses.length > 0 && !options.acceptsLosses)
		return {
			...report,
			result: "refused",
			error:
				"some checks would not be answered as before; change what is named, or accept it with --accept-losses",
		};
	if (prepared.steps.length === 0)
		return { ...report, result: "nothing to do" };
	if (!options.isMeant) return { ...report, result: "shown" };
	return carryOut(machine, plan, prepared, signal, report);
}

/** Only root sees and changes everything that belongs to a service. */
function checkRights({ root }: Machine) {
	if (root === "" && process.geteuid?.() !== 0)
		throw new SetupError("only root can set up this machine");
}

/** A report of a call that could not begin. */
const refusal = (
	machine: Machine,
	from: Source | null,
	error: unknown,
): Report => {
	const isSystems = (error as NodeJS.ErrnoException).path !== undefined;
	if (!(error instanceof SetupError || isSystems)) throw error;
	return {
		...emptyReport(from, machine.services.name),
		...{ result: "refused", error: reasonOf(error) },
	};
};

/**
 * Sets this agent up in place of another, or shows how it would. Undoes one that was killed before
 * it begins.
 */
export async function setUp(
	machine: Machine,
	options: SetupOptions,
	signal: AbortSignal,
): Promise<Report> {
	const { from, isMeant } = options;
	const work = async (): Promise<Report> => {
		const journals = await readJournals(machine);
		const pending = journals.findLast(isPending);
		const notes: string[] = [];
		if (pending && !isMeant)
			return {
				...emptyReport(from, machine.services.name),
				result: "shown",
				kept_in: pending.folder,
				notes: [
					`a setup from ${pending.from} on ${day(pending)} was interrupted after ${counted(pending.stepsBegun, "step")} of ${pending.steps.length}; --yes undoes them and begins again, --back only undoes them`,
				],
			};
		if (pending)
			try {
				notes.push(
					`a setup from ${pending.from} on ${day(pending)} had been interrupted, and was undone first`,
					...(await goBack(machine, pending, false)),
				);
			} catch (error) {
				return {
					...emptyReport(from, machine.services.name),
					...{ result: "in between", error: reasonOf(error) },
					kept_in: pending.folder,
				};
			}
		const applied = journals.findLast(
			(journal) => journal.state === "applied" && journal.from === from,
		);
		if (applied) return againstApplied(machine, applied);
		return plannedSetup(machine, options, signal, notes);
	};
	try {
		checkRights(machine);
		return await (isMeant ? alone(machine, work) : work());
	} catch (error) {
		return refusal(machine, from, error);
	}
}

/** Undoes the last setup. */
export async function goBackToBefore(
	machine: Machine,
	{ isForced }: { isForced: boolean },
): Promise<Report> {
	const work = async (): Promise<Report> => {
		const journals = await readJournals(machine);
		const last = journals.findLast(({ state }) => state !== "returned");
		if (!last)
			return {
				...emptyReport(null, machine.services.name),
				result: "nothing to do",
				notes: ["there is no setup to undo"],
			};
		const report: Omit<Report, "result"> = {
			...emptyReport(last.from, machine.services.name),
			kept_in: last.folder,
			by_hand: machine.services.works
				? []
				: last.steps.some((step) => step.do === "start by hand")
					? ["start what ran before the setup again"]
					: [],
		};
		const before = last.state;
		try {
			report.notes = await goBack(machine, last, isForced);
			return { ...report, result: "returned" };
		} catch (error) {
			report.error = reasonOf(error);
			const isUntouched = before === "applied" && last.state === "applied";
			return { ...report, result: isUntouched ? "refused" : "in between" };
		}
	};
	try {
		checkRights(machine);
		// without a folder there is nothing to lock either
		const isKnown = (await readJournals(machine)).length > 0;
		return await (isKnown ? alone(machine, work) : work());
	} catch (error) {
		return refusal(machine, null, error);
	}
}

/**
 * Runs with the machine of this process.
 * @param parts.root directory with the files of another one; empty for this one
 */
export async function withMachine<T>(
	parts: { root: string; environment: NodeJS.ProcessEnv },
	work: (machine: Machine) => Promise<T>,
): Promise<T> {
	const { root, environment } = parts;
	const tools = createTools(environment);
	const [, script = ""] = process.argv;
	try {
		return await work({
			...{ root, tools },
			services: await findServices(tools, root),
			now: () => new Date(),
			program: [process.execPath, realpathSync(script)],
			before() {},
		});
	} finally {
		await tools.close();
	}
}
