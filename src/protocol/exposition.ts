/** "info" is a gauge of value 1 whose labels are what it says. */
export type MetricType = "counter" | "gauge" | "summary" | "info";

/** One value of a family. */
export interface Series {
	/** Names are written as they are: lower case letters and underscores. Values may be anything. */
	labels?: Readonly<Record<string, string>>;
	/** Of a counter not below 0, of an info 1. */
	value: number;
	/** Of a summary: which of its two figures this is. Those with the same labels follow each other. */
	part?: "sum" | "count";
}

/** Everything of one name. */
export interface Family {
	/**
	 * Written as it is. Without `_total` and `_info`, which are added. One that ends in `_seconds` or `_bytes` has that
	 * unit.
	 */
	name: string;
	type: MetricType;
	/** Never empty. */
	help: string;
	/** No two with the same labels and part. Without any the family is left out. */
	series: Iterable<Series>;
}

export type Format = "text" | "openmetrics";

/** Content type of the format "text", Prometheus' own. */
export const textType = "text/plain; version=0.0.4; charset=utf-8";

/** Content type of the format "openmetrics". */
export const openMetricsType =
	"application/openmetrics-text; version=1.0.0; charset=utf-8";

const suffixes: Record<MetricType, string> = {
	counter: "_total",
	gauge: "",
	summary: "",
	info: "_info",
};

/** The page that a scraper reads: families in the order given. Well-formed whatever label values and helps hold. */
export function expose(families: readonly Family[], format: Format): string {
	const lines = families.flatMap((family) => familyLines(family, format));
	if (format === "openmetrics") lines.push("# EOF");
	return lines.map((line) => `${line}\n`).join("");
}

function familyLines(
	{ name, type, help, series }: Family,
	format: Format,
): string[] {
	const sampleName = name + suffixes[type];
	const samples = Array.from(series, ({ labels, value, part }) => {
		const suffix = part ? `_${part}` : "";
		return `${sampleName}${suffix}${labelText(labels)} ${numberText(value)}`;
	});
	if (samples.length === 0) return [];
	// the older format has no suffix that is not part of the name, and no info
	if (format === "text")
		return [
			`# HELP ${sampleName} ${escapeBreaks(help)}`,
			`# TYPE ${sampleName} ${type === "info" ? "gauge" : type}`,
			...samples,
		];
	const unit = /_(seconds|bytes)$/.exec(name)?.[1];
	return [
		`# TYPE ${name} ${type}`,
		...(unit ? [`# UNIT ${name} ${unit}`] : []),
		`# HELP ${name} ${escapeQuoted(help)}`,
		...samples,
	];
}

function labelText(labels: Series["labels"] = {}): string {
	const texts = Object.entries(labels).map(
		([name, value]) => `${name}="${escapeQuoted(value)}"`,
	);
	return texts.length > 0 ? `{${texts.join(",")}}` : "";
}

/** As JavaScript writes it, `1e+21` too, but for the infinities. */
const numberText = (value: number) =>
	String(value).replace("Infinity", value > 0 ? "+Inf" : "Inf");

/**
 * Control characters are allowed as they are, but some scrapers end a line at them; a lone surrogate is no UTF-8. Both
 * become `\uXXXX`, as in the log.
 */
const escapeBreaks = (text: string) =>
	// most texts have nothing to escape, and a page has twenty thousand of them
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
	const escaped = escapeBreaks(text);
	return escaped.includes('"') ? escaped.replaceAll('"', '\\"') : escaped;
}

/** Media types that are Prometheus' text format, or accept it. */
const textTypes: readonly string[] = ["text/plain", "text/*", "*/*"];

/**
 * The format for a client. OpenMetrics only where it is named, and named before what text would do for.
 * @param accept media types of the Accept header in lower case, best first, without parameters
 */
export function formatFor(accept: readonly string[]): Format {
	const first = accept.find(
		(type) =>
			type === "application/openmetrics-text" || textTypes.includes(type),
	);
	return first === "application/openmetrics-text" ? "openmetrics" : "text";
}
