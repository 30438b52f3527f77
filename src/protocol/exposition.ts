/** An "info" is a gauge of value 1 that carries information in its labels. */
export type MetricType = "counter" | "gauge" | "summary" | "histogram" | "info";

/** One value of a family. */
export interface Series {
	/** Label names must be lower case letters and underscores; label values may be any text. */
	labels?: Readonly<Record<string, string>>;
	/** A counter's value must not be negative; an info's value must be 1. */
	value: number;
	/**
	 * For a summary: which of its two values this is. For a histogram, too, whose buckets come before
	 * them and have the label `le`. All of one summary or histogram must be adjacent.
	 */
	part?: "bucket" | "sum" | "count";
}

/** A metric family: all series with one name. */
export interface Family {
	/**
	 * Must be a valid name, without `_total` or `_info`, which are added. A name that ends in
	 * `_seconds` or `_bytes` has that unit. A counter beside another family of its name has its whole
	 * name, with `_total`: OpenMetrics allows one type for a name, so there it is of unknown type.
	 */
	name: string;
	type: MetricType;
	/** Must not be empty. */
	help: string;
	/** Must differ in labels or part. A family without series is omitted. */
	series: Iterable<Series>;
}

export type Format = "text" | "openmetrics";

/** Content type of Prometheus' own text format. */
export const textType = "text/plain; version=0.0.4; charset=utf-8";

/** Content type of OpenMetrics. */
export const openMetricsType =
	"application/openmetrics-text; version=1.0.0; charset=utf-8";

const suffixes: Record<MetricType, string> = {
	counter: "_total",
	gauge: "",
	summary: "",
	histogram: "",
	info: "_info",
};

/**
 * Formats a page for scrapers, with the families in the given order. The page is well-formed for
 * any label values and helps.
 */
export function expose(families: readonly Family[], format: Format): string {
	let page = "";
	for (const family of families) page += familyText(family, format);
	return format === "openmetrics" ? `${page}# EOF\n` : page;
}

function familyText(family: Family, format: Format): string {
	const { type, name, help } = family;
	const isWhole = type === "counter" && name.endsWith("_total");
	const sampleName = isWhole ? name : name + suffixes[type];
	let samples = "";
	for (const { labels, value, part } of family.series)
		samples += `${sampleName}${part ? `_${part}` : ""}${labelText(labels)} ${numberText(value)}\n`;
	if (samples === "") return "";
	// the older format knows neither suffixes nor the type info
	if (format === "text")
		return `# HELP ${sampleName} ${escapeBreaks(help)}
# TYPE ${sampleName} ${type === "info" ? "gauge" : type}
${samples}`;
	const unit = isWhole ? undefined : /_(seconds|bytes)$/.exec(name)?.[1];
	return `# TYPE ${name} ${isWhole ? "unknown" : type}
${unit ? `# UNIT ${name} ${unit}\n` : ""}# HELP ${name} ${escapeQuoted(help)}
${samples}`;
}

function labelText(labels: Series["labels"]): string {
	let text = "";
	for (const name in labels)
		text += `${text === "" ? "{" : ","}${name}="${escapeQuoted(labels[name] ?? "")}"`;
	return text === "" ? "" : `${text}}`;
}

/** Formats a number as JavaScript does (`1e+21`), except for infinities. */
function numberText(value: number): string {
	if (value === Number.POSITIVE_INFINITY) return "+Inf";
	return value === Number.NEGATIVE_INFINITY ? "-Inf" : `${value}`;
}

/**
 * Both formats allow control characters, but some scrapers end a line at them; and a lone surrogate
 * is not UTF-8. Both become `\uXXXX`, as in the log.
 */
const escapeBreaks = (text: string) =>
	!/[\\\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u.test(text)
		? text
		: text
				.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/gu, (c) =>
					c === "\n"
						? c
						: `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
				)
				.replaceAll("\\", "\\\\")
				.replaceAll("\n", "\\n");

function escapeQuoted(text: string): string {
	// ASCII without backslash and quotation mark: most texts, and a page has twenty thousand
	if (/^[ !#-[\]-~]*$/.test(text)) return text;
	const escaped = escapeBreaks(text);
	return escaped.includes('"') ? escaped.replaceAll('"', '\\"') : escaped;
}

/** Media types of, or accepting, Prometheus' text format. */
const textTypes: readonly string[] = ["text/plain", "text/*", "*/*"];

/**
 * Chooses the format for a client: OpenMetrics only if named, and ahead of any type that accepts
 * plain text.
 * @param accept media types of the Accept header in lower case, best first, without parameters
 */
export function formatFor(accept: readonly string[]): Format {
	const first = accept.find(
		(type) =>
			type === "application/openmetrics-text" || textTypes.includes(type),
	);
	return first === "application/openmetrics-text" ? "openmetrics" : "text";
}
