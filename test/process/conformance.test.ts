import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fixtures } from "../support/agent.ts";
import {
	assertUnderstood,
	type RecordedCase,
	type RecordedRequest,
	readRecorded,
	type Step,
} from "../support/conformance.ts";
import { type StartedDaemon, startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { assertExpected } from "../support/expectations.ts";
import { post, send } from "../support/https.ts";
import { sendRecorded } from "../support/recorded-request.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ownLoopback, startStub, unreachable } from "../support/upstream.ts";

const recorded = readRecorded<RecordedCase>("cases.json");
/** Waits for the first collection pass, a minute after the start of v1. */
const isTick = (step: Step) => (step.sleep ?? 0) > 60;
/** The outcome depends on the time between requests. */
const waits = ({ setup }: RecordedCase) =>
	setup?.some(({ sleep }) => sleep !== undefined) ?? false;
const waitsForTick = ({ setup }: RecordedCase) => setup?.some(isTick) ?? false;

// one case appends for over a minute; our agent need not wait that long for a pass
const slowToo = process.env.HAPPO_TEST_SLOW !== undefined;
const run = recorded.filter(
	(recording) => slowToo || !recording.slow || waitsForTick(recording),
);

const inFixtures = (text: string) => text.replaceAll("@FIXTURES@", fixtures);

/** Starts the built agent as the case was recorded. */
async function startFor(
	t: TestContext,
	recording: RecordedCase,
): Promise<StartedDaemon> {
	const { daemon_flags, daemon_env = {}, daemon_files, request } = recording;
	const directory = await temporaryDirectory(t);
	const files = { "metrics.yaml": "", ...daemon_files };
	for (const [name, content] of Object.entries(files))
		if (content !== null) await writeFile(join(directory, name), content);
	const plugins = ["plugins", "plugins2"].map((name) => join(fixtures, name));
	// a case that does not test slow hops must not fail on a slow machine
	const own = recording.peers
		? daemon_flags?.map((flag, index) =>
				daemon_flags[index - 1] === "--proxy-timeout-seconds" ? "20" : flag,
			)
		: daemon_flags;
	const flags = [
		...["-M", join(directory, "metrics.yaml"), "-d", join(directory, "db")],
		...["--nagios-plugin-paths", plugins.join(",")],
		...["--sensu-plugin-paths", join(fixtures, "sensu")],
		...(request.host === "::1" ? ["--listen-address", "::"] : []),
		...(waitsForTick(recording) ? ["--collection-interval-seconds", "1"] : []),
		...(own ?? []),
	];
	const environment = Object.fromEntries(
		Object.entries(daemon_env).map(([name, text]) => [name, inFixtures(text)]),
	);
	return startDaemon(t, flags, {
		directory,
		environment: { MARTINI_ENV: "production", ...environment },
	});
}

/** Runs the steps before a case's request; captured values go into `values`. */
async function prepare(
	steps: readonly Step[],
	daemon: StartedDaemon,
	values: Record<string, string>,
) {
	for (const step of steps) {
		assertUnderstood("step", step);
		if (isTick(step)) {
			// the first pass has stored something, or logged an error
			await daemon.printed(/metrics stored|metrics\.yaml/);
			continue;
		}
		if (step.sleep !== undefined) {
			await sleep(step.sleep * 1000);
			continue;
		}
		for (let i = 0; i < (step.repeat ?? 1); i++) {
			if (i > 0) await sleep((step.interval ?? 0) * 1000);
			const { text } = await sendRecorded(
				step as RecordedRequest,
				daemon.port,
				{
					...values,
					i: String(i),
				},
			);
			for (const [name, pattern] of Object.entries(step.capture ?? {}))
				values[name] =
					new RegExp(pattern).exec(text)?.[1] ??
					assert.fail(`${name}: ${pattern} is not in ${text}`);
		}
	}
}

/** Starts the other servers of a case; returns their addresses, and the requests to the canned one. */
async function startOthers(
	t: TestContext,
	{ peers = [], upstream_stub }: RecordedCase,
) {
	const places = new Map([await unreachable()]);
	for (const { port, flags } of peers) {
		// the default port, of hosts without a port
		const address = port === 6777 ? ownLoopback() : "127.0.0.1";
		const peer = await startDaemon(t, [
			...["--nagios-plugin-paths", join(fixtures, "plugins")],
			...["--listen-address", address, ...flags],
			...(port === 6777 ? ["-P", "6777"] : []),
		]);
		if (port === 6777) places.set("127.0.0.1", address);
		else places.set(`:${port}`, `:${peer.port}`);
	}
	if (!upstream_stub) return { places, arrived: [] };
	const stub = await startStub(t, upstream_stub);
	places.set(`:${upstream_stub.port}`, `:${stub.port}`);
	return { places, arrived: stub.arrived };
}

async function runCase(
	t: TestContext,
	recording: RecordedCase,
	daemon: StartedDaemon,
) {
	assertUnderstood("case", recording);
	assertUnderstood("request", recording.request);
	const values = {};
	const others = await startOthers(t, recording).catch((error: Error) => {
		// another program on this machine uses the default port on every address
		if (!/port 6777 of \S+: already in use/.test(error.message)) throw error;
		t.skip("port 6777 is in use");
	});
	if (!others) return;
	const { places, arrived } = others;
	await prepare(recording.setup ?? [], daemon, values);
	const began = performance.now();
	const received = await sendRecorded(
		recording.request,
		daemon.port,
		values,
		places,
	);
	const seconds = (performance.now() - began) / 1000;
	await assertExpected(recording, { received, seconds, daemon, arrived });
}

/** Extra time allowed for cases that wait. */
const slackSeconds = 0.5;

/**
 * Starts a new agent for each attempt. A timed case is only meaningful if the machine keeps its
 * times, so one that was delayed is repeated.
 */
async function runTimedCase(t: TestContext, recording: RecordedCase) {
	const planned = (recording.setup ?? []).reduce(
		(sum, { sleep = 0 }) => sum + sleep,
		0,
	);
	for (let tries = 1; ; tries++) {
		const daemon = await startFor(t, recording);
		const began = performance.now();
		try {
			await runCase(t, recording, daemon);
			return daemon;
		} catch (error) {
			const late = (performance.now() - began) / 1000 - planned;
			if (late < slackSeconds || tries === 5) throw error;
			t.diagnostic(`begun again: the machine was ${late.toFixed(1)} s late`);
			await daemon.stop();
		}
	}
}

/** Expects that the agent refuses to start, with an exit status and a reason. */
const refusesToStart = (t: TestContext, recording: RecordedCase) =>
	assert.rejects(
		startFor(t, recording),
		/the program ended \([1-9]\d*\) before .*happo-agent: \S/s,
	);

const assertStops = async (daemon: StartedDaemon) =>
	assert.equal((await daemon.stop()).code, 0, "exit status after SIGTERM");

/**
 * Whether the case needs a fresh agent. If only the store and metrics.yaml have to be fresh, an
 * agent that is emptied before each case will do.
 */
const wantsEmpty = (recording: RecordedCase) =>
	recording.fresh_daemon === true &&
	!recording.slow &&
	!waits(recording) &&
	recording.daemon_flags == null &&
	recording.daemon_env === undefined &&
	recording.daemon_files === undefined;

/** Empties the store and metrics.yaml. */
async function empty({ port, directory }: StartedDaemon) {
	const ask = async (path: string) => {
		const { json } = await post(port, path, {});
		return (json as { metric_data: unknown }).metric_data;
	};
	await eventually(
		"the store is empty",
		async () =>
			(await ask("/metric")) === null && (await ask("/metric/peek")) === null,
	);
	const { text } = await send({ port, path: "/machine-state" });
	assert.match(text, /"keys":\[\]/);
	await writeFile(join(directory, "metrics.yaml"), "");
}

/** Groups cases that can share an agent, by the flags it needs. */
function grouped(cases: readonly RecordedCase[]): Map<string, RecordedCase[]> {
	const groups = new Map<string, RecordedCase[]>();
	for (const recording of cases) {
		const { id, request, daemon_env = {}, daemon_files = {} } = recording;
		const flags = recording.daemon_flags ?? [];
		const own = recording.fresh_daemon || recording.expect.daemon_start_error;
		const name = wantsEmpty(recording) ? "empty" : own ? id : "";
		const key = JSON.stringify([
			...[name, flags, daemon_env, daemon_files, recording.peers !== undefined],
			request.host ?? "",
		]);
		groups.set(key, [...(groups.get(key) ?? []), recording]);
	}
	return groups;
}

test("the recorded cases", { concurrency: slowToo ? 8 : 1 }, async (t) => {
	t.diagnostic(
		`${run.length} of ${recorded.length} recorded cases run; the others are slow and need HAPPO_TEST_SLOW`,
	);
	assert.ok(run.length >= 163, `only ${run.length} cases run`);
	const names = run.map(({ id }) => id);
	assert.equal(new Set(names).size, names.length, "a case is there twice");

	const waiting: Promise<void>[] = [];
	for (const [first, ...others] of grouped(run).values()) {
		if (!first) continue;
		const flags = first.daemon_flags?.join(" ") || "no flags of its own";
		const done = t.test(`an agent with ${flags}`, async (t) => {
			if (first.expect.daemon_start_error)
				return t.test(first.id, (t) => refusesToStart(t, first));
			const isTimed = first.fresh_daemon && waits(first);
			const daemon = isTimed ? undefined : await startFor(t, first);
			for (const recording of [first, ...others])
				await t.test(`${recording.id} (${recording.verdict})`, async (t) => {
					if (daemon && wantsEmpty(recording)) await empty(daemon);
					if (daemon) return runCase(t, recording, daemon);
					return assertStops(await runTimedCase(t, recording));
				});
			if (daemon) await assertStops(daemon);
		});
		// slow cases only wait, so they run concurrently; timed ones run alone
		if (first.slow && !waitsForTick(first)) waiting.push(done);
		else await done;
	}
	await Promise.all(waiting);
});
