import assert from "node:assert/strict";
import { chmod, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import type { components } from "../../generated/schema.ts";
import { fixtures } from "../support/agent.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

type Sample = components["schemas"]["StoredSample"];
type Status = components["schemas"]["MetricConfigStatus"];

/** A metrics.yaml with these plugins for one host. */
const yamlOf = (hostname: string, ...plugins: string[]) =>
	`metrics:\n- hostname: ${hostname}\n  plugins:\n${plugins
		.map((name) => {
			const [plugin, option = ""] = name.split(" ", 2);
			return `  - plugin_name: ${plugin}\n    plugin_option: "${option}"\n`;
		})
		.join("")}`;

/** The daemon with a pass every second, and requests to it. */
async function collecting(
	t: TestContext,
	yaml: string | undefined,
	flags: readonly string[] = [],
) {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "metrics.yaml");
	const write = (text: string) => writeFile(file, text);
	if (yaml !== undefined) await write(yaml);
	const plugins = [
		join(fixtures, "sensu"),
		join(process.cwd(), "contrib/plugins"),
		directory,
	];
	const start = () =>
		startDaemon(
			t,
			[
				...["--collection-interval-seconds", "1", "--metric-config", file],
				...["--sensu-plugin-paths", plugins.join(",")],
				...["--nagios-plugin-paths", join(fixtures, "plugins"), ...flags],
			],
			{ directory },
		);
	const daemon = await start();
	const ask = async (path: string): Promise<Sample[]> => {
		const { status, json } = await post(daemon.port, path, {});
		assert.equal(status, 200);
		return (json as { metric_data: Sample[] | null }).metric_data ?? [];
	};
	return {
		daemon,
		start,
		directory,
		file,
		write,
		peek: () => ask("/metric/peek"),
		drain: () => ask("/metric"),
		status: async () => {
			const path = "/metric/config";
			return (await send({ port: daemon.port, path })).json as Status;
		},
		/** Waits until a value is stored. */
		until: (hostname: string, metric: string) =>
			eventually(`${metric} of ${hostname}`, async () =>
				(await ask("/metric/peek")).some(
					(sample) =>
						sample.hostname === hostname && metric in (sample.metrics ?? {}),
				),
			),
		passes: () => daemon.stdout().match(/ metrics stored: /g)?.length ?? 0,
	};
}

test("with the Linux plugin a peek shows real values of this machine", async (t) => {
	const { until, peek } = await collecting(t, yamlOf("here", "metrics_linux"));
	await until("here", "linux.memory.total");
	const [sample] = await peek();
	assert.ok(sample?.metrics);
	const { metrics } = sample;
	const [, kilobytes] =
		/^MemTotal:\s+(\d+)/m.exec(await readFile("/proc/meminfo", "utf8")) ?? [];
	assert.equal(metrics["linux.memory.total"], Number(kilobytes) * 1024);
	const uptime = Number.parseFloat(await readFile("/proc/uptime", "utf8"));
	const collected = metrics["linux.uptime.uptime"] ?? 0;
	assert.ok(collected > 0 && uptime - collected < 30 && collected <= uptime);
	assert.ok((metrics["linux.cpu.user"] ?? 0) > 0);
	assert.ok("linux.loadavg.load1" in metrics);
	assert.ok(Math.abs(sample.timestamp - Date.now() / 1000) < 30);
});

test("bad lines and failing, hanging or missing plugins do not stop the others", async (t) => {
	const one = (name: string) => `  - plugin_name: ${name}\n`;
	const names = [
		...["metrics_inf", "metrics_fail", "metrics_sleep", "metrics_gone"],
		...["metrics_nan", "metrics_crlf", "metrics_bad", "metrics_mixed"],
		...["metrics_junk", "metrics_empty", "../metrics_ok"],
	];
	const { daemon, directory, until, peek, write } = await collecting(
		t,
		undefined,
		["--command-timeout", "1"],
	);
	const mixed = join(directory, "metrics_mixed");
	await writeFile(
		mixed,
		"#!/bin/sh\nprintf 'm.first\\t1\\t5\\nm.bad\\tx1\\t5\\nm.last   2 6\\n'\n",
	);
	await chmod(mixed, 0o755);
	await write(
		`metrics:\n- hostname: web01\n  plugins:\n${names.map(one).join("")}- hostname: web02\n  plugins:\n${one("metrics_ok")}`,
	);
	await until("web02", "ok.int");
	const ok: Record<string, number> = {};
	for (const { hostname, metrics } of await peek())
		if (hostname === "web02") Object.assign(ok, metrics);
	assert.deepEqual(ok, {
		"ok.exp": 1e21,
		"ok.float": 1.5,
		"ok.int": 42,
		"ok.neg": -0.25,
	});
	const seen = new Set(
		(await peek()).flatMap(({ metrics }) => Object.keys(metrics ?? {})),
	);
	assert.deepEqual([...seen].filter((name) => !name.startsWith("ok.")).sort(), [
		"crlf.x",
		"inf.y",
		"m.first",
		"m.last",
		"sleep.before",
	]);
	for (const line of [
		/metric plugin metrics_mixed line 2: .*not a number: m\.bad\\u0009x1\\u00095/,
		/metric plugin metrics_inf line 1: .*infinite: inf\.x/,
		/metric plugin metrics_nan line 1: .*NaN: nan\.x/,
		/metric plugin metrics_fail: exit status 1/,
		/metric plugin metrics_sleep: .*command-timeout/,
		/metric plugin metrics_gone: .*metrics_gone/,
		/metric plugin metrics_junk: 2 lines are not three fields, the first is line 2: two/,
		/metric plugin \.\.\/metrics_ok: /,
	])
		assert.match(daemon.stdout(), line);
	assert.equal((await send(daemon)).text, "OK");
});

