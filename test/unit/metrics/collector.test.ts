import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCommands } from "../../../src/commands/command.ts";
import { createPlugins } from "../../../src/commands/plugin.ts";
import { createRunner } from "../../../src/commands/runner.ts";
import { createFairLimit } from "../../../src/fair-limit.ts";
import { createCollector } from "../../../src/metrics/collector.ts";
import type { Sample } from "../../../src/metrics/metric-plugin.ts";
import type { MetricConfig } from "../../../src/protocol/metric-config.ts";
import { testEngine } from "../../support/engine.ts";
import { eventually } from "../../support/eventually.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const fixtures = join(process.cwd(), "test/fixtures/conformance/sensu");

type Plan = Record<string, readonly (string | readonly [string, string])[]>;

function configOf(plan: Plan): MetricConfig {
	return {
		metrics: Object.entries(plan).map(([hostname, plugins]) => ({
			hostname,
			plugins: plugins.map((plugin) => {
				const [plugin_name, plugin_option] =
					typeof plugin === "string" ? [plugin, ""] : plugin;
				return { plugin_name, plugin_option };
			}),
		})),
	};
}

/** A collector that runs real commands; records what it stores and logs. */
function collect(
	t: TestContext,
	plan: Plan,
	{
		directory = fixtures,
		limit = 8,
		timeoutSeconds = 30,
		outputLimitBytes = 1 << 20,
		...parts
	}: {
		directory?: string;
		limit?: number;
		timeoutSeconds?: number;
		outputLimitBytes?: number;
		allowShell?: boolean;
	} & Partial<Parameters<typeof createCollector>[0]> = {},
) {
	const logged: string[] = [];
	const stored: Sample[][] = [];
	const push = (message: string) => void logged.push(message);
	const log = { info: push, warning: push, error: push };
	const commands = createCommands({
		engine: testEngine(),
		outputLimitBytes,
		environment: { PATH: process.env.PATH ?? "/usr/bin:/bin" },
		log,
	});
	const collector = createCollector({
		config: { current: () => configOf(plan), refresh: async () => {} },
		plugins: createPlugins({
			directories: ["/nonexistent", directory],
			allowShell: parts.allowShell ?? true,
		}),
		runCommand: createRunner({
			commands,
			places: createFairLimit({ limit }),
			maxCommands: limit,
			timeoutSeconds,
		}),
		store: async (samples) => void stored.push(samples),
		log,
		now: () => 1_700_000_000_999,
		...parts,
	});
	t.after(async () => {
		await collector.stop();
		await commands.close();
	});
	return { collector, commands, logged, stored };
}

/** Writes a plugin for this test. */
async function plugin(directory: string, name: string, script: string) {
	const file = join(directory, name);
	await writeFile(file, `#!/bin/sh\n${script}\n`);
	await chmod(file, 0o755);
}

