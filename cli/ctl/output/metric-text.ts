import type { StoredSample } from "../../../src/client/index.ts";
import {
	expose,
	type Family,
	type Series,
} from "../../../src/protocol/exposition.ts";
import {
	isReservedName,
	metricName,
	plainKind,
} from "../../../src/protocol/metric-name.ts";
import type { OutputFormat } from "../flags.ts";
import type { ExposedMetrics } from "../metrics-page.ts";
import { graphiteLine, jsonText, yamlText } from "./formats.ts";
import { durationText, figureText, timeText } from "./quantity.ts";
import { type Column, table } from "./table.ts";
import { type Screen, safeLine } from "./terminal.ts";

/** The values of one metric of one host. */
export interface MetricSeries {
	hostname: string;
	metric: string;
	/** In the order that the agent stored them. */
	points: { timestamp: number; value: number }[];
}

/** Groups samples by host and metric, and sorts by both. */
export function metricSeries(samples: readonly StoredSample[]): MetricSeries[] {
	const found = new Map<string, MetricSeries>();
	for (const { hostname, timestamp, metrics } of samples)
		for (const [metric, value] of Object.entries(metrics ?? {})) {
			const key = `${hostname}\n${metric}`;
			const series = found.get(key) ?? { hostname, metric, points: [] };
			series.points.push({ timestamp, value });
			found.set(key, series);
		}
	const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
	return [...found.values()].sort(
		(a, b) => order(a.hostname, b.hostname) || order(a.metric, b.metric),
	);
}

/** The point with the latest time; undefined if there is none. */
export const latestPoint = ({ points }: MetricSeries) =>
	points.reduce<MetricSeries["points"][number] | undefined>(
		(latest, point) =>
			latest && latest.timestamp > point.timestamp ? latest : point,
		undefined,
	);

const bars = [..."▁▂▃▄▅▆▇█"];

/**
 * A chart of values in one line, oldest first, scaled from their minimum to their maximum. If there
 * are more values than columns, a column shows the mean of several values. Empty for fewer than two
 * values.
 */
export function sparkline(values: readonly number[], columns: number): string {
	if (values.length < 2) return "";
	const width = Math.min(columns, values.length);
	const means = Array.from({ length: width }, (_, at) => {
		const from = Math.floor((at * values.length) / width);
		const to = Math.floor(((at + 1) * values.length) / width);
		const part = values.slice(from, to);
		return part.reduce((sum, value) => sum + value / part.length, 0);
	});
	const lowest = means.reduce((a, b) => Math.min(a, b));
	const highest = means.reduce((a, b) => Math.max(a, b));
	// halve first: the difference of two doubles may overflow
	const span = highest / 2 - lowest / 2;
	return means
		.map((mean) => {
			if (span === 0) return bars[0];
			const part = (mean / 2 - lowest / 2) / span;
			return bars[Math.min(bars.length - 1, Math.floor(part * bars.length))];
		})
		.join("");
}

/** Points of a metric. */
type Points = MetricSeries["points"];

/** Values that rise this often and never fall are taken for those of a counter. */
const risesOfCounter = 8;

/**
 * Whether a metric of unknown type looks like a counter: its values never fell, and rose at least
 * eight times.
 */
export function looksLikeCounter(points: Points): boolean {
	let rises = 0;
	for (const [at, { value }] of points.entries()) {
		const before = points[at - 1]?.value ?? value;
		if (value < before) return false;
		if (value > before) rises++;
	}
	return rises >= risesOfCounter;
}

/**
 * How much a counter grew in a second, from point to point. After a fall it has begun again at 0.
 * Points of the same time, and earlier ones, are left out.
 */
export function rates(points: Points): number[] {
	const found: number[] = [];
	let last: Points[number] | undefined;
	for (const point of points) {
		if (last && point.timestamp <= last.timestamp) continue;
		if (last) {
			const growth =
				point.value < last.value ? point.value : point.value - last.value;
			found.push(growth / (point.timestamp - last.timestamp));
		}
		last = point;
	}
	return found;
}

/** A chart of a metric: of the rates of a counter, otherwise of the values. */
export const trendText = (
	points: Points,
	columns: number,
	isCounter: boolean,
): string =>
	sparkline(
		isCounter ? rates(points) : points.map(({ value }) => value),
		columns,
	);

interface Peeked {
	host: string;
	data: readonly StoredSample[];
}

export const metricColumns: readonly Column[] = [
	{ title: "AGENT" },
	{ title: "HOST", cut: "middle", leaves: 4 },
	{ title: "METRIC", cut: "middle" },
	{ title: "VALUE", align: "right" },
	{ title: "AGE", align: "right", leaves: 2 },
	{ title: "SAMPLES", align: "right", leaves: 1 },
	{ title: "TREND", leaves: 3 },
];

