import type { components } from "../../../generated/web-schema.ts";
import type { StoredSample } from "../../../src/client/index.ts";
import type { MetricsPage, PageMetric } from "../metrics-page.ts";

type Schemas = components["schemas"];

/** At most this many metrics of one host, as the agent's `/metrics` has of its collected ones. */
const maxMetrics = 10_000;

/** At most this many values of all metrics; a number takes eight bytes, and its time as many. */
const maxValues = 500_000;

interface History {
	host: string;
	name: string;
	kind: PageMetric["kind"];
	/** Seconds since 1970, ascending. */
	times: number[];
	values: number[];
}

const keyOf = (host: string, name: string) => `${host}\0${name}`;

/** Values of the metrics of one host, bounded: the older half of all leaves when there are too many. */
export class MetricHistory {
	readonly #metrics = new Map<string, History>();
	readonly #beyond = new Set<string>();
	#count = 0;

	/** Adds what an agent has in its buffer, oldest first. */
	addSamples(samples: readonly StoredSample[]): void {
		for (const { hostname, timestamp, metrics } of samples)
			for (const [name, value] of Object.entries(metrics ?? {}))
				this.#add({ host: hostname, name, kind: "unknown", value }, timestamp);
	}

	/** @param at when the page was read, in seconds since 1970 */
	addPage({ pass, metrics }: MetricsPage, at: number): void {
		for (const metric of metrics)
			this.#add(metric, metric.host === "" ? at : (pass ?? at));
	}

	/** All metrics with their latest values, by host and name; the agent's own come last. */
	known(): Omit<Schemas["KnownMetrics"], "buffer_failure"> {
		const metrics = [...this.#metrics.values()]
			.map(({ host, name, kind, times, values }) => ({
				...{ host, name, kind },
				...{ latest: values.at(-1) ?? 0, latest_at: times.at(-1) ?? 0 },
				values: values.length,
			}))
			.sort(
				(a, b) =>
					Number(a.host === "") - Number(b.host === "") ||
					compare(a.host, b.host) ||
					compare(a.name, b.name),
			);
		return { metrics, dropped: this.#beyond.size };
	}

	/** The values of one metric after a time; none if it is not known. */
	series(
		host: string,
		name: string,
		since = Number.NEGATIVE_INFINITY,
	): Schemas["Series"] {
		const { times, values } = this.#metrics.get(keyOf(host, name)) ?? {
			times: [],
			values: [],
		};
		const from = times.findIndex((time) => time > since);
		return from < 0
			? { host, name, times: [], values: [] }
			: { host, name, times: times.slice(from), values: values.slice(from) };
	}

	/** Adds a value unless it is older than the last one of its metric, and so known already. */
	#add({ host, name, kind, value }: PageMetric, time: number): void {
		const key = keyOf(host, name);
		let metric = this.#metrics.get(key);
		if (!metric) {
			if (this.#metrics.size >= maxMetrics) {
				if (this.#beyond.size < maxMetrics) this.#beyond.add(key);
				return;
			}
			metric = { host, name, kind, times: [], values: [] };
			this.#metrics.set(key, metric);
		}
		if (kind !== "unknown") metric.kind = kind;
		if (time <= (metric.times.at(-1) ?? Number.NEGATIVE_INFINITY)) return;
		metric.times.push(time);
		metric.values.push(value);
		if (++this.#count > maxValues) this.#halve();
	}

	#halve(): void {
		this.#count = 0;
		for (const metric of this.#metrics.values()) {
			const keep = Math.ceil(metric.times.length / 2);
			metric.times = metric.times.slice(-keep);
			metric.values = metric.values.slice(-keep);
			this.#count += keep;
		}
	}
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
