import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { expose, type Family } from "../../../src/protocol/exposition.ts";
import type { MetricKind } from "../../../src/protocol/metric-name.ts";
import { createCollected } from "../../../src/status/collected.ts";
import { createCollectedFamilies } from "../../../src/status/collected-families.ts";

const counter = { isCounter: true, unit: undefined };

/** Collected metrics, and their page beside other families. */
function open(others: readonly Family[] = []) {
	const lines: string[] = [];
	const collected = createCollected({ now: () => 0 });
	const named = createCollectedFamilies({
		collected,
		log: { warning: (line) => lines.push(line), error: assert.fail },
	});
	const enter = (
		metrics: Record<string, number>,
		kinds: Record<string, MetricKind> = {},
		hostname = "web01",
	) =>
		collected.enter(
			[{ hostname, timestamp: 5, metrics }],
			new Map(Object.entries(kinds)),
		);
	const page = (format: "text" | "openmetrics" = "text") =>
		expose(named.families(others), format);
	return { lines, named, enter, page };
}

test("a family for each metric, with its type and its name as help", () => {
	const { enter, page, lines, named } = open();
	enter(
		{ "linux.cpu.user": 250, "linux.loadavg.load1": 0.5 },
		{ "linux.cpu.user": { isCounter: true, unit: "centiseconds" } },
	);
	enter({ "linux.loadavg.load1": 0.25 }, {}, "web02");
	assert.equal(
		page(),
		`# HELP linux_cpu_user_seconds_total Collected metric linux.cpu.user.
# TYPE linux_cpu_user_seconds_total counter
linux_cpu_user_seconds_total{host="web01"} 2.5
# HELP linux_loadavg_load1 Collected metric linux.loadavg.load1.
# TYPE linux_loadavg_load1 gauge
linux_loadavg_load1{host="web01"} 0.5
linux_loadavg_load1{host="web02"} 0.25
`,
	);
	assert.match(page("openmetrics"), /^# TYPE linux_cpu_user_seconds counter$/m);
	assert.equal(named.leftOut, 0);
	assert.deepEqual(lines, []);
});

test("metrics whose names become the same are left out, counted and logged once", () => {
	const { enter, page, lines, named } = open();
	enter({ "a.b": 1, a_b: 2, "c.total": 3, c: 4, d: 5 }, { c: counter });
	const expected =
		'# HELP d Collected metric d.\n# TYPE d gauge\nd{host="web01"} 5\n';
	assert.equal(page(), expected);
	assert.equal(page(), expected);
	assert.equal(named.leftOut, 4);
	assert.deepEqual(lines, [
		"collected metrics left out of /metrics: a.b, a_b: they would all be a_b",
		"collected metrics left out of /metrics: c.total, c: they would all be c_total",
	]);
});

test("names of the agent, and of Prometheus for each target, are left out", () => {
	const gauge = { type: "gauge", help: "x", series: [] } as const;
	const { enter, page, named, lines } = open([
		{ ...gauge, name: "process_open_fds" },
		{ ...gauge, name: "process_cpu_seconds", type: "counter" },
		{ ...gauge, name: "h_seconds", type: "summary" },
	]);
	enter(
		Object.fromEntries(
			[
				...["process.open_fds", "process.cpu.seconds", "h.seconds.count"],
				...["happo.agent.new", "state_check_state", "up", "scrape.series"],
				"process.cpu.seconds.total",
			].map((name) => [name, 1]),
		),
	);
	assert.equal(page(), "");
	assert.equal(named.leftOut, 8);
	assert.match(
		lines[0] ?? "",
		/process\.open_fds: process_open_fds is a name of the agent's own metrics$/,
	);
});

test("a counter below 0 is left out", () => {
	const { enter, page, lines } = open();
	enter({ a: -1, b: -1 }, { a: counter });
	assert.match(page(), /^b\{host="web01"\} -1$/m);
	assert.doesNotMatch(page(), /^a/m);
	assert.deepEqual(lines, [
		"collected metrics left out of /metrics: a: a counter must not be below 0",
	]);
});

test("a counter beside a gauge of its name shares no family with it in OpenMetrics", () => {
	const { enter, page } = open();
	enter({ a: 1 }, { a: counter });
	enter({ a: 2 }, {}, "web02");
	assert.equal(
		page("openmetrics"),
		`# TYPE a_total unknown
# HELP a_total Collected metric a.
a_total{host="web01"} 1
# TYPE a gauge
# HELP a Collected metric a.
a{host="web02"} 2
# EOF
`,
	);
	assert.match(page(), /^# TYPE a_total counter$/m);
});

test("what a plugin says about a metric may change", () => {
	const { enter, page } = open();
	enter({ a: 1 });
	enter({ a: 2 }, { a: { isCounter: true, unit: "bytes" } });
	assert.match(page(), /^a_bytes_total\{host="web01"\} 2$/m);
	assert.doesNotMatch(page(), /^a\{/m);
});

test("whatever the names, no series comes twice and no family has two types", () => {
	const name = fc.oneof(
		fc.string({ unit: "binary", maxLength: 3 }),
		fc.constantFrom(
			"a",
			"a.total",
			"a_total",
			"a.seconds",
			"a.seconds.total",
			"a.b",
		),
	);
	const kind = fc.record({
		isCounter: fc.boolean(),
		unit: fc.constantFrom(undefined, "seconds", "milliseconds"),
	});
	const host = fc.constantFrom("web01", "web02");
	const metric = fc.tuple(host, name, fc.integer(), kind);
	fc.assert(
		fc.property(
			fc.array(metric),
			fc.constantFrom("text" as const, "openmetrics" as const),
			(metrics, format) => {
				const collected = createCollected({ now: () => 0 });
				for (const [hostname, of, value, kind] of metrics)
					collected.enter(
						[{ hostname, timestamp: 5, metrics: { [of]: value } }],
						new Map([[of, kind]]),
					);
				const { families } = createCollectedFamilies({
					collected,
					log: { warning: () => {}, error: assert.fail },
				});
				const lines = expose(families([]), format).split("\n");
				const series = lines.flatMap((line) => /^[^#\s]+/.exec(line) ?? []);
				const types = lines.filter((line) => line.startsWith("# TYPE"));
				const typed = types.map((line) => line.split(" ")[2]);
				assert.equal(new Set(series).size, series.length);
				assert.equal(new Set(typed).size, typed.length);
			},
		),
	);
});
