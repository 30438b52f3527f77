import type { StoredSample } from "../../src/client/index.ts";

/** The course of one metric of one host. */
export interface MetricSeries {
	hostname: string;
	metric: string;
	/** In the order in which the agent stored them. */
	points: { timestamp: number; value: number }[];
}

/** Samples by host and metric, sorted by both. */
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
