import type { components } from "../../generated/schema.ts";
import type { Series } from "../protocol/exposition.ts";
import {
	type MetricKind,
	type MetricName,
	metricName,
	plainKind,
} from "../protocol/metric-name.ts";

type Sample = components["schemas"]["Sample"];

/** The latest value of a metric, with its name for Prometheus. */
export interface CollectedValue {
	labels: { host: string; metric: string };
	name: MetricName;
	/** As printed. */
	value: number;
}

/** The latest value of every collected metric, for scrapers. */
export interface Collected {
	/**
	 * Adds the samples of a plugin. If a name occurs several times, the value with the latest timestamp
	 * wins; among equal timestamps, the last one.
	 * @param kinds what the plugin says about its metrics, by name
	 */
	enter(
		samples: readonly Sample[],
		kinds?: ReadonlyMap<string, MetricKind>,
	): void;
	/** Values that have not expired. */
	values(): CollectedValue[];
	/** Values that have not expired, with the labels `host` and `metric`. */
	series(): Series[];
	/**
	 * Values dropped since the start, because there were too many series or the name was too long.
	 */
	readonly dropped: number;
}

/**
 * Maximum characters of host and metric together: names are kept for minutes and appear on every
 * page.
 */
const maxKeyCharacters = 1024;

/**
 * Keeps values by host and metric. A known name is always updated; a new name is added only if
 * there is room, after expired values are removed.
 * @param parts.now monotonic milliseconds, arbitrary origin
 * @param parts.maxSeries maximum number of series (default 10,000)
 * @param parts.lifetimeMilliseconds from arrival, whatever the plugin's timestamp (default five
 * minutes); see staleSeconds
 */
export function createCollected({
	now,
	maxSeries = 10_000,
	lifetimeMilliseconds = 300_000,
}: {
	now: () => number;
	maxSeries?: number;
	lifetimeMilliseconds?: number;
}): Collected {
	// in order of arrival, oldest first
	const latest = new Map<
		string,
		{
			labels: { host: string; metric: string };
			kind: MetricKind;
			name: MetricName;
			value: number;
			timestamp: number;
			arrivedAt: number;
		}
	>();
	let dropped = 0;

	const removeOld = () => {
		const oldest = now() - lifetimeMilliseconds;
		for (const [key, { arrivedAt }] of latest) {
			if (arrivedAt >= oldest) return;
			latest.delete(key);
		}
	};

	return {
		enter(samples, kinds) {
			removeOld();
			const arrivedAt = now();
			for (const { hostname, timestamp, metrics } of samples)
				for (const [metric, value] of Object.entries(metrics)) {
					// too long in any case: do not build the key
					if (hostname.length + metric.length > maxKeyCharacters) {
						dropped++;
						continue;
					}
					const key = keyOf(hostname, metric);
					const known = latest.get(key);
					if (known && known.timestamp > timestamp) continue;
					latest.delete(key);
					if (
						!known &&
						(key.length > maxKeyCharacters || latest.size >= maxSeries)
					)
						dropped++;
					else {
						const labels = known?.labels ?? labelsOf(key);
						const kind = kinds?.get(metric) ?? plainKind;
						const name =
							known && isSameKind(known.kind, kind)
								? known.name
								: metricName(metric, kind);
						const entry = { labels, kind, name, value, timestamp, arrivedAt };
						latest.set(key, entry);
					}
				}
		},
		values() {
			removeOld();
			return [...latest.values()];
		},
		series() {
			removeOld();
			return Array.from(latest.values(), ({ labels, value }) => ({
				labels,
				value,
			}));
		},
		get dropped() {
			return dropped;
		},
	};
}

const isSameKind = (one: MetricKind, other: MetricKind) =>
	one.isCounter === other.isCounter && one.unit === other.unit;

/** A newly built string: a slice of a plugin's output would keep the whole output in memory. */
const keyOf = (host: string, metric: string) => JSON.stringify([host, metric]);

function labelsOf(key: string): { host: string; metric: string } {
	const [host, metric] = JSON.parse(key) as [string, string];
	return { host, metric };
}
