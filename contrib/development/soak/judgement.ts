import type { CpuSeconds } from "./process-figures.ts";
import { leastGrowth, percentile, type Slope, slopeOf } from "./slope.ts";
import { type Checks, original } from "./workload.ts";

/** One look at the running daemon. */
export interface Look {
	/** Since the daemon listened. */
	seconds: number;
	checks: number;
	cpuSeconds: number;
	residentKilobytes: number;
	databaseKilobytes: number;
}

/** Everything that was measured in a run. */
export interface Soaked {
	minutes: number;
	/** From the start of the process on, as its CPU time is. */
	wallSeconds: number;
	checks: Checks;
	cpuAtStart: CpuSeconds;
	cpu: CpuSeconds;
	looks: readonly Look[];
	peakKilobytes: number;
	databaseKilobytes: number;
	samples: number;
	/** Percent of all cores' time, from the start to the end: the daemon, we, and others. */
	machine: { busy: number; stolen: number };
	/** Lines of the log, which has warnings and errors. */
	logLines: readonly string[];
}

/** A line of the table. `ok` is undefined where nothing is asked. */
export interface Verdict {
	what: string;
	measured: string;
	asked: string;
	ok?: boolean;
	/** A run this short cannot tell; the line is shown and does not count. */
	tooShort?: boolean;
}

/** The original's limits; its README has another one for memory than its script. */
const limits = { cpuPercent: 4, databaseKilobytes: 250 };
const memoryLimits = "51,200 KB in its script, 500 MB in its README";

/**
 * Growth that matters: 100 bytes a check, 1 MB a day's 10,000 checks. Over time
 * the same at the run's own pace. Less is not told from what V8's heap and the
 * database's write buffer (some 20 KB a minute until it is full) do anyway.
 */
const growthThatMatters = 100;

/** The part of a run that is left out of slopes: code is compiled, heaps and caches fill. */
const warmUp = 0.2;

const whole = (value: number) => Math.round(value).toLocaleString("en");
const seconds = ({ own, children }: CpuSeconds) => own + children;

/** Resident memory while checks came, by thousands of them. */
export function growthByChecks({ looks, checks }: Soaked): Slope {
	const begin = checks.planned * warmUp;
	const during = looks.filter(
		(look) => look.checks >= begin && look.checks < checks.planned,
	);
	return slopeOf(
		during.map((look) => ({
			x: look.checks / 1000,
			y: look.residentKilobytes,
		})),
	);
}

/** Resident memory over the whole run, its idle part too, by hours. */
export function growthByHours({ looks, minutes }: Soaked): Slope {
	const begin = minutes * 60 * warmUp;
	return slopeOf(
		looks
			.filter((look) => look.seconds >= begin)
			.map((look) => ({ x: look.seconds / 3600, y: look.residentKilobytes })),
	);
}

function growth(what: string, found: Slope, matters: number): Verdict {
	const least = leastGrowth(found, matters);
	const error = Number.isFinite(found.standardError)
		? `± ${whole(found.standardError)}`
		: "(too few looks)";
	return {
		what,
		measured: `${whole(found.slope)} ${error}`,
		asked: Number.isFinite(least) ? `below ${whole(least)}` : "none",
		ok: !(found.slope >= least),
	};
}

/** Holds a run to the original's criteria, and to ours for memory. */
export function judge(run: Soaked): Verdict[] {
	const { checks, minutes, cpu } = run;
	const tooShort = minutes < original.minutes;
	const part = Math.min(1, minutes / original.minutes);
	const percent = (100 * seconds(cpu)) / run.wallSeconds;
	const database = limits.databaseKilobytes * part;
	const largest = Math.max(...run.looks.map((look) => look.databaseKilobytes));
	// the last pass may end after the run
	const leastSamples = (Math.ceil(minutes) - 1) * original.metricPlugins;
	const checksAnHour = checks.planned / (minutes / 60);
	const last = run.looks.at(-1)?.residentKilobytes ?? Number.NaN;
	const missed = checks.planned - checks.sent;
	return [
		{
			what: "checks failed or not sent",
			measured: `${whole(checks.failed + missed)} of ${whole(checks.planned)}`,
			asked: "0",
			ok: checks.failed + missed === 0,
		},
		{
			what: "metrics stored",
			measured: whole(run.samples),
			asked: `at least ${whole(leastSamples)}`,
			ok: run.samples >= leastSamples,
		},
		{
			what: "CPU, % of the time",
			measured: percent.toFixed(2),
			asked: `at most ${limits.cpuPercent}`,
			ok: percent <= limits.cpuPercent,
		},
		{
			what: "database at the end, KB",
			measured: whole(run.databaseKilobytes),
			asked: `at most ${whole(database)}`,
			ok: run.databaseKilobytes <= database,
			tooShort,
		},
		{
			...growth(
				"growth, KB per 1,000 checks",
				growthByChecks(run),
				growthThatMatters,
			),
			tooShort,
		},
		{
			...growth(
				"growth, KB per hour",
				growthByHours(run),
				(growthThatMatters * checksAnHour) / 1000,
			),
			tooShort,
		},
		{
			what: "peak resident, KB",
			measured: whole(run.peakKilobytes),
			asked: `(${memoryLimits})`,
		},
		{ what: "resident at the end, KB", measured: whole(last), asked: "" },
		{
			what: "database at its largest, KB",
			measured: whole(largest),
			asked: "",
		},
		{
			what: "CPU seconds: daemon, its children",
			measured: `${cpu.own.toFixed(2)}, ${cpu.children.toFixed(2)}`,
			asked: `(start: ${seconds(run.cpuAtStart).toFixed(2)})`,
		},
		{
			what: "check, ms: median, 99 %, longest",
			measured: [0.5, 0.99, 1]
				.map((share) => percentile(checks.latencies, share).toFixed(1))
				.join(", "),
			asked: "",
		},
		{
			what: "whole machine, %: busy, stolen",
			measured: [run.machine.busy, run.machine.stolen]
				.map((percent) => percent.toFixed(1))
				.join(", "),
			asked: "(others' work makes the daemon's dearer)",
		},
		{
			what: "lines in the log",
			measured: whole(run.logLines.length),
			asked: "",
		},
	];
}

/** A criterion that this run can tell was missed. */
export const isMissed = ({ ok, tooShort }: Verdict) =>
	ok === false && !tooShort;

const word = ({ ok, tooShort }: Verdict) => {
	if (ok === undefined) return "";
	const said = ok ? "pass" : "MISS";
	return tooShort ? `(${said.toLowerCase()})` : said;
};

/** The table, one line each. */
export function table(verdicts: readonly Verdict[]): string[] {
	const width = (of: (verdict: Verdict) => string) =>
		Math.max(...verdicts.map((verdict) => of(verdict).length));
	const [what, measured] = [
		width((verdict) => verdict.what),
		width((verdict) => verdict.measured),
	];
	return verdicts.map((verdict) =>
		[
			verdict.what.padEnd(what),
			verdict.measured.padStart(measured),
			word(verdict).padEnd(6),
			verdict.asked,
		]
			.join("  ")
			.trimEnd(),
	);
}
