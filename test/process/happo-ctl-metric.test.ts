import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { ctl } from "../support/happo-ctl.ts";
import { post } from "../support/https.ts";
import { answering, json } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

type Test = Parameters<typeof startDaemon>[0];

/** A daemon that stores three samples and collects no others. */
async function withSamples(t: Test, flags: readonly string[] = []) {
	const agent = await startDaemon(t, [
		...["--metric-config", "metrics.yaml", "--disable-collect-metrics"],
		...flags,
	]);
	const host = `127.0.0.1:${agent.port}`;
	const input = "a.b 1 100\na.b 2.5 160\nc 7 160\nfree text\na.b 4 220\n";
	const { code, stderr } = await ctl(
		t,
		["metric", "append", "-H", host, "--hostname", "web01.x"],
		{ input },
	);
	assert.equal(code, 0, stderr);
	return { agent, host };
}

const stored = async (port: number) => {
	const { json } = await post(port, "/metric/peek", { limit: 3600 });
	return (json as { metric_data: unknown[] | null }).metric_data?.length ?? 0;
};

test("metric shows what is stored, and takes nothing", async (t) => {
	const { agent, host } = await withSamples(t);
	const table = await ctl(t, ["metric", "-H", host]);
	assert.match(table.stdout, /^HOST +METRIC +VALUE +AGE +SAMPLES +TREND\n/);
	assert.match(table.stdout, /^web01\.x +a\.b +4 .* 3 +▁▅█$/m);
	assert.match(table.stdout, /^web01\.x +c +7 .* 1$/m);
	const graphite = await ctl(t, ["metric", "-H", host, "-o", "graphite"]);
	assert.equal(
		graphite.stdout,
		"web01_x.a.b 1 100\nweb01_x.a.b 2.5 160\nweb01_x.c 7 160\nweb01_x.a.b 4 220\n",
	);
	const page = await ctl(t, ["metric", "-H", host, "-o", "prometheus"]);
	assert.match(
		page.stdout,
		new RegExp(
			`^# TYPE a_b gauge\na_b\\{agent="${host}",host="web01.x"\\} 4$`,
			"m",
		),
	);
	const document = await ctl(t, ["metric", "-H", host, "-o", "json"]);
	const [answer] = JSON.parse(document.stdout);
	assert.deepEqual(answer.data[0], {
		hostname: "web01.x",
		timestamp: 100,
		metrics: { "a.b": 1 },
	});
	assert.equal(await stored(agent.port), 3);
});

test("metric of an agent without metrics, and of v1", async (t) => {
	const agent = await startDaemon(t, ["--disable-collect-metrics"]);
	const empty = await ctl(t, ["metric", "-H", `127.0.0.1:${agent.port}`]);
	assert.match(empty.stderr, /nothing stored/);
	assert.equal(empty.stdout, "");
	assert.equal(empty.code, 0);

	const batches = [
		[{ hostname: "h", timestamp: 1, metrics: { a: 1 } }],
		[{ hostname: "h", timestamp: 2, metrics: { a: 2 } }],
		null,
	];
	const old = await answering(t, (response, { path }) => {
		if (path === "/metric")
			return json(response, { metric_data: batches.shift(), message: "" });
		response.writeHead(404, { "Content-Type": "text/plain" });
		response.end("404 page not found\n");
	});
	const host = `127.0.0.1:${old.port}`;
	for (const [args, reason] of [
		[[], /no \/metric\/peek \(404\), as v1 \(Go\).*--drain --plain/],
		[["--drain"], /no \/metric\/lease \(404\), .*--drain --plain/],
		[["--follow"], /no \/metrics \(404\)/],
	] as const) {
		const { code, stdout, stderr } = await ctl(t, [
			...["metric", "-H", host, ...args],
		]);
		assert.match(stderr, reason);
		assert.equal(stdout, "");
		assert.equal(code, 1);
	}
	assert.ok(
		old.arrived.every(({ path }) => path !== "/metric"),
		"nothing was taken without --drain --plain",
	);
	const { code, stdout, stderr } = await ctl(t, [
		...["metric", "-H", host, "--drain", "--plain", "-o", "json"],
	]);
	assert.deepEqual(
		stdout
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line)),
		[
			{ agent: host, hostname: "h", timestamp: 1, metrics: { a: 1 } },
			{ agent: host, hostname: "h", timestamp: 2, metrics: { a: 2 } },
		],
	);
	assert.match(stderr, /2 samples taken/);
	assert.equal(code, 0);
});

