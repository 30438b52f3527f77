import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { sendAdmin } from "../support/admin-socket.ts";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { ctl } from "../support/happo-ctl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("happo-ctl asks the agent of this machine through its admin socket", async (t) => {
	const directory = await temporaryDirectory(t);
	const socket = join(directory, "admin.sock");
	const daemon = await startDaemon(t, [`--admin-socket=${socket}`], {
		directory,
	});
	const { pid } = daemon.process;
	const answers = [
		await ctl(t, ["status", "-o", "json", "--admin-socket", socket]),
		await ctl(t, ["status", "-o", "json"], {
			environment: { HAPPO_CTL_ADMIN_SOCKET: socket },
		}),
	];
	const home = await temporaryDirectory(t);
	await mkdir(join(home, ".config/happo"), { recursive: true });
	await writeFile(
		join(home, ".config/happo/ctl.yaml"),
		`current-context: here\ncontexts:\n  here:\n    admin-socket: ${socket}\n`,
	);
	answers.push(await ctl(t, ["status", "-o", "json"], { home }));
	for (const { code, stdout, stderr } of answers) {
		assert.equal(code, 0, stderr);
		const [answer] = JSON.parse(stdout);
		assert.equal(answer.host, "localhost");
		assert.equal(answer.data.pid, pid);
	}
	// a host is asked over HTTPS, even if it is this one
	const host = `127.0.0.1:${daemon.port}`;
	const asked = await ctl(t, ["status", "-o", "json", "-H", host], { home });
	assert.equal(JSON.parse(asked.stdout)[0].host, host);
	await daemon.printed(/client=127\.0\.0\.1:\d+,/);
	assert.equal(daemon.stdout().match(/client=admin,/g)?.length, 3);
	const both = await ctl(t, ["status", "--admin-socket", socket, "-H", host]);
	assert.equal(both.code, 2);
	assert.match(both.stderr, /--admin-socket: cannot be used with --host/);

	assert.equal((await daemon.stop()).code, 0);
	assert.ok(!existsSync(socket));
	const nobody = await ctl(t, ["status", "--admin-socket", socket]);
	assert.equal(nobody.code, 1);
	assert.match(
		nobody.stderr,
		/localhost: .*admin\.sock: no such file or directory/,
	);
});

test("without a socket, the agent of this machine is asked over HTTPS", async (t) => {
	for (const environment of [
		{ HAPPO_CTL_ADMIN_SOCKET: "none" },
		{ HAPPO_CTL_ADMIN_SOCKET: "" },
	]) {
		if (
			environment.HAPPO_CTL_ADMIN_SOCKET === "" &&
			existsSync("/run/happo-agent")
		)
			continue;
		const { stdout } = await ctl(t, ["status", "-o", "json"], { environment });
		assert.equal(JSON.parse(stdout)[0].host, "127.0.0.1:6777");
	}
});

test("a killed agent's socket is replaced; one that is in use aborts startup", async (t) => {
	const directory = await temporaryDirectory(t);
	const socket = join(directory, "admin.sock");
	const flags = [`--admin-socket=${socket}`];
	const first = await startDaemon(t, flags, { directory });
	first.process.kill("SIGKILL");
	await first.exited;
	assert.ok(existsSync(socket));
	await startDaemon(t, flags, { directory });
	assert.equal((await sendAdmin(socket)).status, 200);
	assert.equal(statSync(socket).mode & 0o777, 0o600);
	const other = await temporaryDirectory(t);
	const second = startProgram(
		t,
		[
			...["daemon", "-P", "0", "--listen-address", "127.0.0.1", "-l", "-"],
			...[
				"-B",
				join(directory, "agent.pub"),
				"-R",
				join(directory, "agent.key"),
			],
			...flags,
		],
		{ directory: other },
	);
	const { code, stderr } = await second.exited;
	assert.equal(code, 1);
	assert.match(stderr, /admin\.sock: another program listens there\n$/);
	assert.ok(!existsSync(join(other, "happo-agent.db")));
	assert.equal((await sendAdmin(socket)).status, 200);
});

test("a quick start has the socket in its directory", async (t) => {
	const directory = await temporaryDirectory(t);
	const started = startProgram(
		t,
		[
			...["daemon", "--quick-start", "data", "-P", "0"],
			...["--listen-address", "127.0.0.1"],
		],
		{ directory, environment: { HAPPO_AGENT_ADMIN_SOCKET: "" } },
	);
	await started.printed(/Ctrl-C stops it/);
	const socket = join(directory, "data/admin.sock");
	assert.match(
		started.stdout(),
		/^ {2}admin socket +\S+\/data\/admin\.sock \(happo-ctl --admin-socket\)$/m,
	);
	assert.equal((await sendAdmin(socket)).status, 200);
	started.process.kill("SIGTERM");
	assert.equal((await started.exited).code, 0);
	assert.ok(!existsSync(socket));
});

test("the socket of a place that nobody chose must not abort startup", async (t) => {
	// of an installed agent, perhaps one that runs
	if (existsSync("/run/happo-agent"))
		return t.skip("/run/happo-agent exists on this machine");
	const plain = await startDaemon(t, [], {
		environment: { HAPPO_AGENT_ADMIN_SOCKET: "" },
	});
	assert.match(
		plain.stdout(),
		/\[info\] no admin socket: \/run\/happo-agent\/admin\.sock: no such directory$/m,
	);
	const directory = await temporaryDirectory(t);
	const long = "x".repeat(100);
	const started = startProgram(
		t,
		[
			...["daemon", "--quick-start", long, "-P", "0"],
			...["--listen-address", "127.0.0.1"],
		],
		{ directory, environment: { HAPPO_AGENT_ADMIN_SOCKET: "" } },
	);
	await started.printed(/Ctrl-C stops it/);
	assert.match(
		started.stdout(),
		/\[warning\] no admin socket: \S+: longer than 107 bytes$/m,
	);
	assert.doesNotMatch(started.stdout(), /^ {2}admin socket/m);
	// a place that somebody chose must be right
	const chosen = join(directory, "none/admin.sock");
	const { code, stderr } = await startProgram(
		t,
		[
			...["daemon", "--quick-start", "data", "-P", "0"],
			...["--listen-address", "127.0.0.1", "--admin-socket", chosen],
		],
		{ directory },
	).exited;
	assert.equal(code, 1);
	assert.match(stderr, /none\/admin\.sock: no such directory\n$/);
});

test("a group may use the socket if a setting says so", async (t) => {
	const directory = await temporaryDirectory(t);
	await chmod(directory, 0o755);
	const socket = join(directory, "admin.sock");
	const group = String(process.getgid?.());
	await startDaemon(
		t,
		[`--admin-socket=${socket}`, `--admin-socket-group=${group}`],
		{ directory },
	);
	assert.equal(statSync(socket).mode & 0o777, 0o660);
});
