import assert from "node:assert/strict";
import { test } from "node:test";
import { exposedMetrics } from "../../../../../cli/ctl/metrics-page.ts";
import {
	looksLikeCounter,
	metricsAsExposition,
	rates,
	sparkline,
	trendText,
} from "../../../../../cli/ctl/output/metric-text.ts";

test("a sparkline is scaled from minimum to maximum", () => {
	assert.equal(sparkline([1], 10), "");
	assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 10), "▁▂▃▄▅▆▇█");
	assert.equal(sparkline([5, 5, 5], 10), "▁▁▁");
	assert.equal(sparkline([1, 1, 9, 9], 2), "▁█");
	assert.equal(sparkline([-1.7e308, 1.7e308], 10), "▁█");
	assert.equal([...sparkline(Array(100_000).fill(1), 20)].length, 20);
});

const points = (...values: readonly number[]) =>
	values.map((value, at) => ({ timestamp: 100 + 10 * at, value }));

test("values that never fall and rise eight times look like a counter", () => {
	assert.ok(looksLikeCounter(points(1, 2, 3, 3, 4, 5, 6, 7, 8, 9)));
	assert.ok(!looksLikeCounter(points(1, 2, 3, 3, 4, 5, 6, 7, 8)));
	assert.ok(!looksLikeCounter(points(1, 2, 3, 4, 5, 6, 7, 8, 9, 8)));
	assert.ok(!looksLikeCounter(points(5, 5, 5, 5, 5, 5)));
	assert.ok(!looksLikeCounter([]));
});

test("the trend of a counter is that of its rates, not a ramp", () => {
	const counter = points(0, 10, 20, 120, 130);
	assert.deepEqual(rates(counter), [1, 1, 10, 1]);
	assert.equal(trendText(counter, 20, true), "▁▁█▁");
	assert.equal(trendText(counter, 20, false), "▁▁▂██");
	// after a restart it begins at 0; earlier and equal times are left out
	assert.deepEqual(
		rates([
			{ timestamp: 100, value: 50 },
			{ timestamp: 110, value: 20 },
			{ timestamp: 110, value: 30 },
			{ timestamp: 90, value: 10 },
			{ timestamp: 120, value: 40 },
		]),
		[2, 2],
	);
});

const page = `# HELP linux_cpu_user_seconds_total Collected metric linux.cpu.user.
# TYPE linux_cpu_user_seconds_total counter
linux_cpu_user_seconds_total{host="web01"} 12.5
# HELP load Collected metric load.
# TYPE load gauge
load{host="web01"} 0.5
# HELP happo_collected_metric Old.
# TYPE happo_collected_metric gauge
happo_collected_metric{host="web01",metric="linux.cpu.user"} 1250
`;

const stored = (metrics: Record<string, number>) => [
	{ hostname: "web01", timestamp: 100, metrics },
];

test("metrics for Prometheus are named, typed and scaled as on the page of their agent", () => {
	const { text, leftOut } = metricsAsExposition([
		{
			host: "web01:6777",
			data: stored({ "linux.cpu.user": 1250, load: 0.5, "appended.x": 3 }),
			exposed: exposedMetrics(page),
		},
		{
			host: "web02:6777",
			data: stored({ load: 2 }),
			exposed: exposedMetrics(page.replaceAll("0.5", "2")),
		},
	]);
	assert.equal(
		text,
		`# HELP appended_x Collected metric appended.x.
# TYPE appended_x gauge
appended_x{agent="web01:6777",host="web01"} 3
# HELP linux_cpu_user_seconds_total Collected metric linux.cpu.user.
# TYPE linux_cpu_user_seconds_total counter
linux_cpu_user_seconds_total{agent="web01:6777",host="web01"} 12.5
# HELP load Collected metric load.
# TYPE load gauge
load{agent="web01:6777",host="web01"} 0.5
load{agent="web02:6777",host="web01"} 2
`,
	);
	assert.deepEqual(leftOut, []);
});

test("metrics for Prometheus whose names become the same, or the agent's, are left out", () => {
	const { text, leftOut } = metricsAsExposition([
		{
			host: "web01:6777",
			data: stored({ "a.b": 1, a_b: 2, "happo.agent.up": 3, up: 4, b: 5 }),
			exposed: exposedMetrics(""),
		},
	]);
	assert.equal(
		text,
		'# HELP b Collected metric b.\n# TYPE b gauge\nb{agent="web01:6777",host="web01"} 5\n',
	);
	assert.deepEqual(leftOut, [
		"left out: a.b, a_b: they would all be a_b",
		"left out: happo.agent.up: happo_agent_up is a name of the agent's own metrics",
		"left out: up: up is a name of the agent's own metrics",
	]);
});
