import assert from "node:assert/strict";
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { contract } from "../../generated/contract.ts";
import { version } from "../../generated/version.ts";
import { daemonSettings } from "../../src/settings.ts";
import {
	answerTo,
	assertRefused,
	run,
	runProcess,
} from "../support/command-line.ts";
import { readRecorded } from "../support/conformance.ts";
import { startProgram } from "../support/daemon.ts";
import type { Arrived } from "../support/next-hop.ts";
import { stubServers } from "../support/stub-servers.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { placed } from "../support/upstream.ts";

interface RecordedLine {
	id: string;
	title: string;
	args: string[];
	env: Record<string, string>;
	stdin: string;
	server_answers: string;
	datafile_content?: string;
	expect: {
		exit_code: number;
		stdout?: string;
		stderr?: string;
		stderr_not_empty?: true;
		requests: RecordedRequest[];
	};
}

interface RecordedRequest {
	method: string;
	path: string;
	json: unknown;
}

const recorded = readRecorded<RecordedLine>("cli-cases.json");

/** Compares the requests that arrived with those that a case expects, and bodies by meaning. */
function assertRequests(expected: RecordedRequest[], arrived: Arrived[]) {
	assert.deepEqual(
		arrived.map(({ method, path }) => `${method} ${path}`),
		expected.map(({ method, path }) => `${method} ${path}`),
	);
	for (const [index, { json, ...unknown }] of expected.entries()) {
		assert.deepEqual(Object.keys(unknown).sort(), ["method", "path"]);
		const { body, headers } = arrived[index] ?? assert.fail();
		assert.deepEqual(JSON.parse(body.toString("utf8")), json);
		assert.equal(headers["content-type"], "application/json");
	}
}

test("there are 37 recorded command lines", () => {
	assert.equal(recorded.length, 37);
});

for (const line of recorded)
	test(`${line.id}: ${line.args.join(" ")}`, async (t) => {
		const { env, stdin, datafile_content, server_answers } = line;
		const { exit_code, stdout, stderr, ...others } = line.expect;
		const { stderr_not_empty, requests, ...unknown } = others;
		// a case with an expectation that this test does not know would always pass
		assert.deepEqual(Object.keys(unknown), []);
		const directory = await temporaryDirectory(t);
		const datafile = join(directory, "datafile");
		if (datafile_content !== undefined)
			await writeFile(datafile, datafile_content);
		const servers = await stubServers(t, server_answers);
		const places = new Map([
			["127.0.0.1:18080", `127.0.0.1:${servers.plain}`],
			["127.0.0.1:18443", `127.0.0.1:${servers.secure}`],
			["@DATAFILE@", datafile],
		]);
		const exited = await runProcess(
			t,
			line.args.map((arg) => placed(arg, places)),
			{ environment: env, stdin, directory },
		);
		assert.equal(exited.code, exit_code, exited.stderr);
		if (stdout !== undefined)
			assert.equal(exited.stdout, stdout.replace("@VERSION@", version));
		if (stderr === "") assert.equal(exited.stderr, "");
		else assert.ok(exited.stderr.includes(stderr ?? ""), exited.stderr);
		if (stderr_not_empty) assert.notEqual(exited.stderr, "");
		assertRequests(requests, servers.arrived());
	});

/** Bytes of our own code that a command loads. */
async function loadedBytes(t: TestContext, ...args: string[]) {
	const directory = await temporaryDirectory(t);
	await runProcess(t, args, { environment: { NODE_V8_COVERAGE: directory } });
	const [report = ""] = await readdir(directory);
	const text = await readFile(join(directory, report), "utf8");
	const { result } = JSON.parse(text) as { result: { url: string }[] };
	const files = new Set(result.map(({ url }) => url));
	let bytes = 0;
	for (const url of files)
		if (url.includes("/dist/")) bytes += (await stat(fileURLToPath(url))).size;
	return bytes;
}

test("commands other than the daemon load only a part of the program", async (t) => {
	const whole = await loadedBytes(t, "daemon", "--public-key", "/nowhere");
	assert.ok(whole > 800_000, `the daemon: ${whole}`);
	for (const args of [
		["-v"],
		["add", "-g", "G", "-i", "I"],
		["append_metric", "-n"],
	]) {
		const bytes = await loadedBytes(t, ...args);
		assert.ok(bytes > 10_000 && bytes < 300_000, `${args[0]}: ${bytes}`);
	}
});

test("--version prints the version of the contract", async (t) => {
	assert.equal(version, contract.info.version);
	for (const args of [["-v"], ["--version"]]) {
		const { code, stdout, stderr } = await run(t, args);
		assert.deepEqual(
			{ code, stdout, stderr },
			{ code: 0, stdout: `happo-agent version ${version}\n`, stderr: "" },
		);
	}
});

const clients = ["add", "is_added", "remove", "append_metric"];