/** A stopped clock, and timers that fire when the test moves it. */
function fakeTimers() {
	const set = new Map<object, { at: number; callback: () => void }>();
	let time = 5_000_000;
	const timers = {
		elapsed: () => time,
		set(callback: () => void, milliseconds: number) {
			assert.ok(milliseconds >= 0);
			const handle = {};
			set.set(handle, { at: time + milliseconds, callback });
			return handle;
		},
		clear: (handle: unknown) => void set.delete(handle as object),
	};
	return {
		timers,
		/** When timers are due, in milliseconds from the beginning. */
		due: () => [...set.values()].map(({ at }) => at - 5_000_000),
		/** Moves the clock and fires the timers due by then. */
		advanceTo(milliseconds: number) {
			time = 5_000_000 + milliseconds;
			for (const [handle, { at, callback }] of [...set])
				if (at <= time && set.delete(handle)) callback();
		},
		/** Fires all timers, due or not. */
		fire() {
			for (const [handle, { callback }] of [...set])
				if (set.delete(handle)) callback();
		},
	};
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("$HOSTNAME is the name of this machine", async (t) => {
	const { collector, stored } = collect(t, { $HOSTNAME: ["metrics_ok"] });
	const { plugins } = await collector.pass();
	assert.deepEqual(
		[plugins[0]?.hostname, stored[0]?.[0]?.hostname],
		[hostname(), hostname()],
	);
});

test("plugins of all kinds run side by side without affecting each other", async (t) => {
	const { collector, stored, logged } = collect(t, {
		h1: [
			"metrics_ok",
			"metrics_bad",
			"metrics_badts",
			"metrics_big",
			"metrics_crlf",
			"metrics_empty",
			"metrics_fail",
			"metrics_inf",
			"metrics_junk",
			"metrics_nan",
			"metrics_stderr",
			["metrics_args", "a 'b c'"],
		],
		"": [
			"no_such_plugin",
			"../metrics_ok",
			"a b",
			["metrics_args", "x | sed s/args/piped/"],
		],
	});
	const before = Math.floor(Date.now() / 1000);
	const pass = await collector.pass();
	assert.deepEqual(
		pass.plugins.map(({ hostname, plugin_name, ...rest }) => [
			hostname,
			plugin_name,
			rest.result,
			rest.samples,
			rest.badLines,
		]),
		[
			["h1", "metrics_ok", "ok", 2, 0],
			["h1", "metrics_bad", "empty", 0, 1],
			["h1", "metrics_badts", "empty", 0, 1],
			["h1", "metrics_big", "empty", 0, 1],
			["h1", "metrics_crlf", "ok", 1, 0],
			["h1", "metrics_empty", "empty", 0, 0],
			["h1", "metrics_fail", "failed", 0, 0],
			["h1", "metrics_inf", "ok", 1, 1],
			["h1", "metrics_junk", "empty", 0, 3],
			["h1", "metrics_nan", "empty", 0, 1],
			["h1", "metrics_stderr", "ok", 1, 0],
			["h1", "metrics_args", "ok", 1, 0],
			["", "no_such_plugin", "missing", 0, 0],
			["", "../metrics_ok", "failed", 0, 0],
			["", "a b", "missing", 0, 0],
			["", "metrics_args", "ok", 1, 0],
		],
	);
	assert.equal(pass.startedAt, 1_700_000_000);
	assert.ok(pass.stored && pass.durationMilliseconds > 0);
	assert.equal(collector.last(), pass);
	assert.equal(stored.length, 1);
	assert.deepEqual(
		stored[0]?.map(({ hostname, metrics }) => [hostname, metrics]),
		[
			// five seconds older than the others
			["h1", { "ok.exp": 1e21 }],
			["h1", { "ok.int": 42, "ok.float": 1.5, "ok.neg": -0.25 }],
			["h1", { "crlf.x": 1 }],
			["h1", { "inf.y": 1 }],
			["h1", { "se.x": 7 }],
			["h1", { "args.2-a": 1 }],
			["", { "piped.1-x": 1 }],
		],
	);
	for (const { timestamp } of stored[0] ?? [])
		assert.ok(timestamp >= before - 5 && timestamp <= before + 60);
	const lines = logged.map((line) => line.replace(/\t1\d{9}$/, "\tNOW"));
	assert.deepEqual(
		lines.sort(),
		[
			"metric plugin ../metrics_ok: plugin_name has the path segment ..",
			`metric plugin a b: not found: ${join(fixtures, "a")}`,
			"metric plugin metrics_bad line 1: the value is not a number: bad.x\tnotanumber\tNOW",
			"metric plugin metrics_badts line 1: the timestamp is not a whole number of seconds: bad.ts\t1\t12.5",
			"metric plugin metrics_big line 1: the value is out of range: big.x\t1e400\tNOW",
			"metric plugin metrics_fail: exit status 1: fail.x\t1\tNOW",
			"metric plugin metrics_inf line 1: the value is infinite: inf.x\t+Inf\tNOW",
			"metric plugin metrics_junk line 1: the value is not a number: just a sentence",
			"metric plugin metrics_junk: 2 lines are not three fields, the first is line 2: two\tcols",
			"metric plugin metrics_nan line 1: the value is NaN: nan.x\tNaN\tNOW",
			`metric plugin no_such_plugin: not found: ${fixtures}/no_such_plugin`,
			"metrics stored: 7 samples of 16 plugins",
		].map((line) => line.replace(/fail\.x\t1\t1\d{9}/, "fail.x\t1\tNOW")),
	);
});

test("the output of a plugin that hangs is used, with a line in the log", async (t) => {
	const { collector, stored, logged } = collect(
		t,
		{ h: [["metrics_sleep", "60"], "metrics_stderr"] },
		{ timeoutSeconds: 1 },
	);
	const { plugins } = await collector.pass();
	assert.deepEqual(
		plugins.map(({ result, samples }) => [result, samples]),
		[
			["timeout", 1],
			["ok", 1],
		],
	);
	assert.deepEqual(
		stored[0]?.map(({ metrics }) => metrics),
		[{ "sleep.before": 1 }, { "se.x": 7 }],
	);
	assert.deepEqual(logged, [
		"metric plugin metrics_sleep: stopped at the time limit (command-timeout)",
		"metrics stored: 2 samples of 2 plugins",
	]);
});

test("shell syntax without a shell, a non-executable plugin and a death by signal are failures", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "plain"), "");
	await plugin(
		directory,
		"killed",
		"echo 'first line' >&2; echo more >&2; kill -KILL $$",
	);
	const { collector, logged, stored } = collect(
		t,
		{ h: [["plain", "a | b"], "plain", "killed"] },
		{ directory, allowShell: false },
	);
	const pass = await collector.pass();
	assert.deepEqual(
		pass.plugins.map(({ result }) => result),
		["failed", "missing", "failed"],
	);
	assert.equal(pass.stored, false);
	assert.equal(pass.error, undefined);
	assert.deepEqual(stored, []);
	assert.deepEqual(logged.sort(), [
		"metric plugin killed: ended by SIGKILL: first line",
		`metric plugin plain: not executable: ${directory}/plain`,
		"metric plugin plain: plugin_option needs a shell, and the setting shell is off",
	]);
});

