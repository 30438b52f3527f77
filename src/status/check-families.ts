import type { Family, MetricType, Series } from "../protocol/exposition.ts";
import type { PerfdataRange } from "../protocol/perfdata.ts";
import {
	type CheckMetrics,
	type CheckResult,
	type CheckResults,
	type CheckValue,
	stateNumber,
	stateOf,
} from "./check-results.ts";

type Labels = Readonly<Record<string, string>>;

/** One value of each check that has it. */
function eachCheck(
	checks: readonly CheckMetrics[],
	read: (check: CheckMetrics) => number | undefined,
): Series[] {
	const all: Series[] = [];
	for (const check of checks) {
		const value = read(check);
		if (value !== undefined)
			all.push({ labels: { check: check.result.check }, value });
	}
	return all;
}

const valueLabels = (
	{ check }: CheckResult,
	{ latest: { label }, unit: { unit } }: CheckValue,
): Labels =>
	unit === ""
		? { check, perfdata_label: label }
		: { check, perfdata_label: label, unit };

/** Values of performance data: those that only grow, or the others. */
function perfdataSeries(
	checks: readonly CheckMetrics[],
	areCounters: boolean,
): Series[] {
	const all: Series[] = [];
	for (const { result, values } of checks)
		for (const kept of values) {
			const { value } = kept.latest;
			const { isCounter, factor } = kept.unit;
			if (value === undefined || isCounter !== areCounters) continue;
			// a counter's value cannot be
			if (isCounter && value < 0) continue;
			all.push({ labels: valueLabels(result, kept), value: value * factor });
		}
	return all;
}

/** Adds the bounds of a range; a side without a bound has no series. */
function addRange(
	all: Series[],
	range: PerfdataRange | undefined,
	labels: Labels,
	factor: number,
) {
	if (!range) return;
	const { lower, upper, alert } = range;
	const add = (bound: "lower" | "upper", value: number | undefined) => {
		if (value !== undefined)
			all.push({ labels: { ...labels, bound, alert }, value: value * factor });
	};
	add("lower", lower);
	add("upper", upper);
}

function thresholdSeries(checks: readonly CheckMetrics[]): Series[] {
	const all: Series[] = [];
	for (const { result, values } of checks)
		for (const kept of values) {
			const { warning, critical, min, max } = kept.latest;
			const { factor } = kept.unit;
			// most values have none
			if (!(warning ?? critical) && (min ?? max) === undefined) continue;
			const of = valueLabels(result, kept);
			addRange(all, warning, { ...of, threshold_type: "warning" }, factor);
			addRange(all, critical, { ...of, threshold_type: "critical" }, factor);
			for (const [threshold_type, value] of [
				["min", min],
				["max", max],
			] as const)
				if (value !== undefined)
					all.push({
						labels: { ...of, threshold_type },
						value: value * factor,
					});
		}
	return all;
}

const family = (
	name: string,
	type: MetricType,
	help: string,
	series: Series[],
): Family => ({ name: `state_check${name}`, type, help, series });

/**
 * The last result of each check, and its performance data. Names and units are those of Icinga
 * 2.16's OTLPMetricsWriter where it has them. A state is never derived from performance data.
 */
export function checkFamilies(results: CheckResults): Family[] {
	const checks = [...results.metrics()];
	const { dropped } = results;
	return [
		family(
			"",
			"info",
			"The plugin of a check: the policy's command, or the plugin itself.",
			checks.map(({ result: { check, plugin } }) => ({
				labels: { check, plugin },
				value: 1,
			})),
		),
		family(
			"_state",
			"gauge",
			"State of the last run: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, as of any other exit status. A plugin that was stopped at its time limit or could not be started is CRITICAL.",
			eachCheck(checks, ({ result }) => stateNumber(stateOf(result))),
		),
		family(
			"_exit_status",
			"gauge",
			"Exit status of the last run; absent if the plugin was stopped at its time limit or could not be started.",
			eachCheck(checks, ({ result }) => result.exitStatus),
		),
		family(
			"_last_run_timestamp_seconds",
			"gauge",
			"End of the last run, seconds since 1970.",
			eachCheck(checks, ({ result }) => result.endedAt / 1000),
		),
		family(
			"_duration_seconds",
			"gauge",
			"Duration of the last run.",
			eachCheck(checks, ({ result }) => result.durationSeconds),
		),
		family(
			"_cpu_seconds",
			"gauge",
			"CPU time of the last run; absent if unknown.",
			eachCheck(checks, ({ result }) => result.cpuSeconds),
		),
		family(
			"_max_rss_bytes",
			"gauge",
			"Peak memory of the largest process of the last run; absent if it was not above that of the agent, which the kernel counts for its children.",
			eachCheck(checks, ({ result }) => result.maxRssBytes),
		),
		family(
			"_perfdata",
			"gauge",
			"Performance data in base units.",
			perfdataSeries(checks, false),
		),
		family(
			"_perfdata_total",
			"counter",
			"Performance data that only grows (unit c).",
			perfdataSeries(checks, true),
		),
		family(
			"_threshold",
			"gauge",
			"Thresholds, minimum and maximum of performance data in base units: reached outside of the bounds, or inside, as alert says.",
			thresholdSeries(checks),
		),
		family(
			"_perfdata_errors",
			"counter",
			"Performance data that did not parse; the log names it.",
			eachCheck(checks, ({ perfdataErrors }) => perfdataErrors),
		),
		{
			name: "happo_agent_check_results_dropped",
			type: "counter",
			help: "Last results of checks, and values of performance data, that were dropped because there were too many.",
			series: [
				{ labels: { what: "result" }, value: dropped.checks },
				{ labels: { what: "value" }, value: dropped.values },
			],
		},
	];
}