/** Flags of v1, with the commands that have them. */
const v1Flags: Record<string, string> = {
	"-g, --group-name": "add is_added remove",
	"-i, --ip": "add is_added remove",
	"-P, --port": "add is_added remove",
	"-e, --endpoint": "add is_added remove",
	"-H, --hostname": "add append_metric",
	"-p, --proxy": "add",
	"-b, --bastion-endpoint": "append_metric",
	"    --datafile": "append_metric",
	"-a, --api-key": "append_metric",
	"-n, --dry-run": "append_metric",
};

for (const name of clients)
	test(`the help of ${name} has its flags, with -h, --help and help`, async () => {
		const [text = "", ...different] = new Set(
			await Promise.all(
				[
					[name, "-h"],
					[name, "--help"],
					["help", name],
				].map(async (args) => (await answerTo(args)).stdout),
			),
		);
		assert.equal(different.length, 0);
		for (const [flag, commands] of Object.entries(v1Flags))
			assert.equal(
				text.includes(`\n  ${flag} `) || text.includes(`\n  ${flag}\n`),
				commands.split(" ").includes(name),
				flag,
			);
		for (const line of text.split("\n").filter((l) => !l.startsWith("  happo")))
			assert.ok(line.length <= 120, line);
	});

test("the help goes to standard output: no arguments, help, h, -h, --help", async () => {
	for (const args of [[], ["help"], ["h"], ["-h"], ["--help"]]) {
		const { code, stdout, stderr } = await answerTo(args);
		assert.equal(stderr, "");
		for (const name of ["daemon", ...clients])
			assert.match(stdout, new RegExp(`^  ${name} `, "m"));
		assert.equal(code, 0);
	}
});

test("the help of the daemon has the long and short flags of all settings", async () => {
	const texts = new Set<string>();
	for (const args of [
		["daemon", "-h"],
		["daemon", "--help"],
		["help", "daemon"],
		["daemon", "-P", "1", "-h"],
	]) {
		const { code, stdout, stderr } = await answerTo(args);
		assert.equal(stderr, "");
		assert.equal(code, 0);
		texts.add(stdout);
	}
	const [text = "", ...different] = texts;
	assert.equal(different.length, 0, "the same help however it is asked for");
	for (const [name, setting] of Object.entries(daemonSettings)) {
		const secret = "from" in setting && setting.from === "environment";
		const variable = name.replaceAll("-", "_").toUpperCase();
		if (secret) assert.match(text, new RegExp(`HAPPO_AGENT_${variable}\\b`));
		else assert.match(text, new RegExp(`--(no-)?${name}[\\s,]`), name);
		if ("short" in setting)
			assert.match(text, new RegExp(`-${setting.short}, --${name}\\b`));
	}
});

const misunderstood: [string[], RegExp][] = [
	[["nosuch"], /'nosuch' is not a happo-agent command/],
	[["Daemon"], /'Daemon' is not a happo-agent command/],
	[["help", "nosuch"], /'nosuch'/],
	[["nosuch", "-h"], /'nosuch'/],
	[["--nosuch"], /--nosuch/],
	[["daemon", "--nosuch"], /--nosuch/],
	[["daemon", "--nosuch=5"], /--nosuch/],
	[["daemon", "-z"], /-z/],
	[["daemon", "--port"], /--port: needs a value/],
	[["daemon", "-P"], /--port: needs a value/],
	[["daemon", "-P", "0", "--no-shell=5"], /--no-shell: .*5/],
	[["--log-level", "debug", "nosuch"], /'nosuch'/],
	[["add", "--nosuch"], /--nosuch/],
	[["add", "-g"], /--group-name: needs a value/],
	[["add", "-g", "G", "-i", "I", "-P", "x"], /--port: not a whole number: x/],
	[["add", "-g", "G", "-i", "I", "-P", "0"], /--port: must be 1 to 65535: 0/],
	[["is_added", "-g", "G", "-i", "I", "-H", "h"], /-H/],
	[["remove", "-g", "G", "-i", "I", "--proxy", "p"], /--proxy/],
	[["append_metric", "-b", "127.0.0.1"], /--bastion-endpoint: .*127\.0\.0\.1/],
	[["append_metric", "-b", "ftp://127.0.0.1:1"], /--bastion-endpoint: .*ftp:/],
	[["append_metric", "-b", "https://h:65536"], /--bastion-endpoint: .*65536/],
	[["append_metric", "-b", "https://h:1/path"], /--bastion-endpoint: .*path/],
	[["append_metric", "--dry-run=maybe"], /--dry-run: not yes or no: maybe/],
	// a secret has no flag: `ps` would show it
	[["daemon", "--private-key-passphrase", "x"], /--private-key-passphrase/],
];

for (const [args, reason] of misunderstood)
	test(`one line reports what is wrong with: ${args.join(" ")}`, async () =>
		assertRefused(await answerTo(args), 2, reason));

test("a closed standard error does not change the exit status", async (t) => {
	const started = startProgram(t, ["is_added", "-g", "G"]);
	started.process.stderr?.destroy();
	assert.equal((await started.exited).code, 2);
});
