import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
	expose,
	type Family,
	formatFor,
	openMetricsType,
	textType,
} from "../../../src/protocol/exposition.ts";
import { checkedByPromtool, missing } from "../../support/prometheus.ts";

const families: readonly Family[] = [
	{
		name: "happo_requests",
		type: "counter",
		help: "Requests.",
		series: [
			{ labels: { operation: "runCheck", status: "200" }, value: 3 },
			{ labels: { operation: "other", status: "404" }, value: 1 },
		],
	},
	{
		name: "happo_checks_duration_seconds",
		type: "summary",
		help: "How long.",
		series: [
			{ labels: { plugin: "check_disk" }, value: 0.25, part: "sum" },
			{ labels: { plugin: "check_disk" }, value: 2, part: "count" },
		],
	},
	{ name: "happo_none", type: "gauge", help: "Nothing.", series: [] },
	{
		name: "happo_build",
		type: "info",
		help: "What runs.",
		series: [{ labels: { version: "2.0.0" }, value: 1 }],
	},
	{ name: "happo_up", type: "gauge", help: "Up.", series: [{ value: 1e21 }] },
];

test("a page in text format", () => {
	assert.equal(
		expose(families, "text"),
		`# HELP happo_requests_total Requests.
# TYPE happo_requests_total counter
happo_requests_total{operation="runCheck",status="200"} 3
happo_requests_total{operation="other",status="404"} 1
# HELP happo_checks_duration_seconds How long.
# TYPE happo_checks_duration_seconds summary
happo_checks_duration_seconds_sum{plugin="check_disk"} 0.25
happo_checks_duration_seconds_count{plugin="check_disk"} 2
# HELP happo_build_info What runs.
# TYPE happo_build_info gauge
happo_build_info{version="2.0.0"} 1
# HELP happo_up Up.
# TYPE happo_up gauge
happo_up 1e+21
`,
	);
});

test("the same in OpenMetrics", () => {
	assert.equal(
		expose(families, "openmetrics"),
		`# TYPE happo_requests counter
# HELP happo_requests Requests.
happo_requests_total{operation="runCheck",status="200"} 3
happo_requests_total{operation="other",status="404"} 1
# TYPE happo_checks_duration_seconds summary
# UNIT happo_checks_duration_seconds seconds
# HELP happo_checks_duration_seconds How long.
happo_checks_duration_seconds_sum{plugin="check_disk"} 0.25
happo_checks_duration_seconds_count{plugin="check_disk"} 2
# TYPE happo_build info
# HELP happo_build What runs.
happo_build_info{version="2.0.0"} 1
# TYPE happo_up gauge
# HELP happo_up Up.
happo_up 1e+21
# EOF
`,
	);
});

test("a page without families is empty, or only the end marker in OpenMetrics", () => {
	assert.equal(expose([], "text"), "");
	assert.equal(expose([], "openmetrics"), "# EOF\n");
});

/** The lines of one family of gauges, each with one label value. */
const pageOf = (
	format: "text" | "openmetrics",
	help: string,
	texts: readonly string[],
	value = 1,
) => {
	const series = texts.map((text) => ({ labels: { text }, value }));
	return expose([{ name: "happo_g", type: "gauge", help, series }], format);
};

test("helps and label values are escaped as each format requires", () => {
	const [quoted, broken, back] = ['say "hi"', "one\ntwo", "C:\\new"];
	const text = pageOf("text", quoted + broken + back, [quoted, broken, back]);
	assert.equal(
		text,
		String.raw`# HELP happo_g say "hi"one\ntwoC:\\new
# TYPE happo_g gauge
happo_g{text="say \"hi\""} 1
happo_g{text="one\ntwo"} 1
happo_g{text="C:\\new"} 1
`,
	);
	assert.match(
		pageOf("openmetrics", quoted + broken + back, [quoted]),
		/^# HELP happo_g say \\"hi\\"one\\ntwoC:\\\\new$/m,
	);
});

