import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { startDaemon, startProgram } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { post } from "../support/https.ts";
import { createScope } from "../support/scope.ts";
import { temporaryDirectory } from "../support/temporary.ts";

test("what plugins get of the agent's environment, and what stays readable in /proc", async (t) => {
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
	await writeFile(plugin, "#!/bin/sh\nexec env\n");
	await chmod(plugin, 0o755);
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
		"LC_NUMERIC=C",
		"LC_CTYPE=de_DE.UTF-8",
	])
		assert.ok(seen.has(line), `${line} in ${message}`);
	assert.doesNotMatch(message, /hush|LC_ALL|HAPPO_AGENT/);
	assert.match(daemon.stdout(), /a secret: AWS_SECRET_ACCESS_KEY \(/);
	const pid = daemon.process.pid;
	const kept = readFileSync(`/proc/${pid}/environ`, "utf8").split("\0");
	assert.ok(kept.includes("ORACLE_HOME=/opt/oracle"));
	assert.ok(!kept.some((entry) => entry.includes("hush-hush")));
	// the pair is still in use, and read again with its passphrase
	daemon.process.kill("SIGHUP");
	await daemon.printed(/SIGHUP: log opened again/);
	assert.equal((await daemon.stop()).code, 0);
	assert.doesNotMatch(daemon.stdout(), /passphrase/);
});

test("an api key is wiped while append_metric still reads", async (t) => {
	const stdin = new PassThrough();
	const { process: child, exited } = startProgram(
		t,
		["append_metric", "--dry-run"],
		{ stdin, environment: { HAPPO_AGENT_API_KEY: "hush-hush" } },
	);
	const environment = () => readFileSync(`/proc/${child.pid}/environ`, "utf8");
	await eventually(
		"the key is gone",
		() =>
			environment().includes("HAPPO_AGENT_API_KEY=") &&
			!environment().includes("hush-hush"),
	);
	stdin.end("a.b 1 5\n");
	const { stdout, code } = await exited;
	assert.equal(code, 0);
	assert.equal(stdout, "[{ 5 map[a.b:1]}]\n");
});
