import assert from "node:assert/strict";
import { test } from "node:test";
import { version } from "../../src/agent.ts";
import { daemonSettings } from "../../src/settings.ts";
import { assertRefused, run } from "../support/command-line.ts";
import { readRecorded } from "../support/conformance.ts";

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
		requests: unknown[];
	};
}

const recorded = readRecorded<RecordedLine>("cli-cases.json");
const commands = new Set(["add", "is_added", "remove", "append_metric"]);
const commandOf = ({ args }: RecordedLine) =>
	args.find((word) => commands.has(word));

test("the recorded command lines", async (t) => {
	const built = new Set<string>();
	for (const command of commands)
		if ((await run(t, ["help", command])).code === 0) built.add(command);
	const lines = recorded.filter((line) => {
		const command = commandOf(line);
		return command === undefined || built.has(command);
	});
	const missing = [...commands].filter((command) => !built.has(command));
	t.diagnostic(
		`${lines.length} of ${recorded.length} recorded command lines run; not built yet: ${missing.join(", ") || "nothing"}`,
	);
	assert.ok(lines.length >= 7, `only ${lines.length} run`);
	for (const line of lines)
		await t.test(`${line.id}: ${line.args.join(" ")}`, async (t) => {
			const { args, env, stdin, datafile_content, expect } = line;
			const { exit_code, stdout, stderr, ...others } = expect;
			const { stderr_not_empty, requests, ...unknown } = others;
			assert.deepEqual(Object.keys(unknown), [], "not implemented");
			assert.ok(
				requests.length === 0 &&
					stdin === "" &&
					datafile_content === undefined &&
					!args.join(" ").includes("127.0.0.1:18"),
				"standard input, data file and stub servers: not implemented in test/process/command-line.test.ts",
			);
			const exited = await run(t, args, { environment: env });
			assert.equal(exited.code, exit_code, exited.stderr);
			if (stdout !== undefined)
				assert.equal(exited.stdout, stdout.replace("@VERSION@", version));
			if (stderr === "") assert.equal(exited.stderr, "");
			else assert.ok(exited.stderr.includes(stderr ?? ""), exited.stderr);
			if (stderr_not_empty) assert.notEqual(exited.stderr, "");
		});
});

test("--version says the version of the contract", async (t) => {
	for (const args of [["-v"], ["--version"]]) {
		const { code, stdout, stderr } = await run(t, args);
		assert.deepEqual(
			{ code, stdout, stderr },
			{ code: 0, stdout: `happo-agent version ${version}\n`, stderr: "" },
		);
	}
});

test("help is on standard output: no arguments, help, h, -h, --help", async (t) => {
	for (const args of [[], ["help"], ["h"], ["-h"], ["--help"]]) {
		const { code, stdout, stderr } = await run(t, args);
		assert.equal(stderr, "");
		assert.match(stdout, /^\s+daemon\s/m);
		assert.equal(code, 0);
	}
});

test("help of the daemon names the flag of every setting and its short form", async (t) => {
	const texts = new Set<string>();
	for (const args of [
		["daemon", "-h"],
		["daemon", "--help"],
		["help", "daemon"],
		["daemon", "-P", "1", "-h"],
	]) {
		const { code, stdout, stderr } = await run(t, args);
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
	// a secret has no flag: `ps` would show it
	[["daemon", "--private-key-passphrase", "x"], /--private-key-passphrase/],
];

for (const [args, reason] of misunderstood)
	test(`one line says what is wrong with: ${args.join(" ")}`, async (t) =>
		assertRefused(await run(t, args), 2, reason));