test("with a missing, broken or empty metrics.yaml the daemon runs, reports it, and uses a repaired one", async (t) => {
	const { daemon, file, write, status, until, passes } = await collecting(
		t,
		undefined,
	);
	const missing = await status();
	assert.equal(missing.error, `${file}: does not exist`);
	assert.deepEqual(missing.config, { metrics: [] });
	assert.equal(missing.read_at, null);
	await write("metrics:\n- hostname: web01\n  plugins: [\n");
	const broken = await status();
	assert.match(broken.error ?? "", /metrics\.yaml line \d+: /);
	assert.deepEqual(broken.config, { metrics: [] });
	await write("");
	assert.deepEqual((await status()).config, { metrics: [] });
	assert.equal((await status()).error, null);
	assert.equal(passes(), 0);
	await write(yamlOf("repaired", "metrics_ok"));
	await until("repaired", "ok.int");
	const { error, config, read_at } = await status();
	assert.equal(error, null);
	assert.equal(config.metrics[0]?.hostname, "repaired");
	assert.ok(Math.abs((read_at ?? 0) - Date.now() / 1000) < 30);
	// the last valid version stays in force
	await write("metrics: 5\n");
	assert.match(
		(await status()).error ?? "",
		/line 1: metrics: expected a list/,
	);
	const before = passes();
	await eventually("it still collects", () => passes() > before + 1);
	await rm(file);
	assert.equal((await status()).error, `${file}: does not exist`);
	const check = { plugin_name: "check_exit", plugin_option: "0" };
	assert.equal((await post(daemon.port, "/monitor", check)).status, 200);
	const { code, stderr } = await daemon.stop();
	assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
});

const update = (hostname: string) => ({
	apikey: "",
	config: {
		Metrics: [
			{
				Hostname: hostname,
				Plugins: [{ Plugin_Name: "metrics_ok", Plugin_Option: "" }],
			},
		],
	},
});

test("a configuration from a Go client is used by the next pass; the previous one is kept", async (t) => {
	const before = yamlOf("before", "metrics_empty");
	const { daemon, file, until, status } = await collecting(t, before);
	const path = "/metric/config/update";
	const answer = await post(daemon.port, path, update("after"));
	assert.equal(answer.status, 200);
	assert.deepEqual(answer.json, { status: "OK", message: "" });
	await until("after", "ok.int");
	assert.equal(await readFile(`${file}.previous`, "utf8"), before);
	assert.match(await readFile(file, "utf8"), /hostname: after/);
	assert.equal((await status()).config.metrics[0]?.hostname, "after");
	const emptied = await post(daemon.port, path, { apikey: "", config: {} });
	assert.deepEqual(emptied.json, { status: "OK", message: "" });
	assert.deepEqual((await status()).config, { metrics: [] });
	assert.equal((await post(daemon.port, path, { apikey: "" })).status, 400);
	assert.deepEqual((await status()).config, { metrics: [] });
});

test("with --no-config-update an update is refused and changes nothing", async (t) => {
	const before = yamlOf("before", "metrics_ok");
	const { daemon, file } = await collecting(t, before, ["--no-config-update"]);
	const path = "/metric/config/update";
	const { status, json } = await post(daemon.port, path, update("after"));
	assert.equal(status, 403);
	assert.match((json as { detail: string }).detail, /config-update/);
	assert.equal(await readFile(file, "utf8"), before);
	await assert.rejects(readFile(`${file}.previous`), { code: "ENOENT" });
});

test("with --disable-collect-metrics nothing is run", async (t) => {
	const { daemon, directory, passes, peek } = await collecting(
		t,
		`${yamlOf("web01", "metrics_touch")}  - broken: [`,
		["--disable-collect-metrics"],
	);
	// a second daemon collects meanwhile: both had three passes due
	const other = await collecting(t, yamlOf("web02", "metrics_ok"));
	await eventually("three passes", () => other.passes() >= 3);
	assert.equal(passes(), 0);
	assert.deepEqual(await peek(), []);
	assert.doesNotMatch(daemon.stdout(), /metrics\.yaml|metric plugin/);
	assert.equal(daemon.directory, directory);
});

test("kill -9 and a restart lose no pass logged as stored", async (t) => {
	const { daemon, directory, start, passes, write } = await collecting(
		t,
		undefined,
	);
	const plugin = join(directory, "metrics_pass");
	const line = `printf 'pass.id\\t%s\\t%s\\n' "$(date +%s%6N)" "$(date +%s)"`;
	await writeFile(plugin, `#!/bin/sh\n${line}\n`);
	await chmod(plugin, 0o755);
	await write(yamlOf("web01", "metrics_pass", "metrics_ok"));
	await eventually("some passes", () => passes() >= 3);
	daemon.process.kill("SIGKILL");
	await daemon.exited;
	const stored = passes();
	const { port } = await start();
	const { json } = await post(port, "/metric/peek", {});
	const { metric_data } = json as { metric_data: Sample[] };
	const ids = metric_data.flatMap(({ metrics }) => metrics?.["pass.id"] ?? []);
	assert.ok(new Set(ids).size >= stored, `${ids.length} of ${stored}`);
});
