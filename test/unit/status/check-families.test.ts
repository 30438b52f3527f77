import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expose } from "../../../src/protocol/exposition.ts";
import { checkFamilies } from "../../../src/status/check-families.ts";
import {
	CheckResults,
	type CheckRun,
} from "../../../src/status/check-results.ts";
import { checkedByPromtool, missing } from "../../support/prometheus.ts";

/** Results of a check `x`, and the lines of the page that begin with a name. */
function open() {
	const results = new CheckResults({
		now: () => 1_700_000_000_250,
		elapsed: () => 0,
		log: { warning: () => {}, error: assert.fail },
	});
	const record = (stdout: string, more: Partial<CheckRun> = {}) =>
		results.record({
			...{ check: "x", plugin: "check_x", exitStatus: 0, timedOut: false },
			...{ durationSeconds: 0.25, cpuSeconds: 0.01, maxRssBytes: 2 ** 20 },
			...{ stdout, isCut: false, otherOutput: "", secrets: undefined },
			options: "",
			...more,
		});
	const page = (format: "text" | "openmetrics" = "text") =>
		expose(checkFamilies(results), format);
	const lines = (name: string) =>
		page()
			.split("\n")
			.filter((line) => line.startsWith(`${name}{`))
			.map((line) => line.slice(name.length));
	return { results, record, page, lines };
}

test("what is known of the last run", () => {
	const { record, page } = open();
	record("OK");
	record("BAD", { exitStatus: 2 });
	const lines = page()
		.split("\n")
		.filter((line) => line.startsWith("state_check"));
	assert.deepEqual(lines, [
		'state_check_info{check="x",plugin="check_x"} 1',
		'state_check_state{check="x"} 2',
		'state_check_exit_status{check="x"} 2',
		'state_check_last_run_timestamp_seconds{check="x"} 1700000000.25',
		'state_check_duration_seconds{check="x"} 0.25',
		'state_check_cpu_seconds{check="x"} 0.01',
		'state_check_max_rss_bytes{check="x"} 1048576',
		'state_check_perfdata_errors_total{check="x"} 0',
	]);
});

test("what is not known is absent, not 0", () => {
	const { record, page } = open();
	record("", {
		...{ cpuSeconds: undefined, maxRssBytes: undefined },
		...{ exitStatus: undefined, timedOut: true },
	});
	assert.doesNotMatch(page(), /^state_check_(cpu|max_rss|exit)/m);
	// the state that its client got
	assert.match(page(), /^state_check_state\{check="x"\} 2$/m);
});

test("a state is 0 to 3, and any other exit status is 3", () => {
	const { record, lines } = open();
	for (const [exitStatus, state] of [
		...[0, 1, 2, 3].map((n) => [n, n] as const),
		...[4, 127, 137, 255].map((n) => [n, 3] as const),
	]) {
		record("OK | x=9;1;2", { exitStatus });
		assert.deepEqual(lines("state_check_state"), [`{check="x"} ${state}`]);
	}
});

test("values in base units, counters apart", () => {
	const { record, lines } = open();
	record(
		"OK | /=2KiB time=5ms '50 %'=3% n=7 up=9c unknown=U odd=1Mb/s neg=-1c",
	);
	assert.deepEqual(lines("state_check_perfdata"), [
		'{check="x",perfdata_label="/",unit="bytes"} 2048',
		'{check="x",perfdata_label="time",unit="seconds"} 0.005',
		'{check="x",perfdata_label="50 %",unit="percent"} 3',
		'{check="x",perfdata_label="n"} 7',
		'{check="x",perfdata_label="odd",unit="Mb/s"} 1',
	]);
	assert.deepEqual(lines("state_check_perfdata_total"), [
		'{check="x",perfdata_label="up"} 9',
	]);
});

const bounds: readonly [string, readonly string[]][] = [
	[
		"10",
		['bound="lower",alert="outside"} 0', 'bound="upper",alert="outside"} 10'],
	],
	["10:", ['bound="lower",alert="outside"} 10']],
	["~:10", ['bound="upper",alert="outside"} 10']],
	[
		"@10:20",
		['bound="lower",alert="inside"} 10', 'bound="upper",alert="inside"} 20'],
	],
	["", []],
];

