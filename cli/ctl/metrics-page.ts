/** One value of an agent's `/metrics`. */
export interface PageMetric {
	/** The host that a collected metric belongs to; empty for the agent's own. */
	host: string;
	/** As the metric plugin named it; for the agent's own with labels, as on the page. */
	name: string;
	kind: "gauge" | "counter" | "unknown";
	value: number;
}

/** What an agent's `/metrics` says. */
export interface MetricsPage {
	/** Start of the last pass of the metric plugins, in seconds since 1970. */
	pass: number | undefined;
	metrics: PageMetric[];
}

const passName = "happo_agent_collection_last_pass_timestamp_seconds";
const collectedName = "happo_collected_metric";

const sampleLine = /^([A-Za-z_:][\w:]*)(\{.*\})? (\S+)$/;
const labelPattern = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;

const unescaped = (label: string) =>
	label.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

/** The labels of a sample, by name. */
export const labelsOf = (text: string): Map<string, string> =>
	new Map(
		[...text.matchAll(labelPattern)].map(([, name = "", value = ""]) => [
			name,
			unescaped(value),
		]),
	);

/** What the comments of a family say. */
interface FamilyNote {
	type: string;
	/** The name that the metric plugin printed, if the family is one metric. */
	collected: string | undefined;
}

/** One line of a page, with what the comments of its family say. */
interface PageLine extends FamilyNote {
	name: string;
	/** As on the page. */
	labels: string;
	value: number;
}

/** Reads the lines of a page with finite values; skips what is none. */
function* pageLines(text: string): Generator<PageLine> {
	const notes = new Map<string, FamilyNote>();
	const noteOf = (name: string): FamilyNote => {
		const known = notes.get(name) ?? { type: "", collected: undefined };
		notes.set(name, known);
		return known;
	};
	for (const line of text.split("\n")) {
		const [, what, family = "", rest = ""] =
			/^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
		if (what === "TYPE") noteOf(family).type = rest;
		else if (what === "HELP") {
			const [, name] = /^Collected metric (.*)\.$/.exec(rest) ?? [];
			noteOf(family).collected = name && unescaped(name);
		}
		if (line.startsWith("#")) continue;
		const [, name = "", labels = "", number = ""] = sampleLine.exec(line) ?? [];
		const value = Number(number);
		if (name === "" || number === "" || !Number.isFinite(value)) continue;
		const note =
			notes.get(name) ?? noteOf(name.replace(/_(sum|count|bucket)$/, ""));
		yield { ...note, name, labels, value };
	}
}

/** Of summaries and histograms, sum and count only grow; buckets are no curve. */
const kindOf = (type: string): PageMetric["kind"] =>
	type === "gauge" ? "gauge" : type === "" ? "unknown" : "counter";

/**
 * Reads Prometheus' text format, as agents write it. A metric of a metric plugin may be there twice:
 * as one of all collected metrics, and as a family with a type of its own; the type counts.
 */
export function parseMetricsPage(text: string): MetricsPage {
	const metrics = new Map<string, PageMetric>();
	let pass: number | undefined;
	const add = (metric: PageMetric) => {
		const key = `${metric.host}\0${metric.name}`;
		if (metric.kind !== "unknown" || !metrics.has(key))
			metrics.set(key, metric);
	};
	for (const { name, labels, value, type, collected } of pageLines(text)) {
		if (name === passName) pass = value;
		if (name === collectedName) {
			const known = labelsOf(labels);
			add({
				host: known.get("host") ?? "",
				name: known.get("metric") ?? "",
				...{ kind: "unknown", value },
			});
		} else if (collected !== undefined)
			add({
				host: labelsOf(labels).get("host") ?? "",
				...{ name: collected, kind: kindOf(type), value },
			});
		else if (!/_(bucket|info)$/.test(name))
			add({ host: "", name: name + labels, kind: kindOf(type), value });
	}
	return { pass, metrics: [...metrics.values()] };
}

/** A collected metric as an agent exposes it. */
export interface ExposedMetric {
	/** With its unit, and `_total` for a counter, which always has it. */
	name: string;
	isCounter: boolean;
	/** In the unit of the name. */
	value: number;
}

/** Finds the collected metric of a host by the name that the metric plugin printed. */
export type ExposedMetrics = (
	host: string,
	metric: string,
) => ExposedMetric | undefined;

/** Reads how a page exposes the collected metrics, each as a family of its own. */
export function exposedMetrics(text: string): ExposedMetrics {
	const found = new Map<string, ExposedMetric>();
	const keyOf = (host: string, metric: string) => `${host}\0${metric}`;
	for (const { name, labels, value, type, collected } of pageLines(text)) {
		if (collected === undefined) continue;
		const isCounter = type === "counter" && name.endsWith("_total");
		const host = labelsOf(labels).get("host") ?? "";
		found.set(keyOf(host, collected), { name, isCounter, value });
	}
	return (host, metric) => found.get(keyOf(host, metric));
}
