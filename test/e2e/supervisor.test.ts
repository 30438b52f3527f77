import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { access, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { run, startWithPlugins } from "../support/command-line.ts";
import { eventually } from "../support/eventually.ts";
import { post, send } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const isThere = (program: string, argument: string) =>
	spawnSync(program, [argument]).status === 0;

const missing = !isThere("perl", "-v")
	? "perl is not installed"
	: !isThere("systemd-notify", "--version")
		? "systemd-notify is not installed"
		: undefined;

const missingSocat = isThere("socat", "-V")
	? undefined
	: "socat is not installed";

/** Prints each message, and closes the descriptor that systemd-notify waits for, as systemd does. */
const letsGo = `
	socket(S, AF_UNIX, SOCK_DGRAM, 0) or die;
	bind(S, pack_sockaddr_un($ARGV[0])) or die;
	$| = 1;
	while (defined recv(S, $text, 65536, 0)) { print "$text\n" }`;

const receivers = {
	perl: (path: string) => ["-MSocket", "-e", letsGo, path],
	// keeps that descriptor open; systemd-notify gives up after five seconds
	socat: (path: string) => ["-u", `UNIX-RECV:${path}`, "STDOUT"],
};

/** Receives datagrams on a unix socket, as systemd does. */
async function receive(
	t: TestContext,
	program: keyof typeof receivers = "perl",
) {
	const directory = await temporaryDirectory(t);
	const path = join(directory, "notify");
	const child = spawn(program, receivers[program](path), {
		stdio: ["ignore", "pipe", "inherit"],
	});
	let text = "";
	child.stdout.setEncoding("utf8").on("data", (data: string) => {
		text += data;
	});
	const closed = once(child, "close");
	const end = async () => {
		child.kill("SIGKILL");
		await closed;
	};
	t.after(end);
	await eventually(`${program} receives`, () =>
		access(path).then(
			() => true,
			() => false,
		),
	);
	return { path, directory, text: () => text, end };
}

test("the agent tells systemd when it answers and when it stops", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { path, text } = await receive(t);
	const daemon = await startWithPlugins(t, [], {
		environment: { NOTIFY_SOCKET: path },
	});
	await eventually("READY=1", () => text().includes("READY=1"));
	assert.match(
		text(),
		new RegExp(
			`^READY=1\nSTATUS=listening on 127\\.0\\.0\\.1 port ${daemon.port}$`,
			"m",
		),
	);
	assert.doesNotMatch(text(), /STOPPING/);
	assert.equal((await send(daemon)).text, "OK");
	const { code, stdout, stderr } = await daemon.stop();
	assert.equal(code, 0);
	assert.equal(stderr, "");
	assert.doesNotMatch(stdout, /systemd-notify/);
	// sent before the agent ended, but perhaps not read yet
	await eventually("STOPPING=1", () => /READY=1[\s\S]*STOPPING=1/.test(text()));
});

test("the agent also tells a receiver that keeps systemd-notify waiting", async (t) => {
	if (lacksPeer(t, missing)) return;
	if (lacksPeer(t, missingSocat)) return;
	const { path, text } = await receive(t, "socat");
	const daemon = await startWithPlugins(t, [], {
		environment: { NOTIFY_SOCKET: path },
	});
	await eventually("READY=1", () => text().includes("READY=1"));
	assert.equal((await send(daemon)).text, "OK");
	const { code, stderr } = await daemon.stop();
	assert.equal(code, 0);
	assert.equal(stderr, "");
	await eventually("STOPPING=1", () => /READY=1[\s\S]*STOPPING=1/.test(text()));
});

test("the agent sends READY=1 only once it accepts connections", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { path, text } = await receive(t);
	const directory = await temporaryDirectory(t);
	// a wrapper of systemd-notify, which sends the agent a request at that moment
	const real = spawnSync("sh", ["-c", "command -v systemd-notify"], {
		encoding: "utf8",
	}).stdout.trim();
	await writeFile(
		join(directory, "systemd-notify"),
		`#!/bin/bash
port=\${2##* }
if [ "$1" = READY=1 ]; then
	if exec 3<>/dev/tcp/127.0.0.1/$port; then echo yes; else echo no; fi > '${directory}/answered'
fi
exec '${real}' "$@"
`,
		{ mode: 0o755 },
	);
	const daemon = await startWithPlugins(t, [], {
		environment: {
			NOTIFY_SOCKET: path,
			PATH: `${directory}:${process.env.PATH}`,
		},
	});
	await eventually("READY=1", () => text().includes("READY=1"));
	assert.equal(await readFile(join(directory, "answered"), "utf8"), "yes\n");
	assert.equal((await daemon.stop()).code, 0);
});

