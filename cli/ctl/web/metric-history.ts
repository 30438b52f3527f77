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

	/**
	 * Adds what an agent has in its buffer, oldest first. Of a metric that is known already, that is
	 * what is older or newer.
	 */
	addSamples(samples: readonly StoredSample[]): void {
		const older = new Map<History, Pick<History, "times" | "values">>();
		for (const { hostname, timestamp, metrics } of samples)
			for (const [name, value] of Object.entries(metrics ?? {})) {
				const metric = this.#metricOf(hostname, name);
				if (!metric) continue;
				const [first = timestamp] = metric.times;
				if (timestamp < first) {
					const before = older.get(metric) ?? { times: [], values: [] };
					older.set(metric, before);
					append(before, timestamp, value);
				} else this.#add(metric, timestamp, value);
			}
		for (const [metric, { times, values }] of older) {
			metric.times = [...times, ...metric.times];
			metric.values = [...values, ...metric.values];
			this.#count += times.length;
		}
		if (this.#count > maxValues) this.#halve();
	}

	/** @param at when the page was read, in seconds since 1970 */
	addPage({ pass, metrics }: MetricsPage, at: number): void {
		for (const { host, name, kind, value } of metrics) {
			const metric = this.#metricOf(host, name);
			if (!metric) continue;
			if (kind !== "unknown") metric.kind = kind;
			this.#add(metric, host === "" ? at : (pass ?? at), value);
		}
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
	#add(metric: History, time: number, value: number): void {
		if (!append(metric, time, value)) return;
		if (++this.#count > maxValues) this.#halve();
	}

	/** A metric, which may be new; undefined if there are too many. */
	#metricOf(host: string, name: string): History | undefined {
		const key = keyOf(host, name);
		let metric = this.#metrics.get(key);
		if (!metric) {
			if (this.#metrics.size >= maxMetrics) {
				if (this.#beyond.size < maxMetrics) this.#beyond.add(key);
				return undefined;
			}
			metric = { host, name, kind: "unknown", times: [], values: [] };
			this.#metrics.set(key, metric);
		}
		return metric;
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

/** Adds a value at the end, unless it is not newer than the last one. Returns whether it did. */
function append(
	{ times, values }: Pick<History, "times" | "values">,
	time: number,
	value: number,
): boolean {
	if (time <= (times.at(-1) ?? Number.NEGATIVE_INFINITY)) return false;
	times.push(time);
	values.push(value);
	return true;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
