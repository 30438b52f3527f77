import assert from "node:assert/strict";
import { createPrivateKey } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { connect, type PeerCertificate } from "node:tls";
import type { components } from "../../generated/schema.ts";
import { fixtures, writeTestKeyPair } from "../support/agent.ts";
import {
	processesWith,
	run,
	startWithPlugins,
} from "../support/command-line.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { local, relay } from "../support/relaying.ts";
import { checkReply } from "../support/reply-check.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { openWire, requestText, sendBytes } from "../support/wire.ts";

type Status = Required<components["schemas"]["Status"]>;
type Memory = components["schemas"]["MemoryStatus"] & Record<string, unknown>;
type Requests = components["schemas"]["RequestStatus"];

/** An answer with status 200 that satisfies the contract. */
async function asked<T>(port: number, path: string, operation: string) {
	const { status, json, text } = await send({ port, path });
	assert.equal(status, 200, text);
	checkReply(operation, { status, type: "application/json", body: json });
	return json as T;
}

const statusOf = (port: number) => asked<Status>(port, "/status", "getStatus");
const memoryOf = (port: number) =>
	asked<Memory>(port, "/status/memory", "getMemoryStatus");
const requestsOf = (port: number) =>
	asked<Requests>(port, "/status/request", "getRequestStatus");

const seconds = () => Math.floor(Date.now() / 1000);

/** The certificate that an agent shows on a connection. */
const shownCertificate = (port: number): Promise<PeerCertificate> =>
	new Promise((resolve, reject) => {
		const options = { host: "127.0.0.1", port, rejectUnauthorized: false };
		const socket = connect(options, () => {
			resolve(socket.getPeerCertificate());
			socket.destroy();
		});
		socket.once("error", reject);
	});

/** A check whose script and sleep have `sleep` and the option among their arguments. */
const check = (plugin_option: string, plugin_name = "check_sleep") => ({
	plugin_name,
	plugin_option,
});

test("version, runtime, process ID and times are real", async (t) => {
	const before = seconds();
	const daemon = await startWithPlugins(t);
	const after = seconds();
	const { stdout } = await run(t, ["--version"]);
	const first = await statusOf(daemon.port);
	assert.equal(first.pid, daemon.process.pid);
	assert.ok(stdout.trim().endsWith(first.app_version), stdout);
	if (!process.env.HAPPO_TEST_NODE)
		assert.equal(first.node_version, process.versions.node);
	assert.ok(first.started_at >= before && first.started_at <= after);
	assert.equal(first.num_goroutine, first.callers.length);
	assert.ok(first.callers.length > 0);
	await eventually(
		"two seconds pass",
		() => seconds() >= first.started_at + 3,
		5_000,
	);
	const asking = seconds();
	const { uptime_seconds, started_at, num_goroutine, callers } = await statusOf(
		daemon.port,
	);
	assert.equal(started_at, first.started_at);
	// whole seconds on both sides
	assert.ok(
		uptime_seconds >= asking - started_at - 1 &&
			uptime_seconds <= seconds() - started_at,
		`${uptime_seconds} s since ${started_at}, asked at ${asking}`,
	);
	assert.equal(num_goroutine, callers.length);
});

test("callers are the real resources of the event loop", async (t) => {
	const { port } = await startWithPlugins(t);
	const count = async (kind: string) =>
		(await statusOf(port)).callers.filter((name) => name === kind).length;
	// children of the native engine are only visible by their outputs
	const { engine } = (await statusOf(port)).commands;
	const [kind, each] =
		engine === "native" ? ["PipeWrap", 2] : ["ProcessWrap", 1];
	const idle = await count(kind);
	const answers = ["6.81001", "6.81002"].map((option) =>
		post(port, "/monitor", check(option)),
	);
	await eventually(
		"both sleep",
		async () => (await processesWith("sleep\x006.8100")).length === 4,
	);
	// outputs are watched only a moment after the start
	await eventually(
		"the outputs of both are watched",
		async () => (await count(kind)) === idle + 2 * each,
	);
	await Promise.all(answers);
});

