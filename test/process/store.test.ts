import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, readFile, rm, writeFile } from "node:fs/promises";
import { Agent } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { run, startWithPlugins } from "../support/command-line.ts";
import { program, startDaemon } from "../support/daemon.ts";
import { stateOf } from "../support/directory-state.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const sample = (timestamp: number, hostname = "web01") => ({
	hostname,
	timestamp,
	metrics: { "a.b": timestamp / 2 },
});

const append = (port: number, ...metric_data: unknown[]) =>
	post(port, "/metric/append", { metric_data });

/** All metrics, by plain drains. */
async function drainAll(port: number) {
	const all: unknown[] = [];
	for (;;) {
		const { status, json } = await post(port, "/metric", {});
		assert.equal(status, 200);
		const { metric_data } = json as { metric_data: unknown[] | null };
		if (!metric_data) return all;
		all.push(...metric_data);
	}
}

const stored = { status: "ok", message: "" };

/** Checks that requests for the store are refused with this reason, and that others work. */
async function assertNoStore(port: number, reason: RegExp) {
	const { status, headers, json } = await append(port, sample(1));
	assert.equal(status, 503);
	assert.match(String(headers["retry-after"]), /^[1-9]\d*$/);
	const { detail } = json as { detail: string };
	assert.match(detail, /^the store cannot be used: /);
	assert.match(detail, reason);
	const check = { plugin_name: "check_exit", plugin_option: "1" };
	const { status: checked } = await post(port, "/monitor", check);
	assert.equal(checked, 200);
}

/** A small file system; undefined, and the test is skipped, without root. */
async function smallDisk(t: TestContext, size: string) {
	const directory = await temporaryDirectory(t);
	try {
		execFileSync(
			"mount",
			["-t", "tmpfs", "-o", `size=${size}`, "none", directory],
			{ stdio: "ignore" },
		);
	} catch {
		t.skip("may not mount a small tmpfs (needs root)");
		return undefined;
	}
	return {
		directory,
		dbfile: join(directory, "db"),
		ballast: join(directory, "ballast"),
		remount: (how: "ro" | "rw") =>
			execFileSync("mount", ["-o", `remount,${how}`, directory]),
		unmount: () => execFileSync("umount", ["-l", directory]),
	};
}

/** Fills a disk except for `free` bytes. */
async function fill(file: string, left = 0) {
	await writeFile(file, Buffer.alloc(left));
	execFileSync("sh", ["-c", 'cat /dev/zero > "$0.more" 2>/dev/null; :', file]);
	await rm(file);
}

test("a second daemon on the same store exits with one line, and the first keeps running", async (t) => {
	const directory = await temporaryDirectory(t);
	const dbfile = join(directory, "db");
	const first = await startDaemon(t, ["--dbfile", dbfile], { directory });
	const { port } = first;
	const pair = await writeTestKeyPair(join(directory, "other"));
	const settings = {
		port: "0",
		"listen-address": "127.0.0.1",
		...pair,
		dbfile,
	};
	const flags = Object.entries({ ...settings, logfile: "other/log" });
	const second = await run(
		t,
		["daemon", ...flags.map(([name, value]) => `--${name}=${value}`)],
		{ directory },
	);
	assert.equal(second.code, 1);
	assert.equal(
		second.stderr,
		`happo-agent: the store is in use by process ${first.process.pid} (node happo-agent.js): ${dbfile}\n`,
	);
	assert.equal(second.stdout, "");
	assert.deepEqual((await append(port, sample(1))).json, stored);
	assert.deepEqual(await drainAll(port), [sample(1)]);
	// the refused start has not dropped the first one's lock
	assert.equal(
		(
			await run(
				t,
				["daemon", ...flags.map(([name, value]) => `--${name}=${value}`)],
				{ directory },
			)
		).code,
		1,
	);
});

