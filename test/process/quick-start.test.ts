import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { parse } from "yaml";
import { startProgram } from "../support/daemon.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const execute = promisify(execFile);
const curlIsThere = spawnSync("curl", ["--version"]).status === 0;

/** Starts in `data` of an empty directory, as a new user does; resolves after the greeting. */
async function quickStart(t: TestContext, directory: string) {
	const started = startProgram(
		t,
		[
			"daemon",
			...["--quick-start", "data", "-P", "0"],
			...["--listen-address", "127.0.0.1"],
		],
		{ directory },
	);
	await started.printed(/Ctrl-C stops it/);
	const stop = async () => {
		started.process.kill("SIGINT");
		const { code, stderr } = await started.exited;
		assert.equal(stderr, "");
		assert.equal(code, 0);
	};
	const read = (name: string) =>
		readFile(join(directory, "data", name), "utf8");
	return { greeting: started.stdout(), stop, read };
}

/** The line of the greeting that begins with this word. */
const said = (greeting: string, word: string) =>
	new RegExp(`^ *${word} +(.+)$`, "m").exec(greeting)?.[1] ??
	assert.fail(`${word} is not in ${greeting}`);

test("a new user gets a key pair, a metrics.yaml and a greeting", async (t) => {
	const directory = await temporaryDirectory(t);
	const { greeting, stop, read } = await quickStart(t, directory);
	const key = await stat(join(directory, "data/happo-agent.key"));
	assert.equal(key.mode & 0o777, 0o600);
	const certificate = new X509Certificate(await read("happo-agent.pub"));
	assert.ok(certificate.checkHost("localhost"), certificate.subjectAltName);
	assert.ok(certificate.checkIP("127.0.0.1"), certificate.subjectAltName);
	assert.match(said(greeting, "fingerprint"), /SHA-256 ([\dA-F]{2}:){31}/);
	assert.ok(said(greeting, "fingerprint").includes(certificate.fingerprint256));
	assert.match(said(greeting, "certificate"), /just created/);
	const config = parse(await read("metrics.yaml"));
	assert.equal(config.metrics[0].plugins[0].plugin_name, "metrics_linux");
	await stop();
});

test("the greeting's command runs a real check", async (t) => {
	if (!curlIsThere) return t.skip("curl is not installed");
	const directory = await temporaryDirectory(t);
	const { greeting, stop } = await quickStart(t, directory);
	const command = `curl ${said(greeting, "curl")}`;
	const { stdout } = await execute("/bin/sh", ["-c", command], {
		cwd: directory,
	});
	const { return_value, message } = JSON.parse(stdout);
	assert.ok([0, 1, 2].includes(return_value), stdout);
	assert.match(message, /load average: *\d+\.\d+/i);
	await stop();
});

test("the second start keeps the files of the first", async (t) => {
	const directory = await temporaryDirectory(t);
	const first = await quickStart(t, directory);
	const key = await first.read("happo-agent.key");
	await first.stop();
	await writeFile(join(directory, "data/metrics.yaml"), "metrics: []\n");
	const second = await quickStart(t, directory);
	assert.equal(
		said(second.greeting, "fingerprint"),
		said(first.greeting, "fingerprint"),
	);
	assert.doesNotMatch(second.greeting, /just created/);
	assert.equal(await second.read("happo-agent.key"), key);
	assert.equal(await second.read("metrics.yaml"), "metrics: []\n");
	await second.stop();
});

test("--quick-start is refused if it cannot create files", async (t) => {
	const directory = await temporaryDirectory(t);
	await writeFile(join(directory, "data"), "a file\n");
	const started = startProgram(
		t,
		["daemon", "--quick-start", "data", "-P", "0"],
		{ directory },
	);
	const { code, stdout, stderr } = await started.exited;
	assert.match(stderr, /^happo-agent: .*data.*\n$/);
	assert.equal(stdout, "");
	assert.equal(code, 1);
});
