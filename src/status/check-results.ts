import { hash, randomBytes } from "node:crypto";
import type { Log } from "../log.ts";
import { createLogRepeats } from "../log-repeats.ts";
import type { AskedBy } from "../protocol/audit-line.ts";
import {
	maxErrors,
	type Perfdata,
	type PerfdataValue,
	parsePerfdata,
	splitOutput,
} from "../protocol/perfdata.ts";
import { normalised, type Unit } from "../protocol/perfdata-unit.ts";
import { Sightings } from "./sightings.ts";

/** The last run of a check. */
export interface CheckResult {
	/** The command of the policy, or the plugin if the call named one. */
	check: string;
	plugin: string;
	/** As shells count it; undefined if the plugin was stopped at its time limit or not started. */
	exitStatus: number | undefined;
	timedOut: boolean;
	/** End of the run, milliseconds since 1970. */
	endedAt: number;
	durationSeconds: number;
	/** CPU time of the plugin and the processes that it waited for; undefined if unknown. */
	cpuSeconds: number | undefined;
	/** Peak memory of the largest process; undefined if unknown. */
	maxRssBytes: number | undefined;
	/** The first 4,096 characters; undefined if there may be a secret among them. */
	output: string | undefined;
	/** At most 50 values. */
	perfdata: Perfdata;
	askedBy?: AskedBy | undefined;
}

const states = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;

/** Nagios' states, by the numbers that it gives them. */
export type CheckState = (typeof states)[number];

/** The number of a state. */
export const stateNumber = (state: CheckState) => states.indexOf(state);

/**
 * The state that a monitoring server has for a result. A plugin that was stopped at its time limit
 * or could not be started is CRITICAL, as in the answer to a check.
 */
export const stateOf = ({
	exitStatus,
}: Pick<CheckResult, "exitStatus">): CheckState =>
	exitStatus === undefined ? "CRITICAL" : (states[exitStatus] ?? "UNKNOWN");

/** The last result of a check, as it is listed. */
export interface ListedResult extends CheckResult {
	/** With how many different options it has run of late, at most 16. */
	variants: number;
}

/** A run of a check that has ended. */
export interface CheckRun
	extends Omit<CheckResult, "endedAt" | "output" | "perfdata"> {
	/** What it was called with. It may have secrets: only a hash of it is kept. */
	options: string;
	stdout: string;
	/** Whether the plugin has printed more than `stdout`. */
	isCut: boolean;
	/** Shown in place of an output that is empty. */
	otherOutput: string;
	/** What the output must not show; "unknown" if it may have secrets and nobody knows which. */
	secrets: readonly string[] | "unknown" | undefined;
}

/** A value of a check. It stays if another run of the check, with other options, prints others. */
export interface CheckValue {
	/** Of the last run that printed this label and unit. */
	latest: PerfdataValue;
	unit: Unit;
}

/** What is kept of the runs of a check. */
interface Kept {
	result: CheckResult;
	sightings: Sightings;
	/** When it ran with each of its options, by their hash; those used last come last. */
	variants: Map<string, Sightings>;
	/** By unit and label. */
	values: Map<string, KeptValue>;
	/** Since the check is known. */
	perfdataErrors: number;
}

interface KeptValue extends CheckValue {
	sightings: Sightings;
	/** The number of the run that printed it last. */
	run: number;
	/** Where it is kept, and under which key. */
	values: Kept["values"];
	key: string;
}

/** A check with its values, for metrics. */
export interface CheckMetrics {
	result: CheckResult;
	values: CheckValue[];
	perfdataErrors: number;
}

/** Limits of what is kept, for tests. */
export interface CheckLimits {
	checks: number;
	valuesOfCheck: number;
	values: number;
}

const usualLimits: CheckLimits = {
	checks: 500,
	valuesOfCheck: 50,
	values: 2_000,
};

/** Characters of output that are kept. */
const maxOutput = 4_096;
/** Characters of output in which performance data is looked for. */
const maxParsed = 65_536;
/** Characters of a label and its unit. */
const maxKey = 256;
/** Different options of a check. */
const maxVariants = 16;
/** Errors of one run that are logged. */
const maxLogged = 5;

const noPerfdata: Readonly<Perfdata> = {
	values: [],
	errors: [],
	errorCount: 0,
};

function addError(perfdata: Perfdata, error: string) {
	perfdata.errorCount++;
	if (perfdata.errors.length < maxErrors) perfdata.errors.push(error);
}