/** Width of a trend: on a narrow terminal it is shorter, before its column leaves. */
export const trendColumns = (columns: number | undefined): number =>
	columns !== undefined && columns < 100 ? 8 : 20;

/**
 * A row for each metric: latest value, its age, trend. If there is only one agent, its name is left
 * out.
 */
export function metricTable(
	agents: readonly Peeked[],
	screen: Screen,
	nowSeconds: number,
): string {
	const isAlone = agents.length === 1;
	const rows = agents.flatMap(({ host, data }) =>
		metricSeries(data).map((series) => {
			const latest = latestPoint(series);
			return [
				...(isAlone ? [] : [{ text: host, colour: "cyan" as const }]),
				series.hostname,
				series.metric,
				latest ? figureText(latest.value) : "",
				latest ? durationText(nowSeconds - latest.timestamp) : "",
				String(series.points.length),
				{
					text: trendText(
						series.points,
						trendColumns(screen.columns),
						looksLikeCounter(series.points),
					),
					colour: "green" as const,
				},
			];
		}),
	);
	return table(isAlone ? metricColumns.slice(1) : metricColumns, rows, screen);
}

/** Samples as lines for Graphite. */
export const samplesAsGraphite = (samples: readonly StoredSample[]) =>
	samples
		.flatMap(({ hostname, timestamp, metrics }) =>
			Object.entries(metrics ?? {}).map(([metric, value]) =>
				graphiteLine(hostname, metric, value, timestamp),
			),
		)
		.join("");

/** Limit of the names in a message. */
const maxNames = 5;

function namesText(names: ReadonlySet<string>): string {
	const some = [...names].slice(0, maxNames).map(safeLine);
	const more = names.size - some.length;
	return `${some.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A family of metrics, and the names that the metric plugins have printed for it. */
interface NamedMetrics {
	isCounter: boolean;
	originals: Set<string>;
	series: Series[];
}

/**
 * The latest value of each metric as the `/metrics` of its agent has it, or else as a gauge without
 * a unit. As there, metrics are left out if their name is one of the agent's own, or if their names
 * become the same.
 * @param agents with what their pages have
 * @returns the page, and a line for each name that is left out
 */
export function metricsAsExposition(
	agents: readonly (Peeked & { exposed: ExposedMetrics })[],
): { text: string; leftOut: string[] } {
	const families = new Map<string, NamedMetrics>();
	for (const { host: agent, data, exposed } of agents)
		for (const series of metricSeries(data)) {
			const latest = latestPoint(series);
			if (!latest) continue;
			const { hostname, metric } = series;
			const { name, isCounter, value } = exposed(hostname, metric) ?? {
				...{ name: metricName(metric, plainKind).name, isCounter: false },
				value: latest.value,
			};
			const family = families.get(name) ?? {
				...{ isCounter, originals: new Set<string>(), series: [] },
			};
			families.set(name, family);
			// the agents need not agree about the type
			family.isCounter &&= isCounter;
			family.originals.add(metric);
			family.series.push({ labels: { agent, host: hostname }, value });
		}
	const leftOut: string[] = [];
	const shown: Family[] = [];
	for (const [name, { isCounter, originals, series }] of families) {
		if (isReservedName(name))
			leftOut.push(
				`left out: ${namesText(originals)}: ${name} is a name of the agent's own metrics`,
			);
		else if (originals.size > 1)
			leftOut.push(
				`left out: ${namesText(originals)}: they would all be ${name}`,
			);
		else
			shown.push({
				...{ name, type: isCounter ? "counter" : "gauge", series },
				help: `Collected metric ${[...originals].join()}.`,
			});
	}
	return { text: expose(shown, "text"), leftOut };
}

/**
 * Samples of one agent as a stream of records: lines for people or Graphite, one JSON object a
 * line, or one YAML document each.
 */
export function samplesText(
	output: OutputFormat,
	agent: string,
	samples: readonly StoredSample[],
): string {
	if (output === "graphite") return samplesAsGraphite(samples);
	const records = samples.map((sample) => ({ agent, ...sample }));
	if (output === "json")
		return records.map((record) => `${jsonText(record)}\n`).join("");
	if (output === "yaml")
		return records.map((record) => `---\n${yamlText(record)}`).join("");
	return records
		.flatMap(({ hostname, timestamp, metrics }) =>
			Object.entries(metrics ?? {}).map(
				([metric, value]) =>
					`${timeText(timestamp)}  ${safeLine(agent)}  ${safeLine(hostname)}  ${safeLine(metric)}  ${figureText(value)}\n`,
			),
		)
		.join("");
}
