import type { CpuSeconds } from "./process-figures.ts";
import { minGrowth, percentile, type Slope, slopeOf } from "./slope.ts";
import { type Checks, v1Test } from "./workload.ts";

/** A measurement of the running daemon. */
export interface Look {
	/** Seconds since the daemon began to listen. */
	seconds: number;
	checks: number;
	cpuSeconds: number;
	residentKilobytes: number;
	databaseKilobytes: number;
}

/** All measurements of a run. */
export interface Soaked {
	minutes: number;
	/** Since the start of the process, like its CPU time. */
	wallSeconds: number;
	checks: Checks;
	cpuAtStart: CpuSeconds;
	cpu: CpuSeconds;
	looks: readonly Look[];
	peakKilobytes: number;
	databaseKilobytes: number;
	samples: number;
	/** Percent of the time of all cores during the run: the daemon, this test and others. */
	machine: { busy: number; stolen: number };
	/** Lines of the log, at level warn. */
	logLines: readonly string[];
}

/** A line of the table. `ok` is undefined if there is no criterion. */
export interface Verdict {
	what: string;
	measured: string;
	asked: string;
	ok?: boolean;
	/** The run is too short to decide; the line is shown but does not count. */
	tooShort?: boolean;
}

/** v1's limits. Its README and its script have different limits for memory. */
const limits = { cpuPercent: 4, databaseKilobytes: 250 };
const memoryLimits = "51,200 KB in its script, 500 MB in its README";

/**
 * Significant growth in KB per 1,000 checks: 100 bytes a check, or 1 MB for a day's
 * 10,000 checks. For growth over time the same limit applies at the run's pace. Smaller
 * growth cannot be distinguished from that of V8's heap and of the database's write
 * buffer (some 20 KB a minute until it is full).
 */
const growthThatMatters = 100;

/** The part of a run that slopes leave out, while code is compiled and heaps and caches fill. */
const warmUp = 0.2;

const whole = (value: number) => Math.round(value).toLocaleString("en");
const seconds = ({ own, children }: CpuSeconds) => own + children;

/** Growth of resident memory during the checks, in KB per 1,000 checks. */
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

/** Growth of resident memory over the whole run, including its idle part, in KB per hour. */
export function growthByHours({ looks, minutes }: Soaked): Slope {
	const begin = minutes * 60 * warmUp;
	return slopeOf(
		looks
			.filter((look) => look.seconds >= begin)
			.map((look) => ({ x: look.seconds / 3600, y: look.residentKilobytes })),
	);
}

function growth(what: string, found: Slope, matters: number): Verdict {
	const limit = minGrowth(found, matters);
	const error = Number.isFinite(found.standardError)
		? `± ${whole(found.standardError)}`
		: "(too few measurements)";
	return {
		what,
		measured: `${whole(found.slope)} ${error}`,
		asked: Number.isFinite(limit) ? `below ${whole(limit)}` : "none",
		ok: !(found.slope >= limit),
	};
}

/** Judges a run by v1's criteria, and by our own for memory. */
export function judge(run: Soaked): Verdict[] {
	const { checks, minutes, cpu } = run;
	const tooShort = minutes < v1Test.minutes;
	const part = Math.min(1, minutes / v1Test.minutes);
	const percent = (100 * seconds(cpu)) / run.wallSeconds;
	const database = limits.databaseKilobytes * part;
	const largest = Math.max(...run.looks.map((look) => look.databaseKilobytes));
	// the last pass may end after the run
	const minSamples = (Math.ceil(minutes) - 1) * v1Test.metricPlugins;
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
			asked: `at least ${whole(minSamples)}`,
			ok: run.samples >= minSamples,
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
			asked: "(work of other programs increases the daemon's CPU)",
		},
		{
			what: "lines in the log",
			measured: whole(run.logLines.length),
			asked: "",
		},
	];
}

/** True if the run missed this criterion and was long enough to decide. */
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
