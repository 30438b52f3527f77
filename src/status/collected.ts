import type { components } from "../../generated/schema.ts";
import type { Series } from "../protocol/exposition.ts";

type Sample = components["schemas"]["Sample"];

/** The latest value of every metric that was collected, for scrapers. */
export interface Collected {
	/** Enters the samples of a pass; of a name that comes twice the value of the latest time, of one time the last. */
	enter(samples: readonly Sample[]): void;
	/** Those that have not outlived their time, with the labels `host` and `metric`. */
	series(): Series[];
	/** Values that were left out since the start, because there was no place or the name was too long. */
	readonly dropped: number;
}

/** Of a host and a metric together: a name is kept for minutes and is on every page. */
const longestKey = 1024;

/**
 * Keeps values by host and metric. A value whose name is there already always gets in, a new name only if there is
 * place; those whose value is older than their lifetime make it.
 * @param parts.now milliseconds since whenever, never set back
 * @param parts.mostSeries places (default 10,000)
 * @param parts.lifetimeMilliseconds from the arrival here, whatever timestamp a plugin printed (default five minutes);
 * see staleSeconds
 */
export function createCollected({
	now,
	mostSeries = 10_000,
	lifetimeMilliseconds = 300_000,
}: {
	now: () => number;
	mostSeries?: number;
	lifetimeMilliseconds?: number;
}): Collected {
	// in the order of arrival, the oldest first
	const latest = new Map<
		string,
		{
			labels: { host: string; metric: string };
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
		enter(samples) {
			removeOld();
			const arrivedAt = now();
			for (const { hostname, timestamp, metrics } of samples)
				for (const [metric, value] of Object.entries(metrics)) {
					// no key of JSON for what is too long in any case
					if (hostname.length + metric.length > longestKey) {
						dropped++;
						continue;
					}
					const key = keyOf(hostname, metric);
					const known = latest.get(key);
					if (known && known.timestamp > timestamp) continue;
					latest.delete(key);
					if (!known && (key.length > longestKey || latest.size >= mostSeries))
						dropped++;
					else {
						const labels = known?.labels ?? labelsOf(key);
						latest.set(key, { labels, value, timestamp, arrivedAt });
					}
				}
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

/** A text of its own: parts of a plugin's output would keep all of the output in memory. */
const keyOf = (host: string, metric: string) => JSON.stringify([host, metric]);

function labelsOf(key: string): { host: string; metric: string } {
	const [host, metric] = JSON.parse(key) as [string, string];
	return { host, metric };
}
