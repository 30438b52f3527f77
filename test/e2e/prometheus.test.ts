import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openMetricsType, textType } from "../../src/protocol/exposition.ts";
import { fixtures } from "../support/agent.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import {
	checkedByPromtool,
	doorTo,
	missing,
	startPrometheus,
} from "../support/prometheus.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

/** Names that a plugin may print: anything before the first tab is allowed. */
const oddName = String.raw`disk "C:\new" {x="y"} 日本 #`;

const oddPlugin = `#!/bin/sh
printf '%s\\t7\\t%s\\n' '${oddName}' "$(date +%s)"
printf 'bell\\007\\t8\\t%s\\n' "$(date +%s)"
`;

const yaml = `metrics:
- hostname: web01
  plugins:
  - { plugin_name: metrics_ok, plugin_option: "" }
  - { plugin_name: metrics_odd, plugin_option: "" }
  - { plugin_name: metrics_linux, plugin_option: "" }
`;

/** A check with performance data of every kind. */
const perfPlugin = `#!/bin/sh
echo "OK | '/ü \\"x\\"'=2KB;1:3;@4:5;0;9 total=7c time=5ms;10 u=U;1"
exit 1
`;

const getPage = (port: number) => send({ port, path: "/metrics" });

/** A daemon that has run checks and refused requests, and collects metrics every second. */
async function busyDaemon(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const config = join(directory, "metrics.yaml");
	await writeFile(config, yaml);
	await writeFile(join(directory, "metrics_odd"), oddPlugin);
	await chmod(join(directory, "metrics_odd"), 0o755);
	await writeFile(join(directory, "check_perf"), perfPlugin);
	await chmod(join(directory, "check_perf"), 0o755);
	const own = join(process.cwd(), "contrib/plugins");
	const sensu = `${join(fixtures, "sensu")},${directory},${own}`;
	const daemon = await startDaemon(
		t,
		[
			...["--collection-interval-seconds", "1", "--metric-config", config],
			...["--sensu-plugin-paths", sensu, "--command-timeout", "1"],
			...["--nagios-plugin-paths", `${join(fixtures, "plugins")},${directory}`],
		],
		{ directory },
	);
	const { port } = daemon;
	for (const [plugin_name, plugin_option] of [
		["check_exit", "0"],
		["check_exit", "2"],
		["check_sleep", "8"],
		["check_gone", ""],
		["check_perf", ""],
	])
		await post(port, "/monitor", { plugin_name, plugin_option });
	assert.equal((await post(port, "/monitor", "no check")).status, 400);
	assert.equal((await send({ port, path: "/none" })).status, 404);
	await eventually("the metrics are on the page", async () =>
		(await getPage(port)).text.includes('metric="ok.int"'),
	);
	return daemon;
}

test("promtool accepts the page of an agent that has done work", async (t) => {
	if (lacksPeer(t, missing.promtool)) return;
	const { port, stop } = await busyDaemon(t);
	const { text } = await getPage(port);
	assert.equal(checkedByPromtool(text), "");
	for (const line of [
		/^happo_agent_build_info\{[^\n]*version="[^"]+"[^\n]*\} 1$/m,
		/^happo_agent_requests_total\{operation="[^"]+",status="200"\} \d+$/m,
		/^happo_agent_requests_total\{operation="[^"]+",status="404"\} \d+$/m,
		/^happo_agent_check_duration_seconds_sum\{plugin="check_exit",[^\n]+\} [\d.e-]+$/m,
		/^happo_agent_check_duration_seconds_count\{plugin="check_exit",[^\n]+\} 1$/m,
		/^happo_collected_metric\{host="web01",metric="ok\.exp"\} 1e\+21$/m,
		/^happo_collected_metric\{host="web01",metric="bell\\\\u0007"\} 8$/m,
		/^linux_cpu_user_seconds_total\{host="web01"\} [\d.]+$/m,
		/^linux_memory_total_bytes\{host="web01"\} \d+$/m,
		/^bell_\{host="web01"\} 8$/m,
		/^state_check_state\{check="check_sleep"\} 2$/m,
		/^state_check_duration_seconds\{check="check_exit"\} [\d.e-]+$/m,
		/^state_check_threshold\{check="check_perf",perfdata_label="\/ü \\"x\\"",unit="bytes",threshold_type="warning",bound="lower",alert="outside"\} 1000$/m,
	])
		assert.match(text, line);
	assert.doesNotMatch(text, /^\w+(\{.*\})? (NaN|undefined|null)$/m);
	assert.equal((await stop()).code, 0);
});

test("a real Prometheus reads the page in both formats", async (t) => {
	if (lacksPeer(t, missing.prometheus)) return;
	const { port, stop } = await busyDaemon(t);
	const asked = await doorTo(t, port);
	const text = await doorTo(t, port, "text/plain");
	const prometheus = await startPrometheus(t, [
		{ job: "direct", port, scheme: "https" },
		{ job: "as asked", port: asked.port, scheme: "http" },
		{ job: "text", port: text.port, scheme: "http" },
	]);
	const collected = (name: string) =>
		`happo_collected_metric{host="web01",metric=${JSON.stringify(name)}}`;
	await prometheus.until("up", 1);
	await prometheus.until(collected("ok.int"), 42);
	await prometheus.until(collected("ok.exp"), 1e21);
	await prometheus.until(collected(oddName), 7);
	await prometheus.until("happo_agent_build_info", 1);
	const perf = '{check="check_perf",perfdata_label=';
	await prometheus.until(
		`state_check_perfdata${perf}"time",unit="seconds"}`,
		0.005,
	);
	await prometheus.until(`state_check_perfdata_total${perf}"total"}`, 7);
	await prometheus.until('state_check_state{check="check_perf"}', 1);
	await prometheus.until(
		'linux_cpu_user_seconds_total{host="web01"} > bool 0',
		1,
	);
	await prometheus.until(
		'sum by (job) (happo_agent_check_duration_seconds_count{plugin="check_exit"})',
		2,
	);
	await prometheus.until(
		"count by (job) (process_start_time_seconds > time() - 300)",
		1,
	);
	assert.equal(await prometheus.typeOf("happo_collected_metric"), "gauge");
	assert.deepEqual(prometheus.complaints(), []);
	for (const [door, contentType] of [
		[asked, openMetricsType],
		[text, textType],
	] as const)
		for (const scrape of door.scrapes) {
			assert.match(scrape.accept, /^application\/openmetrics-text/);
			assert.equal(scrape.status, 200);
			assert.equal(scrape.contentType, contentType);
		}
	assert.equal((await stop()).code, 0);
});

test("a real Prometheus scrapes with the configuration of prometheus.md", async (t) => {
	if (lacksPeer(t, missing.prometheus)) return;
	const [block, ...others] = blocksRunBy("test/e2e/prometheus.test.ts");
	assert.ok(block && others.length === 0);
	const { port, stop } = await startDaemon(t);
	const shown = block.lines.join("\n");
	assert.ok(shown.includes('"web01:6777"'), shown);
	const prometheus = await startPrometheus(
		t,
		[{ job: "happo-agent", port, scheme: "https" }],
		`global: { scrape_interval: 1s, scrape_timeout: 1s }\n${shown.replace("web01:6777", `127.0.0.1:${port}`)}\n`,
	);
	await prometheus.until("up", 1);
	await prometheus.until("happo_agent_build_info", 1);
	assert.equal((await stop()).code, 0);
});
