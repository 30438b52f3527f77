import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import {
	checkMetricConfig,
	formatMetricConfig,
	type MetricConfig,
	MetricConfigError,
	parseMetricConfig,
} from "../../../src/protocol/metric-config.ts";

const one = (
	hostname: string,
	...plugins: [string, string][]
): MetricConfig => ({
	metrics: [
		{
			hostname,
			plugins: plugins.map(([plugin_name, plugin_option]) => ({
				plugin_name,
				plugin_option,
			})),
		},
	],
});
const host = (rest: string) => `metrics:\n- ${rest}`;

const readable: readonly [string, MetricConfig][] = [
	...[
		"",
		"\n# nothing\n",
		"metrics:",
		"metrics: []",
		"metrics: ~",
		"other: 1",
		"---\n...\n",
	].map((text): [string, MetricConfig] => [text, { metrics: [] }]),
	[host("plugins: null"), one("")],
	[host("hostname: ~\n  plugins: []"), one("")],
	[host("hostname: 'null'"), one("null")],
	[host("hostname: 010"), one("010")],
	[host("hostname: yes\r\n  unknown: {a: [1]}\r\n"), one("yes")],
	["%YAML 1.1\n---\nmetrics: [{hostname: 0x1f}]", one("0x1f")],
	["\ufeffmetrics: [{hostname: a}]\n---\nno [yaml", one("a")],
	[host("hostname: |\n    x\n    y\n"), one("x\ny\n")],
	[
		host(
			"hostname: 1e3\n  plugins:\n  - plugin_name: 123\n  - {plugin_name: b, plugin_option: -w 1 | x}",
		),
		one("1e3", ["123", ""], ["b", "-w 1 | x"]),
	],
	// it cannot run, and must not invalidate the others
	[host("plugins: [{plugin_name: 'a: b'}]"), one("", ["a: b", ""])],
	[
		"x: &o -w 1\nmetrics:\n- &h {hostname: h, plugins: &p [{plugin_name: a, plugin_option: *o}]}\n- {<<: *h, hostname: i}\n- {hostname: j, plugins: *p}",
		{
			metrics: ["h", "i", "j"].flatMap(
				(name) => one(name, ["a", "-w 1"]).metrics,
			),
		},
	],
];

test("reads what v1 read", () => {
	for (const [text, expected] of readable)
		assert.deepEqual(parseMetricConfig(text), expected, JSON.stringify(text));
});

const broken: readonly [string, string][] = [
	["metrics: foo", "line 1: metrics: expected a list, got text"],
	["metrics: {}", "line 1: metrics: expected a list, got a mapping"],
	["- a", "line 1: file: expected a mapping, got a list"],
	["foo", "line 1: file: expected a mapping, got text"],
	["metrics:\n- a", "line 2: entry of metrics: expected a mapping, got text"],
	[host("plugins: foo"), "line 2: plugins: expected a list, got text"],
	[host('plugins: ""'), "line 2: plugins: expected a list, got text"],
	[
		host("plugins:\n  - plugin_name: a\n    plugin_option:\n    - b\n"),
		"line 4: plugin_option: expected text, got a list",
	],
	[host("hostname: {a: b}"), "line 2: hostname: expected text, got a mapping"],
	[
		host("hostname: !!binary 'a-b'"),
		"line 2: hostname: expected base64 after !!binary",
	],
	[
		host("hostname: !!binary /w=="),
		"line 2: hostname: expected text, got !!binary",
	],
	["metrics: *a", "line 1: no anchor &a"],
	["metrics:\n- &a {<<: *a}", "line 2: <<: goes too deep"],
	["\tmetrics: []", "line 1: not YAML: Tabs are not allowed as indentation"],
	["metrics:\n- 'a\n", "line 3: not YAML: Missing closing 'quote"],
	[
		"metrics:\n- a: @b",
		"line 2: not YAML: Plain value cannot start with reserved character @",
	],
];