test("a failed start never sends READY=1", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { path, text, directory } = await receive(t);
	const taken = createServer().listen(0, "127.0.0.1");
	await once(taken, "listening");
	t.after(() => taken.close());
	const { port } = taken.address() as { port: number };
	const pair = await writeTestKeyPair(directory);
	const { code } = await run(
		t,
		[
			...["daemon", "-P", String(port), "--listen-address", "127.0.0.1"],
			...["-B", pair["public-key"], "-R", pair["private-key"]],
		],
		{ directory, environment: { NOTIFY_SOCKET: path } },
	);
	assert.equal(code, 1);
	assert.doesNotMatch(text(), /READY/);
});

test("after an unexpected error the agent also tells systemd that it stops", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { path, text } = await receive(t);
	const code = `process.on("SIGUSR2", () => { throw new Error("boom") })`;
	const daemon = await startWithPlugins(t, [], {
		environment: { NOTIFY_SOCKET: path },
		nodeFlags: ["--import", `data:text/javascript,${encodeURIComponent(code)}`],
	});
	await eventually("READY=1", () => text().includes("READY=1"));
	daemon.process.kill("SIGUSR2");
	assert.equal((await daemon.exited).code, 1);
	await eventually("STOPPING=1", () => text().includes("STOPPING=1"));
});

/** A PATH with a shell for plugins, but without systemd-notify. */
async function pathWithoutNotify(t: TestContext) {
	const directory = await temporaryDirectory(t);
	for (const name of ["bash", "sh", "cat", "sleep"])
		await symlink(`/bin/${name}`, join(directory, name));
	return directory;
}

/** Checks that the agent starts, answers and stops as without systemd, apart from warnings. */
async function assertGoesOn(
	t: TestContext,
	environment: Record<string, string>,
	warning: RegExp,
) {
	const daemon = await startWithPlugins(t, [], { environment });
	const check = { plugin_name: "check_exit", plugin_option: "1" };
	const { json } = await post(daemon.port, "/monitor", check);
	assert.equal((json as { return_value: number }).return_value, 1);
	// the agent sends the message while it serves requests already
	await daemon.printed(/\[warning\] systemd-notify READY=1/);
	const began = Date.now();
	const { code, stdout, stderr } = await daemon.stop();
	assert.equal(code, 0);
	assert.equal(stderr, "");
	assert.ok(Date.now() - began < 8_000, `took ${Date.now() - began} ms`);
	const warnings = stdout.match(/^.*systemd-notify.*$/gm) ?? [];
	assert.equal(warnings.length, 2, stdout);
	for (const [index, state] of ["READY=1", "STOPPING=1"].entries()) {
		assert.match(warnings[index] ?? "", /\[warning\] systemd-notify /);
		assert.ok(warnings[index]?.includes(state), warnings[index]);
		assert.match(warnings[index] ?? "", warning);
	}
}

test("without systemd-notify in PATH the agent only warns", async (t) => {
	await assertGoesOn(
		t,
		{
			NOTIFY_SOCKET: "/run/systemd/notify",
			PATH: await pathWithoutNotify(t),
		},
		/ENOENT/,
	);
});

test("if the socket has disappeared, the agent only warns", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { path, end } = await receive(t);
	await end();
	await assertGoesOn(t, { NOTIFY_SOCKET: path }, /: .{5,}/);
});

test("a systemd-notify that hangs delays start and stop by seconds only", async (t) => {
	const directory = await temporaryDirectory(t);
	// ends by itself after a while, so that a failed test leaves nothing behind
	await writeFile(
		join(directory, "systemd-notify"),
		"#!/bin/sh\nexec sleep 25\n",
		{ mode: 0o755 },
	);
	const daemon = await startWithPlugins(t, [], {
		environment: {
			NOTIFY_SOCKET: "/run/systemd/notify",
			PATH: `${directory}:${process.env.PATH}`,
		},
	});
	assert.equal((await send(daemon)).text, "OK");
	await daemon.printed(/\[warning\] systemd-notify READY=1/);
	const began = Date.now();
	const { code } = await daemon.stop();
	assert.equal(code, 0);
	assert.ok(Date.now() - began < 15_000, `took ${Date.now() - began} ms`);
});

test("plugins and commands do not get systemd's socket", async (t) => {
	if (lacksPeer(t, missing)) return;
	const { path } = await receive(t);
	const daemon = await startWithPlugins(t, [], {
		environment: { NOTIFY_SOCKET: path, WATCHDOG_PID: "1", KEPT: "yes" },
	});
	const { json: inventory } = await post(daemon.port, "/inventory", {
		command: "env",
	});
	const { return_value: environment } = inventory as { return_value: string };
	assert.match(environment, /^KEPT=yes$/m);
	assert.doesNotMatch(environment, /NOTIFY|WATCHDOG/);
	const { json: check } = await post(daemon.port, "/monitor", {
		plugin_name: "check_args",
		plugin_option: `"<$KEPT>" "<$NOTIFY_SOCKET>"`,
	});
	assert.deepEqual(check, { return_value: 0, message: "[<yes>]\n[<>]\n" });
	assert.equal((await daemon.stop()).code, 0);
});