test("metric for Prometheus asks for units and types, and does without", async (t) => {
	let refuses = false;
	const agent = await answering(t, (response, { path }) => {
		if (path === "/metric/peek")
			return json(response, {
				metric_data: [{ hostname: "h", timestamp: 1, metrics: { "a.b": 500 } }],
				message: "",
			});
		response.writeHead(refuses ? 403 : 200, { "Content-Type": "text/plain" });
		response.end(
			refuses
				? "no"
				: '# HELP a_b_seconds_total Collected metric a.b.\n# TYPE a_b_seconds_total counter\na_b_seconds_total{host="h"} 5\n',
		);
	});
	const host = `127.0.0.1:${agent.port}`;
	const shown = () => ctl(t, ["metric", "-H", host, "-o", "prometheus"]);
	const all = await shown();
	assert.equal(all.stderr, "");
	assert.match(
		all.stdout,
		/^# TYPE a_b_seconds_total counter\na_b_seconds_total\{agent="\S+",host="h"\} 5$/m,
	);
	refuses = true;
	const plain = await shown();
	assert.match(plain.stdout, /^a_b\{agent="\S+",host="h"\} 500$/m);
	assert.match(
		plain.stderr,
		/127\.0\.0\.1:\d+: its metrics have neither units nor types: .*403/,
	);
	assert.equal(plain.code, 0);
	// nothing else asks for the page
	await ctl(t, ["metric", "-H", host, "-o", "json"]);
	assert.deepEqual(
		agent.arrived.map(({ path }) => path),
		["/metric/peek", "/metrics", "/metric/peek", "/metrics", "/metric/peek"],
	);
});

test("--drain takes everything, batch by batch", async (t) => {
	const { agent, host } = await withSamples(t);
	const { code, stdout, stderr } = await ctl(t, [
		...["metric", "-H", host, "--drain", "-o", "graphite"],
	]);
	assert.equal(stdout.split("\n").length, 5);
	assert.match(stderr, /3 samples taken/);
	assert.equal(code, 0);
	assert.equal(await stored(agent.port), 0);
});

test("--drain does not acknowledge a batch that it could not write", async (t) => {
	const { agent, host } = await withSamples(t);
	const metrics = Object.fromEntries(
		Array.from({ length: 5000 }, (_, i) => [`long.name.of.a.metric.${i}`, i]),
	);
	for (const timestamp of [1, 2, 3])
		await post(agent.port, "/metric/append", {
			metric_data: [{ hostname: "h", timestamp, metrics }],
		});
	const { code, stderr } = await ctl(
		t,
		["metric", "-H", host, "--drain", "-o", "json"],
		{ closesOutput: true },
	);
	assert.match(
		stderr,
		/not acknowledged and can be leased again in 300 seconds/,
	);
	assert.equal(code, 1);
	assert.equal(await stored(agent.port), 6);
});

test("--follow shows every pass until Ctrl-C, and then exits with 0", async (t) => {
	let pass = 1000;
	const agent = await answering(t, (response, { path }) => {
		assert.equal(path, "/metrics");
		pass++;
		response.writeHead(200, { "Content-Type": "text/plain" });
		response.end(
			`happo_agent_collection_last_pass_timestamp_seconds ${pass}\nhappo_collected_metric{host="web\\"1",metric="a b"} ${pass}.5\n`,
		);
	});
	const host = `127.0.0.1:${agent.port}`;
	const { code, signal, stdout, stderr } = await ctl(
		t,
		["metric", "-H", host, "-f", "--interval-seconds", "1", "-o", "json"],
		{
			onOutput: (text) => (text.split("\n").length > 2 ? "SIGINT" : undefined),
		},
	);
	assert.equal(stderr, "");
	assert.deepEqual({ code, signal }, { code: 0, signal: null });
	const [first, second] = stdout.split("\n").map((line) => line);
	assert.deepEqual(JSON.parse(first ?? ""), {
		agent: host,
		hostname: 'web"1',
		timestamp: 1001,
		metrics: { "a b": 1001.5 },
	});
	assert.equal(JSON.parse(second ?? "").timestamp, 1002);
	assert.equal(agent.open(), 0);
});

test("--follow of a real agent ends when the reader goes away", async (t) => {
	const directory = await temporaryDirectory(t);
	const agent = await startDaemon(t, [
		"--quick-start",
		directory,
		"--collection-interval-seconds=1",
	]);
	const { code, stdout } = await ctl(
		t,
		[
			"metric",
			"-H",
			`127.0.0.1:${agent.port}`,
			"-f",
			"--interval-seconds",
			"1",
		],
		{
			onOutput: (text) => (text.includes("\n") ? "SIGTERM" : undefined),
		},
	);
	assert.match(stdout, / {2}linux\.\S+ {2}\d/);
	assert.equal(code, 0);
});

test("append reads files and has a default host; --dry-run and bad lines store nothing", async (t) => {
	const { agent, host } = await withSamples(t);
	const append = (args: readonly string[], input = "") =>
		ctl(t, ["metric", "append", "-H", host, ...args], { input });
	const wrong = await append([], "a 1 2\na x 2\n\nb 1 z\n");
	assert.match(
		wrong.stderr,
		/standard input line 2: the value is not a number/,
	);
	assert.match(wrong.stderr, /standard input line 4: the timestamp/);
	assert.match(wrong.stderr, /2 bad lines, nothing was stored/);
	assert.equal(wrong.code, 2);
	const nothing = await append([], "free text\n\n");
	assert.equal(nothing.code, 2);
	const file = join(await temporaryDirectory(t), "figures");
	await writeFile(file, "x\t1\t300\n");
	const dry = await append(["--dry-run", file]);
	assert.match(dry.stderr, /1 values at 1 times, not stored/);
	assert.equal(await stored(agent.port), 3);
	const done = await append([file]);
	assert.match(done.stdout, /stored 1 values at 1 times/);
	assert.equal(await stored(agent.port), 4);
	const dead = await ctl(
		t,
		["metric", "append", "-H", `127.0.0.1:${await freePort()}`],
		{ input: "x 1 1\n" },
	);
	assert.match(dead.stderr, /connection refused/);
	assert.equal(dead.code, 1);
});