test("bad lines are logged shortened, at most twenty for each plugin", async (t) => {
	const directory = await temporaryDirectory(t);
	await plugin(
		directory,
		"many",
		"i=0; while [ $i -lt 23 ]; do i=$((i+1)); printf 'n%0300d x 5\\n' $i; done; echo 'good 1 5'",
	);
	const { collector, logged, stored } = collect(
		t,
		{ h: ["many"] },
		{ directory },
	);
	const { plugins } = await collector.pass();
	assert.deepEqual(plugins, [
		{
			hostname: "h",
			plugin_name: "many",
			result: "ok",
			samples: 1,
			badLines: 23,
			firstBadLine: `line 1: the value is not a number: n${"0".repeat(199)}...`,
		},
	]);
	assert.deepEqual(stored, [
		[{ hostname: "h", timestamp: 5, metrics: { good: 1 } }],
	]);
	assert.equal(logged.length, 22);
	assert.equal(
		logged[19],
		`metric plugin many line 20: the value is not a number: n${"0".repeat(199)}...`,
	);
	assert.equal(logged[20], "metric plugin many: and 3 more bad lines");
});

test("every distinct timestamp becomes a sample; lines without three fields are counted and the first is logged", async (t) => {
	const directory = await temporaryDirectory(t);
	await plugin(
		directory,
		"times",
		"printf 'q.v\\t2\\t1000\\nq.v\\t1\\t880\\nmissing.time 5\\n# note\\nname with blank 1 5\\nq.v\\t3\\t1000\\nlate 1 1700000000000\\n'",
	);
	const { collector, logged, stored } = collect(
		t,
		{ h: ["times"] },
		{ directory, now: () => 1_795_910_400_000 },
	);
	const { plugins } = await collector.pass();
	assert.deepEqual(stored, [
		[
			{ hostname: "h", timestamp: 880, metrics: { "q.v": 1 } },
			{ hostname: "h", timestamp: 1000, metrics: { "q.v": 3 } },
		],
	]);
	assert.deepEqual(plugins, [
		{
			hostname: "h",
			plugin_name: "times",
			result: "ok",
			samples: 2,
			badLines: 3,
			firstBadLine: "line 3: not three fields: missing.time 5",
		},
	]);
	assert.deepEqual(logged.slice(0, 2), [
		"metric plugin times line 7: the timestamp is in milliseconds, not in seconds: late 1 1700000000000",
		"metric plugin times: 2 lines are not three fields, the first is line 3: missing.time 5",
	]);
});