/** A slice would keep the whole text in memory. */
const copyOfStart = (text: string, characters: number) =>
	text.length <= characters
		? text
		: Buffer.from(text.slice(0, characters)).toString();

const logged = ({ errors, errorCount }: Perfdata) => {
	const shown = errors.slice(0, maxLogged);
	return errorCount > shown.length
		? [...shown, `${errorCount - shown.length} more`]
		: shown;
};

/** The value that was not seen for the longest time; there must be one. */
function oldestOf(values: Kept["values"]): KeptValue {
	return [...values.values()].reduce((oldest, value) =>
		value.sightings.lastAt < oldest.sightings.lastAt ? value : oldest,
	);
}

/**
 * The last result of each check, and the values that its runs have printed. What was not seen for
 * the longest time makes room for what is new.
 */
export class CheckResults {
	/** The one that has not run for the longest time first. */
	readonly #checks = new Map<string, Kept>();
	readonly #now: () => number;
	readonly #elapsed: () => number;
	readonly #limits: CheckLimits;
	readonly #repeats: ReturnType<typeof createLogRepeats>;
	/** Of all checks, the one that was not seen for the longest time first. */
	readonly #values = new Set<KeptValue>();
	#runs = 0;
	readonly #dropped = { checks: 0, values: 0 };
	readonly #salt = randomBytes(16).toString("base64");

	/**
	 * @param parts.now milliseconds since 1970
	 * @param parts.elapsed monotonic milliseconds, arbitrary origin
	 */
	constructor(parts: {
		now: () => number;
		elapsed: () => number;
		log: Pick<Log, "warning" | "error">;
		limits?: CheckLimits;
	}) {
		this.#now = parts.now;
		this.#elapsed = parts.elapsed;
		this.#limits = parts.limits ?? usualLimits;
		this.#repeats = createLogRepeats(parts);
	}

	/** What had to make room while it was not stale, or found none, since the start. */
	get dropped(): Readonly<{ checks: number; values: number }> {
		return this.#dropped;
	}

	/** Takes the end of a run. Performance data of a plugin that was stopped does not count. */
	record(run: CheckRun): void {
		const { stdout, otherOutput, secrets } = run;
		const now = this.#elapsed();
		const perfdata = run.timedOut ? noPerfdata : this.#parse(run);
		// a spread would cost more than the rest
		const result: CheckResult = {
			check: run.check,
			plugin: run.plugin,
			exitStatus: run.exitStatus,
			timedOut: run.timedOut,
			endedAt: this.#now(),
			durationSeconds: run.durationSeconds,
			cpuSeconds: run.cpuSeconds,
			maxRssBytes: run.maxRssBytes,
			askedBy: run.askedBy,
			output: secrets
				? undefined
				: copyOfStart(stdout === "" ? otherOutput : stdout, maxOutput),
			perfdata,
		};
		const kept = this.#keep(result, now);
		this.#keepVariant(kept, run.options, now);
		this.#runs++;
		for (const value of perfdata.values)
			if (!this.#keepValue(kept, value, now))
				addError(perfdata, `a label and its unit come twice: ${value.label}`);
		kept.perfdataErrors += perfdata.errorCount;
		this.#makeRoom(now);
		if (perfdata.errorCount > 0) this.#tell(run, perfdata);
		// they quote the output
		if (secrets) perfdata.errors.length = 0;
	}

	/** The last results, without stale ones; the check that has not run for the longest time first. */
	all(): ListedResult[] {
		const now = this.#elapsed();
		return Array.from(this.#fresh(), ({ result, variants }) => {
			const recent = [...variants.values()].filter((one) => !one.isStale(now));
			// a check that is seldom run lasts longer than options that were seen once
			return { ...result, variants: Math.max(1, recent.length) };
		});
	}

