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

/** Of summaries and histograms, sum and count only grow; buckets are no curve. */
const kindOf = (type: string): PageMetric["kind"] =>
	type === "gauge" ? "gauge" : type === "" ? "unknown" : "counter";

/**
 * Reads Prometheus' text format, as agents write it. A metric of a metric plugin may be there twice:
 * as one of all collected metrics, and as a family with a type of its own; the type counts.
 */
export function parseMetricsPage(text: string): MetricsPage {
	const notes = new Map<string, FamilyNote>();
	const noteOf = (name: string): FamilyNote => {
		const known = notes.get(name) ?? { type: "", collected: undefined };
		notes.set(name, known);
		return known;
	};
	const metrics = new Map<string, PageMetric>();
	let pass: number | undefined;
	const add = (metric: PageMetric) => {
		const key = `${metric.host}\0${metric.name}`;
		if (metric.kind !== "unknown" || !metrics.has(key))
			metrics.set(key, metric);
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
		if (name === passName) pass = value;
		const { type, collected } =
			notes.get(name) ?? noteOf(name.replace(/_(sum|count|bucket)$/, ""));
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