test("line breaks and invalid UTF-8 are escaped, other text is not", () => {
	assert.match(
		pageOf("text", "Help.", ["\0\t\r\u0085\u2028\ud800x\udc00"]),
		/"\\\\u0000\\\\u0009\\\\u000d\\\\u0085\\\\u2028\\\\ud800x\\\\udc00"/,
	);
	assert.match(pageOf("text", "Help.", ["日本 😀 é"]), /"日本 😀 é"/);
});

const numbers: readonly [number, string][] = [
	[Number.NaN, "NaN"],
	[Number.POSITIVE_INFINITY, "+Inf"],
	[Number.NEGATIVE_INFINITY, "-Inf"],
	[-0, "0"],
	[-0.25, "-0.25"],
	[1e21, "1e+21"],
	[5e-324, "5e-324"],
	[Number.MAX_VALUE, "1.7976931348623157e+308"],
	[2 ** 53, "9007199254740992"],
];

test("numbers are valid in both formats", () => {
	for (const [value, text] of numbers)
		assert.equal(
			pageOf("text", "Help.", ["a"], value).split("\n")[2],
			`happo_g{text="a"} ${text}`,
		);
});

const anyText = fc.string({ unit: "binary" });
const brokenText = fc.string({
	unit: fc.oneof(
		fc.constantFrom("\n", "\r", "\\", '"', "\0", "\u2028", "\ud800", "\udc00"),
		fc.constantFrom("n", "u", "}", "{", "=", ",", "#", " "),
	),
});

test("for any text a page has its lines, is UTF-8, and parses back to the text", () => {
	const unescaped = (text: string) =>
		text.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
	fc.assert(
		fc.property(
			fc.array(fc.oneof(anyText, brokenText)),
			fc.constantFrom("text" as const, "openmetrics" as const),
			(texts, format) => {
				const page = pageOf(format, texts.join(""), texts);
				assert.equal(Buffer.from(page).toString("utf8"), page);
				// split wherever Python would end a line
				// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
				const lines = page.split(/[\n\v\f\r\u001c-\u001e\u0085\u2028\u2029]/);
				const samples = lines.filter((line) => line.startsWith("happo_g"));
				const values = samples.map((line) => {
					const match = /^happo_g\{text="((?:[^"\\]|\\["\\n])*)"\} 1$/.exec(
						line,
					);
					return unescaped(match?.[1] ?? assert.fail(line));
				});
				const around = (texts.length > 0 ? 2 : 0) + (format === "text" ? 1 : 2);
				assert.equal(lines.length, texts.length + around);
				// a space, as halves of a character around a line end must not become one
				for (const [index, text] of texts.entries())
					if (!/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(text.replaceAll("\n", " ")))
						assert.equal(values[index], text);
			},
		),
	);
});

test("promtool accepts the page", (t) => {
	if (missing.promtool) return t.skip(missing.promtool);
	assert.equal(checkedByPromtool(expose(families, "text")), "");
	const texts = fc.sample(fc.oneof(anyText, brokenText), 500);
	assert.equal(checkedByPromtool(pageOf("text", texts.join(""), texts)), "");
	for (const [value] of numbers)
		assert.equal(checkedByPromtool(pageOf("text", "Help.", ["a"], value)), "");
	// promtool does check
	assert.match(checkedByPromtool("happo_g{text=} 1\n"), /exit status 1/);
});

test("OpenMetrics is for clients that prefer it", () => {
	const openMetrics = "application/openmetrics-text";
	for (const accept of [
		[openMetrics],
		[openMetrics, openMetrics, "text/plain", "*/*"],
		["application/vnd.google.protobuf", openMetrics, "text/plain"],
		["text/html", openMetrics],
	])
		assert.equal(formatFor(accept), "openmetrics", accept.join());
	for (const accept of [
		[],
		["*/*"],
		["application/*"],
		["text/html"],
		["text/plain", openMetrics],
		["text/*", openMetrics],
		["*/*", openMetrics],
	])
		assert.equal(formatFor(accept), "text", accept.join());
	assert.match(openMetricsType, /^application\/openmetrics-text;/);
	assert.match(textType, /^text\/plain;/);
});