test("the certificate is the one that connections show", async (t) => {
	const daemon = await startWithPlugins(t);
	const { certificate } = await statusOf(daemon.port);
	const real = await shownCertificate(daemon.port);
	assert.equal(certificate.fingerprint_sha256, real.fingerprint256);
	assert.equal(certificate.not_after, Date.parse(real.valid_to) / 1000);
	assert.equal(certificate.subject, `CN=${real.subject.CN}`);
	assert.equal(certificate.file, join(daemon.directory, "agent.pub"));
	assert.equal("problem" in certificate, false);
	// another certificate, then an unusable one
	await writeTestKeyPair(daemon.directory);
	daemon.process.kill("SIGHUP");
	await eventually(
		"the new one is shown",
		async () =>
			(await shownCertificate(daemon.port)).fingerprint256 !==
			real.fingerprint256,
	);
	const fresh = await shownCertificate(daemon.port);
	assert.equal(
		(await statusOf(daemon.port)).certificate.fingerprint_sha256,
		fresh.fingerprint256,
	);
	await writeFile(join(daemon.directory, "agent.pub"), "no certificate\n");
	daemon.process.kill("SIGHUP");
	await eventually("the problem is shown", async () => {
		const { certificate } = await statusOf(daemon.port);
		assert.equal(certificate.fingerprint_sha256, fresh.fingerprint256);
		return certificate.problem?.includes("agent.pub") ?? false;
	});
});

test("commands are counted: running, waiting and timed out", async (t) => {
	const { port } = await startWithPlugins(t, [
		...["--max-commands=1", "--command-timeout=3"],
	]);
	const commands = async () => (await statusOf(port)).commands;
	// a stopped process may remain for a moment after the answer
	const nothingLeft = () =>
		eventually(
			"nothing is left behind",
			async () => (await commands()).left_behind === 0,
		);
	const { engine } = await commands();
	const none = {
		engine,
		running: 0,
		waiting: 0,
		timeouts: 0,
		survivors: 0,
		survivors_total: 0,
		left_behind: 0,
		left_behind_stopped_total: 0,
	};
	assert.deepEqual(await commands(), none);
	const first = post(port, "/monitor", check("30.82001"));
	await eventually(
		"one sleeps",
		async () => (await processesWith("sleep\x0030.82001")).length === 2,
	);
	assert.deepEqual(await commands(), { ...none, running: 1 });
	const others = ["0.1", "0.2"].map((option) =>
		post(port, "/monitor", check(option)),
	);
	await eventually("two wait", async () => (await commands()).waiting === 2);
	assert.equal((await commands()).running, 1);
	assert.equal((await first).status, 500);
	await Promise.all(others);
	await nothingLeft();
	assert.deepEqual(await commands(), { ...none, timeouts: 1 });
	// also for an inventory
	const inventory = { command: "sleep 30.82002" };
	assert.equal((await post(port, "/inventory", inventory)).status, 417);
	await nothingLeft();
	assert.deepEqual(await commands(), { ...none, timeouts: 2 });
});

test("connections are counted: open ones, including this one, and waiting ones", async (t) => {
	const { port } = await startWithPlugins(t, ["--max-connections=6"]);
	assert.deepEqual((await statusOf(port)).connections, { open: 1, waiting: 0 });
	const wires = Array.from({ length: 5 }, () => openWire(t, { port }));
	await Promise.all(wires.map(({ opened }) => opened));
	await eventually(
		"those of before are closed",
		async () => (await statusOf(port)).connections.open === 6,
	);
	const [wire = assert.fail()] = wires;
	openWire(t, { port, plain: true });
	for (let n = 0; n < 2; n++) openWire(t, { port, plain: true });
	// asked on an existing connection: a new one would have to wait
	let figures: unknown;
	await eventually("two wait", async () => {
		wire.socket.write(requestText("GET /status"));
		const from = wire.text().length;
		await eventually("an answer", () =>
			wire.text().slice(from).includes('"settings":'),
		);
		const [, open, waiting] =
			/"connections":\{"open":(\d+),"waiting":(\d+)\}/.exec(
				wire.text().slice(from),
			) ?? assert.fail();
		figures = { open, waiting };
		return open === "6" && waiting === "2";
	}).catch((error) => assert.fail(`${error}: ${JSON.stringify(figures)}`));
	for (const { socket } of wires.slice(1)) socket.destroy();
});