test("a port in use, or a database locked by another program, stops the start with every file unchanged", async (t) => {
	const directory = await temporaryDirectory(t);
	const dbfile = join(directory, "db");
	const fixture = join(process.cwd(), "test/fixtures/original-db");
	await cp(fixture, dbfile, { recursive: true });
	await chmod(dbfile, 0o755);
	const lock = join(dbfile, "LOCK");
	const taken = createServer().listen(0, "127.0.0.1");
	await once(taken, "listening");
	t.after(() => taken.close());
	const { port } = taken.address() as AddressInfo;
	const pair = await writeTestKeyPair(join(directory, "pair"));
	const start = (on: number) => {
		const settings = { port: String(on), ...pair, dbfile };
		const flags = Object.entries({ ...settings, logfile: "log" });
		const given = flags.map(([name, value]) => `--${name}=${value}`);
		const where = ["--listen-address", "127.0.0.1"];
		return run(t, ["daemon", ...where, ...given], { directory });
	};
	const before = await stateOf(dbfile);
	const refused = await start(port);
	assert.equal(refused.code, 1);
	assert.match(refused.stderr, new RegExp(`port ${port} .*in use`));
	assert.deepEqual(await stateOf(dbfile), before);
	// as LevelDB in Go locks it
	await writeFile(lock, "");
	const args = ["-n", lock, "sh", "-c", "echo held; cat"];
	const holder = spawn("flock", args, { stdio: ["pipe", "pipe", "inherit"] });
	t.after(() => holder.stdin.end());
	await once(holder.stdout, "data");
	const held = await stateOf(dbfile);
	const locked = await start(0);
	assert.equal(locked.code, 1);
	assert.equal(
		locked.stderr,
		`happo-agent: the store is in use by process ${holder.pid} (flock): ${dbfile}\n`,
	);
	assert.deepEqual(await stateOf(dbfile), held);
});

test("a daemon whose store is below a regular file runs, and uses the store once possible", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "file");
	await writeFile(file, "no directory\n");
	const daemon = await startWithPlugins(t, ["--dbfile", join(file, "db")]);
	const { port } = daemon;
	await assertNoStore(port, /not a directory/i);
	for (const path of ["/metric", "/metric/peek"])
		assert.equal((await post(port, path, {})).status, 503, path);
	assert.equal((await send({ port, path: "/machine-state" })).status, 503);
	assert.equal(await readFile(file, "utf8"), "no directory\n");
	await rm(file);
	assert.deepEqual((await append(port, sample(2))).json, stored);
	assert.deepEqual(await drainAll(port), [sample(2)]);
	assert.equal((await daemon.stop()).code, 0);
});

test("a daemon started on a full disk runs, and stores once there is room", async (t) => {
	const disk = await smallDisk(t, "2m");
	if (!disk) return;
	const { dbfile, ballast } = disk;
	try {
		await fill(ballast);
		const daemon = await startWithPlugins(t, [
			"--dbfile",
			dbfile,
			"--min-free-bytes",
			"0",
		]);
		const { port } = daemon;
		await assertNoStore(port, /no space left/i);
		await rm(`${ballast}.more`);
		assert.deepEqual((await append(port, sample(3))).json, stored);
		assert.deepEqual(await drainAll(port), [sample(3)]);
		assert.equal((await daemon.stop()).code, 0);
	} finally {
		disk.unmount();
	}
});

test("when a disk fills up, data accepted before and after survives kill -9", async (t) => {
	const disk = await smallDisk(t, "4m");
	if (!disk) return;
	const { dbfile, ballast } = disk;
	try {
		const daemon = await startWithPlugins(t, [
			"--dbfile",
			dbfile,
			"--min-free-bytes",
			"0",
		]);
		const { port } = daemon;
		const accepted: unknown[] = [];
		const next = async (timestamp: number) => {
			const metrics = Object.fromEntries(
				Array.from({ length: 500 }, (_, n) => [`m.${n}`, Math.random()]),
			);
			const one = { hostname: "web01", timestamp, metrics };
			const answer = await append(port, one);
			if (answer.status === 200) accepted.push(one);
			else assert.equal(answer.status, 503, answer.text);
			return answer.status === 200;
		};
		for (let n = 0; n < 20; n++) assert.ok(await next(n));
		await fill(ballast, 200_000);
		for (let n = 100; await next(n); n++) assert.ok(n < 400);
		await assertNoStore(port, /no space left/i);
		const { status } = await post(port, "/metric/lease", { seconds: 60 });
		assert.equal(status, 503);
		const before = accepted.length;
		await rm(`${ballast}.more`);
		for (let n = 500; n < 520; n++) assert.ok(await next(n), "recovered");
		assert.equal(accepted.length, before + 20);
		assert.match(daemon.stdout(), /the store works again/);
		daemon.process.kill("SIGKILL");
		await daemon.exited;
		const again = await startWithPlugins(t, [
			"--dbfile",
			dbfile,
			"--min-free-bytes",
			"0",
		]);
		const there = new Set(
			(await drainAll(again.port)).map((s) => JSON.stringify(s)),
		);
		for (const one of accepted) assert.ok(there.has(JSON.stringify(one)));
		assert.equal((await again.stop()).code, 0);
	} finally {
		disk.unmount();
	}
});