	/** The last result of a check; undefined if there is none, or if it is stale. */
	of(check: string): CheckResult | undefined {
		const kept = this.#checks.get(check);
		return kept && !kept.sightings.isStale(this.#elapsed())
			? kept.result
			: undefined;
	}

	/** All checks with their values, without stale ones. */
	*metrics(): Generator<CheckMetrics> {
		const now = this.#elapsed();
		for (const { result, values, perfdataErrors } of this.#fresh())
			yield {
				result,
				perfdataErrors,
				values: [...values.values()].filter(
					({ sightings }) => !sightings.isStale(now),
				),
			};
	}

	*#fresh() {
		const now = this.#elapsed();
		for (const kept of this.#checks.values())
			if (!kept.sightings.isStale(now)) yield kept;
	}

	#parse({ stdout, isCut, secrets }: CheckRun): Perfdata {
		// most of the outputs that are long have none
		if (secrets === "unknown" || !stdout.includes("|")) return noPerfdata;
		const wasCut = isCut || stdout.length > maxParsed;
		const text = wasCut ? stdout.slice(0, maxParsed) : stdout;
		const { perfdata } = splitOutput(text);
		if (!wasCut) return this.#limited(parsePerfdata(perfdata), secrets);
		// the limit may cut through a number, which would leave another number
		const whole = perfdata.slice(0, perfdata.lastIndexOf(" ") + 1);
		const parsed = this.#limited(parsePerfdata(whole), secrets);
		addError(parsed, "the output is too long: its end is left out");
		return parsed;
	}

	/** Leaves out values that show a secret, are too long or too many. */
	#limited(parsed: Perfdata, secrets: readonly string[] = []): Perfdata {
		const open =
			secrets.length === 0
				? parsed.values
				: parsed.values.filter(
						({ label, unit }) =>
							!secrets.some(
								(secret) => label.includes(secret) || unit.includes(secret),
							),
					);
		const values = open
			.filter(({ label, unit }) => label.length + unit.length <= maxKey)
			.slice(0, this.#limits.valuesOfCheck);
		this.#dropped.values += open.length - values.length;
		return { values, errors: parsed.errors, errorCount: parsed.errorCount };
	}

	#keep(result: CheckResult, now: number): Kept {
		const { check } = result;
		const known = this.#checks.get(check);
		const kept = known ?? {
			result,
			sightings: new Sightings(now),
			variants: new Map(),
			values: new Map(),
			perfdataErrors: 0,
		};
		if (known) {
			known.sightings.again(now);
			known.result = result;
			// to the end
			this.#checks.delete(check);
		}
		this.#checks.set(check, kept);
		return kept;
	}

	#keepVariant({ variants }: Kept, options: string, now: number) {
		const key = hash("sha256", this.#salt + options, "base64");
		const known = variants.get(key);
		known?.again(now);
		// to the end
		variants.delete(key);
		variants.set(key, known ?? new Sightings(now));
		const [oldest] = variants.keys();
		if (variants.size > maxVariants && oldest !== undefined)
			variants.delete(oldest);
	}

	/** Returns false for a label and unit that the same run has printed before; the last one counts. */
	#keepValue({ values }: Kept, latest: PerfdataValue, now: number): boolean {
		const run = this.#runs;
		const unit = normalised(latest);
		const key = `${unit.unit}\0${latest.label}`;
		const known = values.get(key);
		if (!known) {
			const sightings = new Sightings(now);
			const value = { latest, unit, sightings, run, values, key };
			values.set(key, value);
			this.#values.add(value);
			if (values.size > this.#limits.valuesOfCheck)
				this.#drop(oldestOf(values), now);
			return true;
		}
		const isFirst = known.run !== run;
		if (isFirst) known.sightings.again(now);
		known.latest = latest;
		known.unit = unit;
		known.run = run;
		// to the end
		this.#values.delete(known);
		this.#values.add(known);
		return isFirst;
	}

	#makeRoom(now: number) {
		for (const [check, { sightings, values }] of this.#checks) {
			if (this.#checks.size <= this.#limits.checks) break;
			this.#checks.delete(check);
			for (const value of values.values()) this.#values.delete(value);
			if (!sightings.isStale(now)) this.#dropped.checks++;
		}
		for (const value of this.#values) {
			if (this.#values.size <= this.#limits.values) break;
			this.#drop(value, now);
		}
	}

	#drop(value: KeptValue, now: number) {
		value.values.delete(value.key);
		this.#values.delete(value);
		if (!value.sightings.isStale(now)) this.#dropped.values++;
	}

	/** Logs what did not parse: the first time and then once an hour, for each check. */
	#tell({ check, secrets }: CheckRun, perfdata: Perfdata) {
		const what = `performance data of check ${check}`;
		const lines = secrets
			? [
					`${what}: ${perfdata.errorCount} errors, not shown as the check has secrets`,
				]
			: logged(perfdata).map((error) => `${what}: ${error}`);
		this.#repeats.wrong(check, { kind: "perfdata", level: "warning", lines });
	}
}
