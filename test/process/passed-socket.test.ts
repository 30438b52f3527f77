import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { assertRefused, run } from "../support/command-line.ts";
import {
	listeningSocket,
	type PassedFd,
	startDaemon,
	startProgram,
} from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { waitingPlugin } from "../support/sleeping-checks.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const waitingCheck = { plugin_name: "check_waiting" };

test("the agent listens on the socket that systemd passes, which its commands do not get", async (t) => {
	const passed = await listeningSocket(t);
	const daemon = await startDaemon(t, [], { passed });
	passed.close();
	assert.equal(daemon.port, passed.port);
	assert.equal((await send(daemon)).text, "OK");
	const { json } = await post(daemon.port, "/inventory", {
		command: "env; readlink /proc/self/fd/3 || echo nothing at 3",
	});
	const { return_value: said } = json as { return_value: string };
	assert.match(said, /nothing at 3/);
	assert.doesNotMatch(said, /LISTEN_/);
	assert.equal((await daemon.stop()).code, 0);
});

test("as many connections wait as the socket allowed before the agent listened", async (t) => {
	const passed = await listeningSocket(t);
	const daemon = await startDaemon(t, [], { passed });
	passed.close();
	daemon.process.kill("SIGSTOP");
	// more than 511, which Node asks for by default
	const count = 700;
	const sockets = Array.from({ length: count }, () =>
		connect(daemon.port, "127.0.0.1"),
	);
	t.after(() => {
		for (const socket of sockets) socket.destroy();
	});
	let connected = 0;
	for (const socket of sockets)
		socket.on("error", () => {}).once("connect", () => connected++);
	await eventually("all connect", () => connected === count, 20_000);
	daemon.process.kill("SIGCONT");
	for (const socket of sockets) socket.destroy();
	assert.equal((await send(daemon)).text, "OK");
});

test("a setting that contradicts the socket aborts startup, and nothing is touched", async (t) => {
	const directory = await temporaryDirectory(t);
	const passed = await listeningSocket(t);
	const pair = await writeTestKeyPair(directory);
	const start = (...settings: string[]) =>
		run(
			t,
			[
				...["daemon", "-l", "log", "-d", "db"],
				...["-B", pair["public-key"], "-R", pair["private-key"]],
				...settings,
			],
			{
				directory,
				passed,
				environment: { HAPPO_AGENT_PORT: settings.length > 0 ? "" : "6777" },
			},
		);
	assertRefused(
		await start(),
		2,
		new RegExp(
			`HAPPO_AGENT_PORT: 6777, but systemd's socket \\(happo-agent\\.socket\\) has port ${passed.port}$`,
		),
	);
	assertRefused(
		await start("--port", "1", "--listen-address", "127.0.0.2"),
		2,
		new RegExp(`--port: 1, but .* has port ${passed.port}$`),
		/--listen-address: 127\.0\.0\.2, but .* has address 127\.0\.0\.1$/,
	);
	assert.ok(!existsSync(join(directory, "db")));
	assert.ok(!existsSync(join(directory, "log")));
});

/** Starts an agent that shares the socket and the store of another one, for which it waits. */
async function startSuccessor(
	t: TestContext,
	passed: PassedFd,
	flags: readonly string[],
) {
	const pair = await writeTestKeyPair(await temporaryDirectory(t));
	const started = startProgram(
		t,
		[
			...["daemon", "-l", "-", "--log-level", "info", ...flags],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
		],
		{ passed },
	);
	await started.printed(
		/the store is in use by process \d+ .*: waiting at most 20 seconds/,
	);
	return started;
}

test("an agent takes over: it waits for the store, and what connects meanwhile waits for it", async (t) => {
	const plugin = await waitingPlugin(t);
	const passed = await listeningSocket(t);
	const flags = [...plugin.flags, "--dbfile", join(plugin.directory, "db")];
	const first = await startDaemon(t, flags, { passed });
	const second = await startSuccessor(t, passed, flags);
	passed.close();
	const running = post(first.port, "/monitor", waitingCheck);
	await plugin.runs();
	const socketOfFirst = () =>
		readlink(`/proc/${first.process.pid}/fd/3`).catch(() => undefined);
	const shared = await socketOfFirst();
	first.process.kill("SIGTERM");
	await eventually(
		"the first one accepts nothing more",
		async () => (await socketOfFirst()) !== shared,
	);
	const later = post(first.port, "/monitor", waitingCheck);
	await plugin.letGo();
	assert.equal((await running).status, 200);
	const { status, text } = await later;
	assert.equal(status, 200, text);
	second.process.kill("SIGTERM");
	for (const { exited } of [first, second]) {
		const { code, stdout } = await exited;
		assert.equal(code, 0);
		assert.equal(stdout.match(/path=\/monitor/g)?.length, 1, stdout);
	}
});

test("an agent that waits for the store stops when it is told to", async (t) => {
	const passed = await listeningSocket(t);
	const flags = ["--dbfile", join(await temporaryDirectory(t), "db")];
	const first = await startDaemon(t, flags, { passed });
	const second = await startSuccessor(t, passed, flags);
	passed.close();
	second.process.kill("SIGTERM");
	const { code, stderr } = await second.exited;
	assert.equal(code, 1);
	assert.match(stderr, /the store is in use by process/);
	assert.equal((await send(first)).text, "OK");
});