const odd: readonly [string, MetricConfig, readonly string[]][] = [
	[
		host("hostname: a\n  plugins: []\n  hostname: b"),
		one("b"),
		["line 4: hostname: comes twice, the last one counts"],
	],
	[
		"metrics:\n- hostname: a\nmetrics:\n- hostname: b\n",
		one("b"),
		["line 3: metrics: comes twice, the last one counts"],
	],
	[
		host(
			"plugins:\n  - plugin_name: a\n    plugin_name: b\n    plugin_option: x\n    plugin_option: y\n",
		),
		one("", ["b", "y"]),
		[
			"line 4: plugin_name: comes twice, the last one counts",
			"line 6: plugin_option: comes twice, the last one counts",
		],
	],
	[
		host(
			"plugins:\n  - plugin_option: a\n  - plugin_name: b\n  - plugin_name: ''\n  - {}\n",
		),
		one("", ["b", ""]),
		[
			"line 3: entry of plugins: has no plugin_name, left out",
			"line 5: entry of plugins: has no plugin_name, left out",
			"line 6: entry of plugins: has no plugin_name, left out",
		],
	],
	[
		"metrics:\n- ~\n- hostname: h\n  plugins:\n  -\n  - plugin_name: b\n  - null\n",
		one("h", ["b", ""]),
		[
			"line 5: entry of plugins: is empty, left out",
			"line 7: entry of plugins: is empty, left out",
			"line 2: entry of metrics: is empty, left out",
		],
	],
	[
		host("hostname: !!binary |\n    aGk=\n  plugins: []"),
		one("hi"),
		["line 2: hostname: is !!binary, taken as the text that it encodes"],
	],
];

test("oddities are read as by v1, with a warning that names the line", () => {
	for (const [text, expected, lines] of odd) {
		const warnings: string[] = [];
		const config = parseMetricConfig(text, "m.yaml", (w) => warnings.push(w));
		assert.deepEqual(config, expected, JSON.stringify(text));
		assert.deepEqual(
			warnings.sort(),
			lines.map((line) => `m.yaml ${line}`).sort(),
		);
	}
	const many: string[] = [];
	parseMetricConfig(`metrics: [${"~,".repeat(5000)}]`, "m", (w) =>
		many.push(w),
	);
	assert.ok(many.length <= 100, `${many.length} warnings`);
});

test("an error is one line that names the file, the line and the key", () => {
	for (const [text, reason] of broken)
		assert.throws(
			() => parseMetricConfig(text, "/etc/m.yaml"),
			(error) => {
				assert.ok(error instanceof MetricConfigError);
				assert.equal(error.message, `/etc/m.yaml ${reason}`);
				return true;
			},
			JSON.stringify(text),
		);
});

test("a file that would take too much time or memory is refused", () => {
	const plugins = "  - plugin_name: a\n".repeat(2000);
	const many = `metrics:\n- plugins: &p\n${plugins}${"- plugins: *p\n".repeat(2000)}`;
	assert.throws(() => parseMetricConfig(many), /more than 300000 entries/);
	// without a limit these end the whole process, not only the parser
	for (const deep of ["[", "- ", "{a: ", "? ", "[?"])
		assert.throws(
			() => parseMetricConfig(deep.repeat(20_000)),
			/line 1: nested too deeply/,
		);
});

test("any text gives a configuration or an error of one line", () => {
	const piece = fc.constantFrom(
		..."[]{},:?-&*!|>'\"%@`#~ \n\t\0é",
		"metrics:",
		"\n- ",
		"\n  plugins:\n  - ",
		"plugin_name: a",
		"hostname: ",
		"&a",
		"*a",
		"<<: ",
		"---\n",
	);
	const text = fc.array(piece, { maxLength: 40 }).map((all) => all.join(""));
	fc.assert(
		fc.property(text, (text) => {
			try {
				parseMetricConfig(text);
			} catch (error) {
				assert.ok(error instanceof MetricConfigError);
				assert.match(error.message, /^metrics\.yaml line [1-9].*$/);
			}
		}),
		{ numRuns: 3000 },
	);
});