test("a stall of the event loop is reported", async (t) => {
	const code = `process.on("SIGUSR2", () => { const end = Date.now() + 1500; while (Date.now() < end); })`;
	const daemon = await startWithPlugins(t, [], {
		nodeFlags: ["--import", `data:text/javascript,${encodeURIComponent(code)}`],
	});
	const before = (await statusOf(daemon.port)).event_loop;
	assert.ok(before.max_delay_ms < 1_000, JSON.stringify(before));
	daemon.process.kill("SIGUSR2");
	const begun = performance.now();
	let now = before;
	await eventually("the stop is over", async () => {
		now = (await statusOf(daemon.port)).event_loop;
		return now.max_delay_ms > 500;
	});
	// a busy machine adds to it, but no stall is longer than the time that has passed
	const passed = Math.max(3_000, performance.now() - begun);
	assert.ok(now.max_delay_ms < passed, JSON.stringify(now));
	assert.ok(now.mean_delay_ms > 0 && now.mean_delay_ms < now.max_delay_ms);
});

test("the last collection pass is reported with the result of each plugin", async (t) => {
	const directory = await temporaryDirectory(t);
	const config = join(directory, "metrics.yaml");
	const plugins = {
		// it prints two timestamps
		metrics_ok: { result: "ok", samples: 2, bad_lines: 0 },
		metrics_fail: { result: "failed", samples: 0, bad_lines: 0 },
		// output from before the time limit is used
		metrics_sleep: { result: "timeout", samples: 1, bad_lines: 0 },
		metrics_none: { result: "missing", samples: 0, bad_lines: 0 },
		metrics_empty: { result: "empty", samples: 0, bad_lines: 0 },
		metrics_bad: { result: "empty", samples: 0, bad_lines: 1 },
	};
	await writeFile(
		config,
		`metrics:\n- hostname: web01\n  plugins:\n${Object.keys(plugins)
			.map((name) => `  - { plugin_name: ${name}, plugin_option: "" }\n`)
			.join("")}`,
	);
	const { port } = await startWithPlugins(
		t,
		[
			...["--collection-interval-seconds=1", "--command-timeout=1"],
			...["--metric-config", config],
			...["--sensu-plugin-paths", join(fixtures, "sensu")],
		],
		{ directory },
	);
	const began = seconds();
	const { collection } = await statusOf(port);
	assert.equal(collection.enabled, true);
	await eventually(
		"a pass",
		async () => (await statusOf(port)).collection.last_pass !== null,
	);
	const pass = (await statusOf(port)).collection.last_pass ?? assert.fail();
	assert.ok(pass.started_at >= began && pass.started_at <= seconds());
	// as long as the one that was stopped
	assert.ok(pass.duration_seconds >= 1 && pass.duration_seconds < 6);
	assert.equal(pass.stored, true);
	assert.equal("error" in pass, false);
	assert.deepEqual(
		pass.plugins.map(({ first_bad_line: _, ...what }) => what),
		Object.entries(plugins).map(([plugin_name, what]) => ({
			hostname: "web01",
			plugin_name,
			...what,
		})),
	);
	const firstOf = (name: string) =>
		pass.plugins.find(({ plugin_name }) => plugin_name === name)
			?.first_bad_line;
	assert.equal(firstOf("metrics_ok"), undefined);
	assert.match(
		firstOf("metrics_bad") ?? "",
		/^line 1: the value is not a number: bad\.x/,
	);
	assert.ok(pass.age_seconds !== undefined && pass.age_seconds >= 1);
	assert.ok((await statusOf(port)).commands.timeouts >= 1);
});

