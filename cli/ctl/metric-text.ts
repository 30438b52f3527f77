import type { StoredSample } from "../../src/client/index.ts";
import { expositionText } from "./exposition-text.ts";
import { graphiteLine } from "./graphite-line.ts";
import {
	latestPoint,
	type MetricSeries,
	metricSeries,
} from "./metric-series.ts";
import { durationText, figureText } from "./quantity.ts";
import type { Screen } from "./screen.ts";
import { sparkline } from "./sparkline.ts";
import { type Column, table } from "./table.ts";

interface Peeked {
	host: string;
	data: readonly StoredSample[];
}

const columns: readonly Column[] = [
	{ title: "AGENT" },
	{ title: "HOST" },
	{ title: "METRIC" },
	{ title: "VALUE", align: "right" },
	{ title: "AGE", align: "right" },
	{ title: "SAMPLES", align: "right" },
	{ title: "COURSE" },
];

const sparkColumns = 20;

const courseOf = ({ points }: MetricSeries) =>
	sparkline(
		points.map(({ value }) => value),
		sparkColumns,
	);

/** A line for each metric: its latest value, how old that is, its course. Of one agent alone its name is left out. */
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
				{ text: courseOf(series), colour: "green" as const },
			];
		}),
	);
	return table(isAlone ? columns.slice(1) : columns, rows, screen);
}

/** Every sample as lines for Graphite. */
export const samplesAsGraphite = (samples: readonly StoredSample[]) =>
	samples
		.flatMap(({ hostname, timestamp, metrics }) =>
			Object.entries(metrics ?? {}).map(([metric, value]) =>
				graphiteLine(hostname, metric, value, timestamp),
			),
		)
		.join("");

/** The latest value of each metric, named as agents name them in `/metrics`. */
export const metricsAsExposition = (agents: readonly Peeked[]) =>
	expositionText(
		agents.flatMap(({ host, data }) =>
			metricSeries(data).flatMap((series) => {
				const latest = latestPoint(series);
				if (!latest) return [];
				return {
					name: "happo_collected_metric",
					help: "Latest stored value of each metric.",
					labels: {
						agent: host,
						host: series.hostname,
						metric: series.metric,
					},
					value: latest.value,
				};
			}),
		),
	);