test("metric config: check, update with a diff, show", async (t) => {
	const { agent, host } = await withSamples(t);
	const file = join(await temporaryDirectory(t), "wanted.yaml");
	const yaml =
		'metrics:\n- hostname: web01\n  plugins:\n  - plugin_name: metrics_x\n    plugin_option: "-a"\n';
	await writeFile(file, yaml);
	const check = await ctl(t, ["metric", "config", "check", file]);
	assert.equal(check.stdout, `${file}: valid, 1 hosts, 1 plugins\n`);
	assert.equal(check.code, 0);
	const bad = await ctl(t, ["metric", "config", "check", "-"], {
		input: "metrics:\n- hostname: [x]\n",
	});
	assert.match(bad.stderr, /standard input line 2: hostname: expected text/);
	assert.equal(bad.code, 1);
	const odd = await ctl(t, ["metric", "config", "check", "-"], {
		input: yaml.replace("metrics_x", "../x"),
	});
	assert.match(odd.stderr, /plugin \.\.\/x: /);
	assert.equal(odd.code, 0);

	const update = (...args: string[]) =>
		ctl(t, ["metric", "config", "update", "-H", host, ...args]);
	const local = join(agent.directory, "metrics.yaml");
	const dry = await update("--dry-run", file);
	assert.match(dry.stdout, /: would change\n[\s\S]*^ {2}\+- hostname: web01$/m);
	await assert.rejects(readFile(local), "nothing was written");
	const first = await update(file);
	assert.match(first.stdout, /: updated\n[\s\S]*^ {2}\+ .*metrics_x$/m);
	assert.equal(first.code, 0, first.stderr);
	assert.match(await readFile(local, "utf8"), /metrics_x/);
	assert.match((await update(file)).stdout, /: unchanged\n$/);
	await writeFile(file, yaml.replace("-a", "-b"));
	const second = await update(file);
	assert.match(
		second.stdout,
		/^ {2}- +plugin_option: -a\n {2}\+ +plugin_option: -b$/m,
	);
	const show = await ctl(t, ["metric", "config", "show", "-H", host]);
	assert.match(show.stdout, /^# 127\S+ .*metrics\.yaml, read 20/);
	assert.match(show.stdout, /plugin_option: -b/);
	const again = await ctl(t, ["metric", "config", "check", "-"], {
		input: show.stdout,
	});
	assert.equal(again.code, 0, "what is shown is a metrics.yaml");
});

test("metric config update of v1 shows no diff", async (t) => {
	const old = await answering(t, (response, { path }) => {
		if (path === "/metric/config/update")
			return json(response, { status: "OK", message: "" });
		response.writeHead(404, { "Content-Type": "text/plain" });
		response.end("404 page not found\n");
	});
	const { code, stdout } = await ctl(
		t,
		["metric", "config", "update", "-H", `127.0.0.1:${old.port}`, "-"],
		{ input: "metrics:\n- hostname: h\n" },
	);
	assert.match(stdout, /updated \(it cannot show its previous configuration\)/);
	assert.equal(code, 0);
	assert.deepEqual(JSON.parse(`${old.arrived.at(-1)?.body}`).config, {
		Metrics: [{ Hostname: "h", Plugins: [] }],
	});
});

test("metric leases lists leases and ends them", async (t) => {
	const { agent, host } = await withSamples(t);
	const none = await ctl(t, ["metric", "leases", "-H", host]);
	assert.equal(none.stdout, "");
	assert.match(none.stderr, /: no leases\n/);
	const { json } = await post(agent.port, "/metric/lease", { seconds: 3000 });
	const { batch_id } = json as { batch_id: string };
	const list = await ctl(t, ["metric", "leases", "-H", host]);
	assert.match(
		list.stdout,
		new RegExp(
			`^${host} +${batch_id} +default +50m +(50|49)m.* 1 +\\d{4}-`,
			"m",
		),
	);
	const wrong = await ctl(t, ["metric", "leases", "-H", host, "--end", "abc"]);
	assert.match(wrong.stderr, /no agent has a lease of batch abc/);
	assert.equal(wrong.code, 1);
	const ended = await ctl(t, [
		...["metric", "leases", "-H", host, "--end", batch_id, "-o", "json"],
	]);
	assert.equal(ended.code, 0, ended.stderr);
	assert.match(
		ended.stderr,
		new RegExp(`lease of batch ${batch_id} has ended`),
	);
	assert.equal(JSON.parse(ended.stdout)[0].data[0].seconds_left, 0);
	const again = await post(agent.port, "/metric/lease", { seconds: 5 });
	assert.equal((again.json as { batch_id: string }).batch_id, batch_id);
});
