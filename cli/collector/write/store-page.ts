/** What a store says about itself on its page `/metrics`. */
export interface StorePage {
	/** Which program answers; `other` may be anything that passes samples on. */
	kind: "victoria-metrics" | "prometheus" | "other";
	/** When its process was started, in seconds since 1970 by its own clock. */
	startedAt: number | undefined;
	/** How old and how far ahead samples may be, in seconds. */
	maxAgeSeconds: number;
	maxAheadSeconds: number;
	/** Labels of a series, the name included. */
	maxLabels: number;
}

const daySeconds = 86_400;

/** Samples are that much younger than the store's limit, as they have a way to go. */
const marginSeconds = 600;

const unitSeconds: Readonly<Record<string, number>> = {
	...{ h: 3_600, d: daySeconds, w: 7 * daySeconds, y: 365 * daySeconds },
	// VictoriaMetrics' default unit
	"": 31 * daySeconds,
	...{ m: 31 * daySeconds, M: 31 * daySeconds },
};

/** A retention as VictoriaMetrics has it (`1` month, `30d`), in seconds. */
function retentionSeconds(text: string): number | undefined {
	const [, count, unit = ""] = /^(\d+(?:\.\d+)?)([hdwymM]?)$/.exec(text) ?? [];
	const seconds = Number(count) * (unitSeconds[unit] ?? Number.NaN);
	return seconds > 0 ? seconds : undefined;
}

/** The most labels of a series that VictoriaMetrics keeps by default; it cuts the others off. */
const defaultMaxLabels = 30;

/** Reads the page of a store, in Prometheus' text format. */
export function parseStorePage(page: string): StorePage {
	const flag = (name: string) =>
		new RegExp(`^flag\\{name="${name}", ?value="([^"]*)"`, "m").exec(page)?.[1];
	const started = /^process_start_time_seconds (\S+)$/m.exec(page)?.[1];
	const startedAt = Number(started ?? Number.NaN);
	const retention = flag("retentionPeriod");
	const labels = Number(flag("maxLabelsPerTimeseries") ?? Number.NaN);
	// a storage node of a cluster has the former, the nodes that take samples have the latter
	const isVictoria = retention !== undefined && labels > 0;
	const isPrometheus = /^prometheus_tsdb_head_series /m.test(page);
	const keeps = isVictoria ? retentionSeconds(retention) : undefined;
	return {
		kind: isVictoria
			? "victoria-metrics"
			: isPrometheus
				? "prometheus"
				: "other",
		startedAt: Number.isFinite(startedAt) ? startedAt : undefined,
		// Prometheus answers 400 for samples that are too old; others may drop them without a word
		maxAgeSeconds: isPrometheus
			? Number.POSITIVE_INFINITY
			: (keeps ?? 31 * daySeconds) - marginSeconds,
		// one sample from the future and Prometheus takes no others until then
		maxAheadSeconds: isPrometheus
			? marginSeconds
			: 2 * daySeconds - marginSeconds,
		maxLabels: Math.min(labels > 0 ? labels : Infinity, defaultMaxLabels),
	};
}