test("a disabled collection has no pass", async (t) => {
	const { port } = await startWithPlugins(t, ["--disable-collect-metrics"]);
	const { collection } = await statusOf(port);
	assert.deepEqual(collection, {
		...{ enabled: false, interval_seconds: 60, last_pass: null },
		...{ config_error: null, config_warnings: [] },
	});
});

/** Bytes of the files in a directory; a file deleted meanwhile counts as 0. */
async function bytesIn(directory: string) {
	const sizes = (await readdir(directory)).map((name) =>
		stat(join(directory, name)).then(
			({ size }) => size,
			() => 0,
		),
	);
	return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

test("buffer and store report times of arrival, size and LevelDB's properties", async (t) => {
	const directory = await temporaryDirectory(t);
	const dbfile = join(directory, "db");
	const { port } = await startWithPlugins(
		t,
		["--dbfile", dbfile, "--disable-collect-metrics"],
		{ directory },
	);
	const empty = await statusOf(port);
	assert.deepEqual(empty.metric_buffer_status, {
		newest_timestamp: 0,
		oldest_timestamp: 0,
	});
	const append = async (metrics: Record<string, number>) => {
		const from = seconds();
		// the time of arrival counts, not the sample's timestamp
		const metric_data = [{ hostname: "web01", timestamp: 7, metrics }];
		const { status } = await post(port, "/metric/append", { metric_data });
		assert.equal(status, 200);
		return { from, to: seconds() };
	};
	const isIn = (value: number, { from, to }: { from: number; to: number }) =>
		assert.ok(value >= from && value <= to, `${value}: ${from} to ${to}`);
	const oldest = await append({ a: 1 });
	await eventually("another second", () => seconds() > oldest.to);
	const many = Object.fromEntries(
		Array.from({ length: 20_000 }, (_, n) => [`metric.${n}`, Math.random()]),
	);
	const newest = await append(many);
	const { metric_buffer_status, store, leveldb_properties } =
		await statusOf(port);
	isIn(metric_buffer_status.oldest_timestamp, oldest);
	isIn(metric_buffer_status.newest_timestamp, newest);
	assert.equal(store.available, true);
	assert.equal(store.reason, null);
	assert.equal(store.directory, dbfile);
	assert.ok(store.disk_bytes > empty.store.disk_bytes + 100_000);
	// LevelDB is still writing a table of it
	await eventually(
		"the size of the files",
		async () =>
			(await statusOf(port)).store.disk_bytes === (await bytesIn(dbfile)),
	);
	assert.match(leveldb_properties["leveldb.stats"] ?? "", /Compactions/);
	assert.match(leveldb_properties["leveldb.sstables"] ?? "", /level 0/);
	assert.match(
		leveldb_properties["leveldb.num-files-at-level0"] ?? "",
		/^\d+$/,
	);
	// drained: zeros again
	for (let n = 0; n < 3; n++) await post(port, "/metric", {});
	await eventually(
		"nothing is stored",
		async () =>
			(await statusOf(port)).metric_buffer_status.newest_timestamp === 0,
	);
});

test("an unavailable store gives 200, with the reason and zeros", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "file");
	await writeFile(file, "no directory\n");
	const dbfile = join(file, "db");
	const { port } = await startWithPlugins(t, ["--dbfile", dbfile], {
		directory,
	});
	const { store, metric_buffer_status, pid } = await statusOf(port);
	assert.equal(store.available, false);
	assert.match(String(store.reason), /not a directory/i);
	assert.equal(store.disk_bytes, 0);
	assert.deepEqual(metric_buffer_status, {
		newest_timestamp: 0,
		oldest_timestamp: 0,
	});
	assert.ok(pid > 0);
	const { text } = await send({ port, path: "/metrics" });
	assert.match(text, /^happo_agent_store_available 0$/m);
	// and back
	await rm(file);
	const sample = { hostname: "web01", timestamp: 1, metrics: { a: 1 } };
	await post(port, "/metric/append", { metric_data: [sample] });
	const mended = (await statusOf(port)).store;
	assert.equal(mended.available, true);
	assert.equal(mended.reason, null);
	assert.ok(mended.disk_bytes > 0);
});