test("a failure every minute is logged once, then hourly with a count, and once on recovery", async (t) => {
	const directory = await temporaryDirectory(t);
	const { timers, advanceTo } = fakeTimers();
	let isFull = true;
	const { collector, logged } = collect(
		t,
		{ h: ["gone", "says"] },
		{
			directory,
			timers,
			store: async () => {
				if (isFull) throw new Error("no space left on device");
			},
		},
	);
	// its output varies
	await plugin(directory, "says", "echo good 1 5; echo a bad line $$");
	for (let minute = 0; minute < 5; minute++) {
		advanceTo(minute * 60_000);
		await collector.pass();
	}
	const full = "metrics of this pass are not stored: no space left on device";
	const gone = `metric plugin gone: not found: ${directory}/gone`;
	const lines = logged.splice(0).map((line) => line.replace(/\d+$/, "N"));
	assert.deepEqual(lines.sort(), [
		gone,
		"metric plugin says line 2: not three fields: a bad line N",
		full,
	]);
	advanceTo(3_600_000);
	await collector.pass();
	const later = logged
		.splice(0)
		.map((line) => line.replace(/line \d+ \(/, "line N ("));
	assert.deepEqual(later.sort(), [
		`${gone} (5 times in the last 60 minutes)`,
		"metric plugin says line 2: not three fields: a bad line N (5 times in the last 60 minutes)",
		`${full} (5 times in the last 60 minutes)`,
	]);
	isFull = false;
	await plugin(directory, "gone", "exit 3");
	await plugin(directory, "says", "echo good 1 5");
	await collector.pass();
	assert.deepEqual(logged.splice(0).sort(), [
		"metric plugin gone: exit status 3",
		"metric plugin says: works again after 6 failures",
		"metrics stored: 1 samples of 2 plugins",
		"metrics: works again after 6 failures",
	]);
});

test("a line cut by the output limit is not used", async (t) => {
	const directory = await temporaryDirectory(t);
	await plugin(
		directory,
		"long",
		"echo 'a 1 1700000000'; echo 'b 1 1700000001'",
	);
	const { collector, logged, stored } = collect(
		t,
		{ h: ["long"] },
		{ directory, outputLimitBytes: 25 },
	);
	await collector.pass();
	assert.deepEqual(stored[0]?.[0]?.metrics, { a: 1 });
	assert.match(
		logged[0] ?? "",
		/^metric plugin long: printed 30 bytes, only the first 25 are used/,
	);
});

test("more plugins than the runner has places wait for their turn, without a time limit", async (t) => {
	const directory = await temporaryDirectory(t);
	await plugin(directory, "slow", "sleep 0.4; echo 'a 1 5'");
	const { collector } = collect(
		t,
		{ h: Array.from({ length: 8 }, () => "slow") },
		{ directory, limit: 2, concurrency: 2, timeoutSeconds: 1 },
	);
	const { plugins } = await collector.pass();
	assert.deepEqual(
		plugins.map(({ result }) => result),
		Array(8).fill("ok"),
	);
});

test("an error of the store is logged, and the next pass runs", async (t) => {
	let full = true;
	const kept: Sample[][] = [];
	const { collector, logged } = collect(
		t,
		{ h: ["metrics_stderr"] },
		{
			store: async (samples) => {
				if (full) throw new Error("no space left on device");
				kept.push(samples);
			},
		},
	);
	const pass = await collector.pass();
	assert.deepEqual(
		[pass.stored, pass.error],
		[false, "no space left on device"],
	);
	assert.deepEqual(logged, [
		"metrics of this pass are not stored: no space left on device",
	]);
	full = false;
	const next = await collector.pass();
	assert.deepEqual(
		[next.stored, next.error, kept.length],
		[true, undefined, 1],
	);
});

test("an error of the configuration is logged; the last valid one is used if there is one", async (t) => {
	const refresh = () => {
		throw new Error("broken");
	};
	const usable = collect(
		t,
		{},
		{
			config: { current: () => configOf({ h: ["metrics_stderr"] }), refresh },
		},
	);
	assert.equal((await usable.collector.pass()).stored, true);
	assert.equal(usable.logged[0], "metric-config: Error: broken");
	const useless = collect(
		t,
		{},
		{
			config: { current: refresh, refresh: async () => {} },
		},
	);
	assert.equal((await useless.collector.pass()).error, "broken");
});

test("passes are due at whole intervals after the start, however long each takes", async (t) => {
	const { timers, due, advanceTo } = fakeTimers();
	let refreshed = 0;
	const { collector } = collect(
		t,
		{},
		{
			timers,
			config: {
				current: () => ({ metrics: [] }),
				refresh: async () => void refreshed++,
			},
		},
	);
	assert.deepEqual(due(), []);
	collector.start();
	collector.start();
	assert.deepEqual(due(), [60_000]);
	// slightly early, late, very late
	for (const [at, next] of [
		[59_999.5, 120_000],
		[120_300, 180_000],
		[180_001, 240_000],
		[400_000, 420_000],
		[420_000, 480_000],
	] as const) {
		const count = refreshed;
		advanceTo(at);
		if (at < 60_000) {
			assert.equal(refreshed, count);
			advanceTo(60_000);
		}
		assert.equal(refreshed, count + 1);
		await eventually("the next timer", () => due().length === 1);
		assert.deepEqual(due(), [next]);
	}
	await collector.stop();
	assert.deepEqual(due(), []);
});

test("the first pass comes soon, the others at whole intervals after it", async (t) => {
	const { timers, due, advanceTo } = fakeTimers();
	const { collector } = collect(
		t,
		{},
		{ timers, intervalMilliseconds: 600_000, firstPassMilliseconds: 4_000 },
	);
	assert.equal(collector.age(), undefined);
	collector.start();
	assert.deepEqual(due(), [4_000]);
	advanceTo(4_000);
	await eventually("the next timer", () => due().length === 1);
	assert.deepEqual(due(), [604_000]);
	advanceTo(64_000);
	// measured by the monotonic clock: now() does not move here
	assert.equal(collector.age(), 60_000);
	advanceTo(604_001);
	await eventually("the next timer", () => due().length === 1);
	assert.deepEqual(due(), [1_204_000]);
});

test("a timer that fires early does not repeat the same tick", async (t) => {
	const { timers, due, fire } = fakeTimers();
	const { collector } = collect(t, {}, { timers });
	collector.start();
	fire();
	await eventually("the next timer", () => due().length === 1);
	assert.deepEqual(due(), [120_000]);
});

test("during a pass longer than two intervals no other one starts, and missed ones are skipped", async (t) => {
	const { timers, due, advanceTo } = fakeTimers();
	const gates: (() => void)[] = [];
	const { collector, stored } = collect(
		t,
		{ h: ["metrics_stderr"] },
		{
			timers,
			config: {
				current: () => configOf({ h: ["metrics_stderr"] }),
				refresh: () => new Promise((resolve) => void gates.push(resolve)),
			},
		},
	);
	collector.start();
	advanceTo(60_000);
	for (const at of [120_000, 180_000, 200_000]) {
		advanceTo(at);
		await turn();
		assert.deepEqual([due(), gates.length], [[], 1]);
	}
	assert.equal(collector.pass(), collector.pass());
	gates[0]?.();
	await eventually("the next timer", () => due().length === 1);
	assert.deepEqual([due(), stored.length], [[240_000], 1]);
	assert.equal(collector.last()?.durationMilliseconds, 140_000);
	advanceTo(240_000);
	assert.equal(gates.length, 2);
	gates[1]?.();
	await eventually("the second pass", () => stored.length === 2);
});

test("a stop during a pass leaves no process, and results already complete are stored", async (t) => {
	const directory = await temporaryDirectory(t);
	const mark = `3${String(process.pid).padStart(8, "0")}`;
	await plugin(
		directory,
		"hangs",
		`echo 'a 1 5'; touch ${directory}/hanging.$$; sleep ${mark}`,
	);
	await plugin(directory, "quick", `echo 'b 1 5'`);
	const { timers, due, advanceTo } = fakeTimers();
	const { collector, commands, stored, logged } = collect(
		t,
		{ h: ["hangs", "quick", "hangs", "hangs"] },
		{ directory, timers, limit: 3, timeoutSeconds: 600 },
	);
	collector.start();
	advanceTo(60_000);
	const hanging = () =>
		readdirSync(directory).filter((name) => name.startsWith("hanging"));
	// the third plugin runs only once the quick one has ended
	await eventually("all that hang run", () => hanging().length === 3);
	await collector.stop();
	assert.deepEqual(due(), []);
	assert.equal(commands.running, 0);
	await eventually(
		"no sleep is left",
		() =>
			!execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(
				`sleep ${mark}`,
			),
	);
	assert.deepEqual(
		collector.last()?.plugins.map(({ result }) => result),
		["failed", "ok", "failed", "failed"],
	);
	assert.deepEqual(
		stored[0]?.map(({ metrics }) => metrics),
		[{ b: 1 }],
	);
	assert.deepEqual(logged, ["metrics stored: 1 samples of 4 plugins"]);
	await collector.pass();
	assert.equal(stored.length, 1);
});