test("thresholds: a series for each bound, none for an infinite side", () => {
	for (const [range, expected] of bounds) {
		const { record, lines } = open();
		record(`OK | a=1;${range};`);
		assert.deepEqual(
			lines("state_check_threshold"),
			expected.map(
				(line) =>
					`{check="x",perfdata_label="a",threshold_type="warning",${line}`,
			),
			range,
		);
	}
	const { record, lines } = open();
	record("OK | a=1KB;;~:2;-1;3");
	const labels = '{check="x",perfdata_label="a",unit="bytes"';
	assert.deepEqual(lines("state_check_threshold"), [
		`${labels},threshold_type="critical",bound="upper",alert="outside"} 2000`,
		`${labels},threshold_type="min"} -1000`,
		`${labels},threshold_type="max"} 3000`,
	]);
});

test("options never become labels, and what was dropped is counted", () => {
	const { record, page } = open();
	record(`OK | ${Array.from({ length: 60 }, (_, n) => `v${n}=1`).join(" ")}`);
	assert.match(
		page(),
		/^happo_agent_check_results_dropped_total\{what="value"\} 10$/m,
	);
});

test("promtool accepts the page, with odd labels, too", (t) => {
	if (missing.promtool) return t.skip(missing.promtool);
	const { record, page } = open();
	record("OK | 'a \"b\" {c}'=1;2:3;@4:5;0;9 d=2c e=3MB 日本=4%");
	assert.equal(checkedByPromtool(page()), "");
});

test("in OpenMetrics the counters share no name with the gauges", () => {
	const { record, page } = open();
	record("OK | a=1c b=2");
	const types = page("openmetrics").match(/^# TYPE \S+ \S+$/gm) ?? [];
	assert.deepEqual(
		types.filter((line) => line.includes("perfdata")),
		[
			"# TYPE state_check_perfdata gauge",
			"# TYPE state_check_perfdata_total unknown",
			"# TYPE state_check_perfdata_errors counter",
		],
	);
	assert.match(page(), /^# TYPE state_check_perfdata_total counter$/m);
	const names = types.map((line) => line.split(" ")[2]);
	assert.equal(new Set(names).size, names.length);
});

const piece = fc.oneof(
	fc.string({ unit: "binary", maxLength: 5 }),
	fc.constantFrom(
		"|",
		"=",
		"'",
		"''",
		";",
		" ",
		"\n",
		'"',
		"\\",
		"a",
		"b",
		"@1:2",
	),
	fc.constantFrom(" a=1KB;2", " a=2B;3", " 'a'=3;@1:2;;0", " a=4c;5", " b=U"),
	fc.constantFrom("U", "1", "-2.5e3", "c", "B", "KB", "%", "ms", "~:5", "1,5"),
);

test("whatever plugins print, a page has valid lines, and no series twice", () => {
	fc.assert(
		fc.property(
			fc.array(fc.array(piece, { maxLength: 40 }), { maxLength: 5 }),
			fc.constantFrom("text" as const, "openmetrics" as const),
			(outputs, format) => {
				const { record, page } = open();
				for (const [n, pieces] of outputs.entries())
					record(`OK|a=1c b=2${pieces.join("")}`, { check: `x${n % 2}` });
				const seen = new Set<string>();
				for (const line of page(format).split("\n")) {
					if (line === "" || line.startsWith("# ")) continue;
					const [, series] =
						/^(state_check\w*\{(?:\w+="(?:[^"\\\n]|\\["\\n])*",?)+\}|happo_\w+\{what="\w+"\}) (?:-?[\d.]+(?:e[+-]\d+)?)$/.exec(
							line,
						) ?? assert.fail(line);
					assert.ok(!seen.has(series ?? ""), line);
					seen.add(series ?? "");
				}
			},
		),
	);
});