test("writes v1's style", () => {
	// recorded: config-happy and config-yaml-quoting of the conformance cases
	assert.equal(
		formatMetricConfig({
			metrics: [
				...one("h1", ["metrics_ok", "-w 10 | x"], ["p2", ""]).metrics,
				...one("h2").metrics,
				...one("yes", ["123", "true"], ["a: b", "# c"], ["1e3", "012"]).metrics,
			],
		}),
		`metrics:
- hostname: h1
  plugins:
  - plugin_name: metrics_ok
    plugin_option: -w 10 | x
  - plugin_name: p2
    plugin_option: ""
- hostname: h2
  plugins: []
- hostname: "yes"
  plugins:
  - plugin_name: "123"
    plugin_option: "true"
  - plugin_name: 'a: b'
    plugin_option: '# c'
  - plugin_name: "1e3"
    plugin_option: "012"
`,
	);
	assert.equal(formatMetricConfig({ metrics: [] }), "metrics: []\n");
});

const awkward = fc.constantFrom(
	"",
	"~",
	"null",
	"Yes",
	"n",
	"010",
	"0x1F",
	"1e3",
	"e3",
	".5",
	"1_000",
	"12:30:45",
	"190:20:30.15",
	"2001-12-14",
	"2001-12-14 21:59:43",
	"a: b",
	"a:",
	"# c",
	"a #b",
	"a#b",
	"-",
	"- a",
	"-a",
	"---",
	"...",
	"? a",
	"{}",
	"[a]",
	"&a",
	"*a",
	"!!str a",
	"|",
	">-",
	"'",
	'"',
	"%a",
	"@a",
	"`a",
	"<<",
	"=",
	"-.INF",
	"0b1",
	"0o7",
	"+1",
	"a'b",
	'a"\\b',
	"\u0085",
	"\u2028",
	"\u00a0",
	"\ufeff",
	"\u3000a",
	"日本語",
	"😀",
	"\0",
	"\x7f",
	"a\n",
	"\na",
	"a\n\n b",
	" a",
	"a ",
	"\ta",
	"\r\n",
	"\ufffd",
	"\ud83d",
	"a\udc00",
	"\uffff",
);
const anyText = fc.oneof(
	awkward,
	fc.string({ unit: "binary", maxLength: 12 }),
	fc.string({ unit: "grapheme", maxLength: 8 }),
	fc.string({
		unit: fc.constantFrom(
			..." \t\n\r#:-?'\"\\[]{},&*!|>%@`~=<._+0129eExXaAnNyYo\u0085é",
		),
		maxLength: 10,
	}),
	fc.tuple(awkward, awkward).map((both) => both.join(" ")),
);
const anyConfig: fc.Arbitrary<MetricConfig> = fc.record({
	metrics: fc.array(
		fc.record({
			hostname: anyText,
			plugins: fc.array(
				fc.record({
					plugin_name: anyText.filter((name) => name !== ""),
					plugin_option: anyText,
				}),
				{ maxLength: 3 },
			),
		}),
		{ maxLength: 3 },
	),
});

test("every reader gets the same texts back", () => {
	// compared with Go's yaml.v2 2.4.0 and PyYAML 6 using the same arbitraries: no difference in
	// 60000 files
	fc.assert(
		fc.property(anyConfig, (given) => {
			const text = formatMetricConfig(given);
			const expected = checkMetricConfig(given);
			assert.deepEqual(parseMetricConfig(text), expected);
			for (const version of ["1.1", "1.2"] as const)
				assert.deepEqual(parse(text, { version }), expected);
		}),
		{ numRuns: 2000 },
	);
});

test("a configuration from a client is checked; errors name the position", () => {
	assert.throws(
		() => checkMetricConfig(one("h", ["a", ""], ["", "b"])),
		new MetricConfigError("metrics[0].plugins[1].plugin_name: is empty"),
	);
	assert.deepEqual(
		checkMetricConfig(one("\ud800", ["a", "😀\udc00"])),
		one("\ufffd", ["a", "😀\ufffd"]),
	);
});