test("a metrics configuration that cannot be written gives NG with the reason", async (t) => {
	const disk = await smallDisk(t, "1m");
	if (!disk) return;
	const file = join(disk.directory, "metrics.yaml");
	try {
		await writeFile(file, "metrics: []\n");
		const { port } = await startWithPlugins(t, ["--metric-config", file]);
		disk.remount("ro");
		const update = () => post(port, "/metric/config/update", { config: {} });
		const refused = await update();
		assert.equal(refused.status, 200);
		assert.deepEqual(refused.json, {
			status: "NG",
			message: `${file}: the file system is read-only`,
		});
		disk.remount("rw");
		assert.deepEqual((await update()).json, { status: "OK", message: "" });
	} finally {
		disk.unmount();
	}
});

test("a database of v1 is peeked, drained and listed as v1 served it", async (t) => {
	const fixtures = join(process.cwd(), "test/fixtures");
	const directory = await temporaryDirectory(t);
	const dbfile = join(directory, "db");
	await cp(join(fixtures, "original-db"), dbfile, { recursive: true });
	const { metric, machine_states } = JSON.parse(
		await readFile(join(fixtures, "original-db.expected.json"), "utf8"),
	) as {
		metric: { metric_data: unknown[] };
		machine_states: Record<string, string>;
	};
	const { port } = await startDaemon(t, ["--dbfile", dbfile]);
	assert.deepEqual((await post(port, "/metric/peek", {})).json, metric);
	assert.deepEqual(await drainAll(port), metric.metric_data);
	const path = "/machine-state";
	const listed = await send({ port, path });
	assert.equal(listed.status, 200);
	const keys = Object.keys(machine_states);
	assert.equal(keys.length, 2);
	assert.deepEqual(listed.json, { keys });
	for (const [key, machineState] of Object.entries(machine_states)) {
		const one = await send({ port, path: `${path}/${key}` });
		assert.deepEqual(one.json, { machineState });
		const head = await send({ port, method: "HEAD", path: `${path}/${key}` });
		assert.equal(head.status, 200);
		assert.equal(head.text, "");
		assert.equal(head.headers["content-length"], String(one.body.length));
	}
	const head = await send({ port, method: "HEAD", path });
	assert.equal(head.status, 200);
	assert.equal(head.text, "");
});

test("an append is on disk before the first byte of its answer is written", async (t) => {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	const trace = join(directory, "trace");
	const calls = "trace=fdatasync,fsync,write,writev,sendto,sendmsg";
	const strace = spawn(
		"strace",
		[
			...["-f", "-ttt", "-s", "0", "-yy", "-o", trace, "-e", calls],
			...[process.execPath, program, "daemon", "-P", "0", "-l", "-"],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
			...["--listen-address", "127.0.0.1", "--log-level", "info"],
		],
		{ stdio: ["ignore", "pipe", "ignore"], cwd: directory },
	);
	const ended = once(strace, "close").catch(() => undefined);
	if (!(await once(strace, "spawn").catch(() => undefined)))
		return t.skip("needs strace");
	let output = "";
	strace.stdout.on("data", (text: Buffer) => {
		output += text;
	});
	let pid: number | undefined;
	t.after(async () => {
		if (pid !== undefined && strace.exitCode === null)
			process.kill(pid, "SIGKILL");
		if (strace.exitCode === null) strace.kill("SIGKILL");
		await ended;
	});
	await eventually(
		"it listens, or may not be traced",
		() => strace.exitCode !== null || /listening/.test(output),
		60_000,
	);
	const port = Number(/listening on \S+ port (\d+)/.exec(output)?.[1]);
	if (strace.exitCode !== null) return t.skip("may not trace processes");
	pid = Number(/^\d+/.exec(await readFile(trace, "utf8"))?.[0]);
	const agent = new Agent({ keepAlive: true, maxSockets: 1 });
	// the bytes of the handshake are written earlier
	assert.equal((await send({ port, agent })).text, "OK");
	const appends = 10;
	for (let row = 0; row < appends; row++) {
		const body = JSON.stringify({ metric_data: [sample(row)] });
		const path = "/metric/append";
		const answer = await send({ port, method: "POST", path, body, agent });
		assert.deepEqual(answer.json, stored);
	}
	agent.destroy();
	process.kill(pid, "SIGTERM");
	await ended;
	let written = false;
	let synced = false;
	let answered = 0;
	for (const line of (await readFile(trace, "utf8")).split("\n"))
		if (/ write\(\d+<[^>]*\/\d+\.log>/.test(line)) {
			written = true;
			synced = false;
		} else if (/ f(data)?sync\(\d+<[^>]*\/\d+\.log>\) += 0$/.test(line))
			synced = written;
		else if (/ f(data)?sync resumed>.* = 0$/.test(line)) synced = written;
		else if (written && /^\d+ +[\d.]+ \w+\(\d+<TCP/.test(line)) {
			assert.ok(synced, `answered before it was on disk: ${line}`);
			answered++;
			written = synced = false;
		}
	assert.equal(answered, appends);
});