test("the settings in force are shown, with the passphrase hidden", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(join(directory, "keys"));
	const passphrase = "Xpassphrase8812";
	const key = createPrivateKey(await readFile(pair["private-key"]));
	const encrypted = join(directory, "encrypted.key");
	await writeFile(
		encrypted,
		key.export({
			...{ type: "pkcs8", format: "pem" },
			...{ cipher: "aes-256-cbc", passphrase },
		}),
		{ mode: 0o600 },
	);
	const daemon = await startWithPlugins(
		t,
		[
			...["-B", pair["public-key"], "-R", encrypted],
			...["--log-level=debug", "--max-commands=7", "--no-shell"],
		],
		{
			directory,
			environment: {
				HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE: passphrase,
				HAPPO_AGENT_COMMAND_TIMEOUT: "17",
			},
		},
	);
	const { settings, certificate } = await statusOf(daemon.port);
	for (const [name, value] of Object.entries({
		"max-commands": "7",
		"command-timeout": "17",
		shell: "no",
		inventory: "yes",
		port: "0",
		"private-key": encrypted,
		"log-level": "debug",
		"private-key-passphrase": "(hidden)",
	}))
		assert.equal(settings[name], value, name);
	assert.equal(
		certificate.fingerprint_sha256,
		(await shownCertificate(daemon.port)).fingerprint256,
	);
	for (const path of [
		"/status",
		"/status/memory",
		"/metrics",
		"/metric/config",
	])
		assert.ok(
			!(await send({ port: daemon.port, path })).text.includes(passphrase),
		);
	const { stdout, stderr } = await daemon.stop();
	assert.ok(!(stdout + stderr).includes(passphrase));
});

