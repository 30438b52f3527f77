import assert from "node:assert/strict";
import { test } from "node:test";
import { MetricBoard } from "../../../../../cli/ctl/commands/metric-follow.ts";
import {
	type PageMetric,
	parseMetricsPage,
} from "../../../../../cli/ctl/metrics-page.ts";
import { createPaint } from "../../../../../cli/ctl/output/terminal.ts";
import { expose } from "../../../../../src/protocol/exposition.ts";

test("labels and values of /metrics are read correctly", () => {
	const labels = { host: 'we"b\\1', metric: "a b\n,c" };
	const text = expose(
		[
			{
				name: "happo_agent_collection_last_pass_timestamp_seconds",
				type: "gauge",
				help: "x",
				series: [{ value: 1_795_370_413 }],
			},
			{
				name: "happo_collected_metric",
				type: "gauge",
				help: "x",
				series: [{ labels, value: -1e21 }],
			},
		],
		"text",
	);
	const { pass, metrics } = parseMetricsPage(text);
	assert.equal(pass, 1_795_370_413);
	assert.deepEqual(
		metrics.filter(({ host }) => host !== ""),
		[{ host: 'we"b\\1', name: "a b\n,c", kind: "unknown", value: -1e21 }],
	);
	assert.deepEqual(parseMetricsPage("<html>"), {
		pass: undefined,
		metrics: [],
	});
});

test("metrics that a plugin calls counters are found by the help of their families", () => {
	const text = expose(
		[
			{
				name: "linux_cpu_user_seconds",
				type: "counter",
				help: 'Collected metric linux.cpu "user"\\x.',
				series: [{ labels: { host: "h" }, value: 5 }],
			},
			{
				name: "linux_load",
				type: "gauge",
				help: "Collected metric linux.load.",
				series: [{ labels: { host: "h" }, value: 5 }],
			},
			{
				name: "happo_agent_requests",
				type: "counter",
				help: "Requests.",
				series: [{ value: 5 }],
			},
		],
		"text",
	);
	assert.deepEqual(
		parseMetricsPage(text)
			.metrics.filter(({ host, kind }) => host !== "" && kind === "counter")
			.map(({ name }) => name),
		['linux.cpu "user"\\x'],
	);
});

test("the screen has the change of a gauge, and the rates of a counter", () => {
	const agent = { name: "web01:6777" };
	const board = new MetricBoard([agent]);
	const metric = (
		name: string,
		kind: PageMetric["kind"],
		value: number,
	): PageMetric => ({ host: "web01", name, kind, value });
	const values: readonly (readonly [number, number, number])[] = [
		[100, 5, 7],
		[110, 3, 17],
		[140, 4, 77],
		// the counter began again
		[150, 4, 30],
	];
	for (const [pass, load, packets] of values)
		board.take(agent, {
			pass,
			metrics: [
				metric("net.packets", "counter", packets),
				metric("load", "unknown", load),
			],
		});
	const frame = () =>
		board
			.frame(
				{ columns: 80, rows: 20 },
				{ paint: createPaint(false), namesAll: false },
				162,
			)
			.split("\n");
	const lines = frame();
	assert.match(lines[0] ?? "", /^2 metrics of web01:6777, last pass 12s ago +/);
	assert.deepEqual(lines.slice(2), [
		"HOST   METRIC       VALUE  CHANGE  TREND",
		"web01  load             4       0  █▁▅▅",
		"web01  net.packets     30     3/s  ▁▅█",
	]);
	board.fail(agent, { reason: "unreachable", message: "connection refused" });
	assert.equal(frame().at(-1), "web01:6777: connection refused");
	// a page of the same pass brings nothing new, but the agent answers
	board.take(agent, { pass: 150, metrics: [] });
	assert.equal(frame().length, 5);
	// metrics that are gone are forgotten
	board.take(agent, { pass: 160, metrics: [] });
	assert.match(frame()[0] ?? "", /^0 metrics of /);
});
