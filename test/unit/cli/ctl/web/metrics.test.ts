import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMetricsPage } from "../../../../../cli/ctl/metrics-page.ts";
import { MetricHistory } from "../../../../../cli/ctl/web/metric-history.ts";
import { expose } from "../../../../../src/protocol/exposition.ts";

test("reads what an agent exposes, each metric once and with its kind", () => {
	const page = expose(
		[
			{
				...{
					name: "happo_agent_commands_running",
					type: "gauge",
					help: "Now.",
				},
				series: [{ value: 2 }],
			},
			{
				...{ name: "happo_agent_requests", type: "counter", help: "All." },
				series: [{ labels: { operation: "a b", status: "200" }, value: 7 }],
			},
			{
				...{ name: "happo_agent_check_duration_seconds", type: "summary" },
				help: "Time.",
				series: [
					{ part: "sum", value: 1.5 },
					{ part: "count", value: 3 },
				],
			},
			{
				...{ name: "happo_agent_build", type: "info", help: "Version." },
				series: [{ labels: { version: "2" }, value: 1 }],
			},
			{
				...{ name: "happo_agent_collection_last_pass_timestamp_seconds" },
				...{ type: "gauge", help: "Pass." },
				series: [{ value: 1000 }],
			},
			{
				...{ name: "happo_collected_metric", type: "gauge", help: "Old." },
				series: [
					{ labels: { host: 'we"b\\', metric: "linux.cpu.user" }, value: 5 },
					{ labels: { host: "web", metric: "linux.load" }, value: 0.5 },
				],
			},
			{
				...{ name: "linux_cpu_user_seconds", type: "counter" },
				help: "Collected metric linux.cpu.user.",
				series: [{ labels: { host: 'we"b\\' }, value: 5 }],
			},
		],
		"text",
	);
	const { pass, metrics } = parseMetricsPage(`${page}broken line\nnan NaN\n`);
	assert.equal(pass, 1000);
	assert.deepEqual(
		metrics.map(({ host, name, kind, value }) => [host, name, kind, value]),
		[
			["", "happo_agent_commands_running", "gauge", 2],
			...[
				[
					...["", 'happo_agent_requests_total{operation="a b",status="200"}'],
					...["counter", 7],
				],
			],
			["", "happo_agent_check_duration_seconds_sum", "counter", 1.5],
			["", "happo_agent_check_duration_seconds_count", "counter", 3],
			...[
				[
					...["", "happo_agent_collection_last_pass_timestamp_seconds"],
					...["gauge", 1000],
				],
			],
			['we"b\\', "linux.cpu.user", "counter", 5],
			["web", "linux.load", "unknown", 0.5],
		],
	);
});

const metric = (name: string, value: number, host = "web") => ({
	...{ host, name, value },
	kind: "unknown" as const,
});

test("joins the buffer and later pages, without doubles", () => {
	const history = new MetricHistory();
	history.addSamples([
		{ hostname: "web", timestamp: 10, metrics: { a: 1, b: 2 } },
		{ hostname: "web", timestamp: 70, metrics: { a: 3 } },
		{ hostname: "web", timestamp: 80, metrics: null },
	]);
	const page = { pass: 70, metrics: [metric("a", 3), metric("own", 1, "")] };
	history.addPage(page, 100);
	history.addPage({ ...page, pass: 130 }, 140);
	assert.deepEqual(history.series("web", "a"), {
		...{ host: "web", name: "a", times: [10, 70, 130], values: [1, 3, 3] },
	});
	assert.deepEqual(history.series("", "own").times, [100, 140]);
	assert.deepEqual(history.series("web", "a", 70).values, [3]);
	assert.deepEqual(history.series("web", "a", 130).values, []);
	assert.deepEqual(history.series("web", "__proto__").values, []);
	assert.deepEqual(
		history
			.known()
			.metrics.map(({ name, latest, values }) => [name, latest, values]),
		[
			["a", 3, 3],
			["b", 2, 1],
			["own", 1, 2],
		],
	);
});

test("what the buffer has goes before pages that were read first", () => {
	const history = new MetricHistory();
	history.addPage({ pass: 70, metrics: [metric("a", 3)] }, 100);
	history.addPage({ pass: 130, metrics: [metric("a", 4)] }, 140);
	const sample = (timestamp: number, metrics: Record<string, number>) => ({
		...{ hostname: "web", timestamp, metrics },
	});
	history.addSamples([
		sample(10, { a: 1, b: 9 }),
		sample(10, { a: 7 }),
		sample(20, { a: 2 }),
		sample(70, { a: 3 }),
		sample(190, { a: 5 }),
	]);
	assert.deepEqual(history.series("web", "a"), {
		...{ host: "web", name: "a", times: [10, 20, 70, 130, 190] },
		values: [1, 2, 3, 4, 5],
	});
	assert.deepEqual(history.series("web", "b").values, [9]);
});

test("is bounded in metrics and in values", () => {
	const history = new MetricHistory();
	const many = Array.from({ length: 10_005 }, (_, n) => metric(`m${n}`, n));
	for (let pass = 1; pass <= 60; pass++)
		history.addPage({ pass, metrics: many }, pass);
	const { metrics, dropped } = history.known();
	assert.equal(metrics.length, 10_000);
	assert.equal(dropped, 5);
	const values = metrics.reduce((sum, one) => sum + one.values, 0);
	assert.ok(values > 200_000 && values <= 500_000, `${values}`);
	assert.deepEqual(history.series("web", "m7").times.slice(-2), [59, 60]);
});