/** Names of Go's runtime.MemStats, as in its JSON. */
const goNames = [
	...["Alloc", "TotalAlloc", "Sys", "Lookups", "Mallocs", "Frees"],
	...["HeapAlloc", "HeapSys", "HeapIdle", "HeapInuse", "HeapReleased"],
	...["HeapObjects", "StackInuse", "StackSys", "MSpanInuse", "MSpanSys"],
	...["MCacheInuse", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys"],
	...["NextGC", "LastGC", "PauseTotalNs", "NumGC", "NumForcedGC"],
];

test("memory has Go's names, integers, and the system's values for the process", async (t) => {
	const { port, process: child } = await startWithPlugins(t);
	const memory = await memoryOf(port);
	for (const name of goNames) {
		const value = memory[name];
		assert.ok(Number.isSafeInteger(value) || name === "LastGC", name);
		assert.ok(Number.isInteger(value) && Number(value) >= 0, name);
	}
	assert.equal(memory.EnableGC, true);
	assert.equal(typeof memory.GCCPUFraction, "number");
	for (const name of ["PauseNs", "PauseEnd"]) {
		const list = memory[name] as number[];
		assert.equal(list.length, 256, name);
		assert.ok(list.every(Number.isInteger), name);
	}
	assert.ok(Array.isArray(memory.BySize));
	assert.equal(memory.Alloc, memory.HeapAlloc);
	assert.equal(memory.HeapSys, memory.HeapIdle + memory.HeapInuse);
	assert.ok(memory.HeapAlloc <= memory.HeapSys);
	assert.ok(memory.TotalAlloc >= memory.Alloc);
	const { node = assert.fail() } = memory;
	for (const value of Object.values(node))
		assert.ok(Number.isInteger(value) && value >= 0);
	const text = await readFile(`/proc/${child.pid}/status`, "utf8");
	const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
	for (const value of [memory.Sys, node.rss ?? 0])
		assert.ok(
			Math.abs(value - resident) < 32 * 2 ** 20,
			`${value} of ${resident}`,
		);
});

test("garbage collections are counted, and grow under load", async (t) => {
	const { port } = await startWithPlugins(t, ["--disable-collect-metrics"]);
	const before = await memoryOf(port);
	const began = Date.now();
	const metrics = Object.fromEntries(
		Array.from({ length: 5_000 }, (_, n) => [`metric.${n}`, n / 7]),
	);
	for (let n = 0; n < 20; n++)
		await post(port, "/metric/append", {
			metric_data: [{ hostname: "web01", timestamp: n, metrics }],
		});
	const after = await memoryOf(port);
	assert.ok(after.NumGC > before.NumGC, `${before.NumGC}, ${after.NumGC}`);
	assert.ok(after.PauseTotalNs > before.PauseTotalNs);
	assert.ok(after.TotalAlloc > before.TotalAlloc);
	// nanoseconds since 1970: the last collection was during the load
	const last = after.LastGC / 1e6;
	assert.ok(last >= began - 100 && last <= Date.now() + 100, `${last}`);
});

test("request counts are off by default, and the 404 names the setting", async (t) => {
	const { port } = await startWithPlugins(t);
	const path = "/status/request";
	const { status, headers, json } = await send({ port, path });
	assert.equal(status, 404);
	assert.match(String(headers["content-type"]), /^application\/problem\+json/);
	const { detail } = json as { detail: string };
	assert.match(detail, /enable-requeststatus-middleware/);
});

test("requests are counted by path and status, including refused ones, without this one", async (t) => {
	const { port } = await startWithPlugins(t, [
		...["--enable-requeststatus-middleware", "-A", "127.0.0.1"],
	]);
	assert.deepEqual(await requestsOf(port), { last1: null, last5: null });
	const own = "/status/request";
	// that request has completed by now
	await eventually("it is counted", async () => {
		const { last1 } = await requestsOf(port);
		return last1?.some(({ url }) => url === own) ?? false;
	});
	const raw = (bytes: string) => sendBytes(t, { port }, bytes);
	for (const path of [
		"/",
		"/?x=1",
		"/none",
		"/none/other",
		"/machine-state/s-1",
	])
		await send({ port, path });
	for (const path of ["/machine-state/s-2", "/machine-state/s-3/", "/%zz"])
		await send({ port, path });
	await post(port, "/monitor", check("0", "check_exit"));
	await post(port, "/monitor", {});
	await send({ port, method: "PUT", path: "/monitor" });
	await send({ port, headers: { origin: "null" } });
	for (const path of ["/", "/monitor", "/none"])
		await send({ port, path, localAddress: "127.0.0.2" });
	await raw("rubbish\r\n\r\n");
	await raw(requestText("CONNECT agent:443"));
	const expected = {
		"/": { 200: 2, 403: 2 },
		"/machine-state/{key}": { 404: 3 },
		"/monitor": { 200: 1, 400: 1, 403: 1, 405: 1 },
		other: { 400: 2, 403: 1, 404: 3 },
	};
	let seen: unknown;
	await eventually("all of them are counted", async () => {
		const { last1, last5 } = await requestsOf(port);
		const urls = last1?.map(({ url }) => url) ?? [];
		assert.equal(new Set(urls).size, urls.length);
		const shown = (counts: typeof last1) =>
			Object.fromEntries(
				(counts ?? [])
					.filter(({ url }) => url !== own)
					.map(({ url, counts }) => [url, counts])
					.sort(),
			);
		seen = shown(last1);
		assert.deepEqual(shown(last5), seen);
		return JSON.stringify(seen) === JSON.stringify(expected);
	}).catch(() => assert.deepEqual(seen, expected));
});

test("a status can be relayed", async (t) => {
	const behind = await startWithPlugins(t);
	const { port } = await startWithPlugins(t);
	const { status, json } = await relay(
		port,
		[local(behind.port)],
		"get/status",
	);
	assert.equal(status, 200);
	assert.equal((json as Status).pid, behind.process.pid);
});
