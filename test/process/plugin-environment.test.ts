import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { ctlProgram } from "../support/happo-ctl.ts";
import { post } from "../support/https.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("plugins get the right environment and limits, and /proc shows no secrets", async (t) => {
	const scope = createScope();
	t.after(() => scope.end());
	const directory = await temporaryDirectory(scope);
	const { "private-key": key } = await writeTestKeyPair(
		join(directory, "plain"),
	);
	const encrypted = join(directory, "encrypted.key");
	execFileSync("openssl", [
		...["pkey", "-in", key, "-aes256", "-passout", "pass:hush-hush"],
		...["-out", encrypted],
	]);
	const plugin = join(directory, "check_environment");
	await writeFile(
		plugin,
		'#!/bin/sh\necho "OPEN_FILES=$(ulimit -Sn)"\nexec env\n',
	);
	await chmod(plugin, 0o755);
	// raised by Node, as in the agent
	execFileSync("prlimit", [`--pid=${process.pid}`, "--nofile=777:"]);
	const daemon = await startDaemon(
		scope,
		[
			`--nagios-plugin-paths=${directory}`,
			"-R",
			encrypted,
			"-B",
			join(directory, "plain/agent.pub"),
			"--disable-collect-metrics",
		],
		{
			directory,
			environment: {
				HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE: "hush-hush",
				HAPPO_AGENT_PLUGIN_ENVIRONMENT: "*,MYSQL_PWD",
				HAPPO_AGENT_API_KEY: "hush-api",
				HAPPO_AGENT_ENDPOINT: "https://shop:hush-shop@manage.example.net",
				HAPPO_AGENT_PRIVATE_KEY: "agent.key",
				AWS_SECRET_ACCESS_KEY: "hush-aws",
				MYSQL_PWD: "known",
				ORACLE_HOME: "/opt/oracle",
				LANG: "de_DE.UTF-8",
				LC_ALL: "de_DE.UTF-8",
			},
		},
	);
	const { text } = await post(daemon.port, "/monitor", {
		plugin_name: "check_environment",
	});
	const { message } = JSON.parse(text);
	const seen = new Set(message.split("\n"));
	for (const line of [
		"MYSQL_PWD=known",
		"ORACLE_HOME=/opt/oracle",
		"OPEN_FILES=777",
		"LC_NUMERIC=C",
		"LC_CTYPE=de_DE.UTF-8",
	])
		assert.ok(seen.has(line), `${line} in ${message}`);
	assert.doesNotMatch(message, /hush|LC_ALL|HAPPO_AGENT/);
	assert.match(daemon.stdout(), /a secret: AWS_SECRET_ACCESS_KEY \(/);
	const pid = daemon.process.pid;
	const kept = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
	assert.ok(kept.includes("ORACLE_HOME=/opt/oracle"));
	// a path, despite the name's ending
	assert.ok(kept.includes("HAPPO_AGENT_PRIVATE_KEY=agent.key"));
	assert.deepEqual(
		kept.filter((entry) => /hush|known/.test(entry)),
		[],
	);
	// the pair is still in use, and is reloaded with its passphrase
	daemon.process.kill("SIGHUP");
	await daemon.printed(/SIGHUP: log reopened/);
	assert.equal((await daemon.stop()).code, 0);
	assert.doesNotMatch(daemon.stdout(), /passphrase/);
});

/** Waits until a program's secrets are blank in its environment in /proc. */
async function wiped(pid: number | undefined, names: readonly string[]) {
	await eventually("the secrets are wiped", () => {
		const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
		return (
			names.every((name) => environment.includes(`${name}=`)) &&
			!environment.includes("hush")
		);
	});
}

test("secrets are wiped while append_metric still reads", async (t) => {
	const stdin = new PassThrough();
	const environment = {
		HAPPO_AGENT_API_KEY: "hush-api",
		// of another command, as one environment file serves them all
		HAPPO_AGENT_PRIVATE_KEY_PASSPHRASE: "hush-phrase",
		https_proxy: "http://shop:hush-proxy@192.0.2.1:3128",
	};
	const { process: child, exited } = startProgram(
		t,
		["append_metric", "--dry-run"],
		{ stdin, environment },
	);
	await wiped(child.pid, Object.keys(environment));
	stdin.end("a.b 1 5\n");
	const { stdout, stderr, code } = await exited;
	assert.equal(stderr, "");
	assert.equal(code, 0);
	assert.equal(stdout, "[{ 5 map[a.b:1]}]\n");
});

test("secrets are wiped while happo-ctl waits for an agent", async (t) => {
	// accepts, and stays silent
	const silent = createServer().listen(0, "127.0.0.1");
	await once(silent, "listening");
	t.after(() => silent.close());
	const environment = {
		HAPPO_CTL_API_KEY: "hush-api",
		HAPPO_CTL_PRIVATE_KEY_PASSPHRASE: "hush-phrase",
		HTTPS_PROXY: "shop:hush-proxy@192.0.2.1:3128",
	};
	const { port } = silent.address() as AddressInfo;
	const { process: child, stderr } = startProgram(
		t,
		// without a pin it would not send its key, and end at once
		[
			...["status", "-H", `127.0.0.1:${port}`],
			...["--fingerprint", "ab".repeat(32)],
		],
		{ program: ctlProgram, environment },
	);
	await wiped(child.pid, Object.keys(environment));
	assert.equal(stderr(), "");
});
