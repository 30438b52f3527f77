import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { type StartedDaemon, startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { ctl, ctlProgram, testNode } from "../support/happo-ctl.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { wholeFile } from "../support/whole-file.ts";

const run = promisify(execFile);
const file = wholeFile();
let agent: StartedDaemon;
let dead: string;

before(async () => {
	agent = await startDaemon(file, ["--disable-collect-metrics"]);
	dead = `127.0.0.1:${await freePort()}`;
});

async function homeWith(t: Parameters<typeof temporaryDirectory>[0]) {
	const home = await temporaryDirectory(t);
	await mkdir(join(home, ".config/happo"), { recursive: true });
	const config = join(home, ".config/happo/ctl.yaml");
	await writeFile(
		config,
		`# mine
current-context: live
contexts:
  live:
    hosts: ["127.0.0.1:${agent.port}"]  # one
    output: json
    ca-file: agent.pem
  gone:
    hosts: [${dead}]
    timeout-seconds: 5
`,
	);
	await writeFile(
		join(home, ".config/happo/agent.pem"),
		await readFile(join(agent.directory, "agent.pub")),
	);
	return { home, config };
}

test("a context sets agents, trust and output; flags override it", async (t) => {
	const { home } = await homeWith(t);
	const status = (...args: string[]) => ctl(t, ["status", ...args], { home });
	const live = await status();
	assert.equal(JSON.parse(live.stdout)[0].host, `127.0.0.1:${agent.port}`);
	assert.equal(live.code, 0);
	const gone = await status("--context", "gone");
	assert.match(gone.stderr, /connection refused/);
	const variable = await ctl(t, ["status"], {
		home,
		environment: { HAPPO_CTL_CONTEXT: "gone" },
	});
	assert.equal(variable.code, 1);
	const table = await status("-o", "table");
	assert.match(table.stdout, /^HOST/);
	const other = await status("-H", dead);
	assert.equal(JSON.parse(other.stdout)[0].host, dead);
	const none = await status("--context", "liv");
	assert.match(none.stderr, /no context 'liv', did you mean 'live'\?/);
	assert.equal(none.code, 2);
});

test("context list, show and use; use keeps the comments of the file", async (t) => {
	const { home, config } = await homeWith(t);
	const list = await ctl(t, ["context", "list"], { home });
	assert.match(list.stdout, /^\* +live +hosts=/m);
	assert.match(list.stdout, /^ +gone +hosts=/m);
	const show = await ctl(t, ["context", "show", "gone"], { home });
	assert.match(show.stdout, /timeout-seconds: "?5"?\n/);
	const use = await ctl(t, ["context", "use", "gone"], { home });
	assert.equal(use.code, 0, use.stderr);
	const text = await readFile(config, "utf8");
	assert.match(text, /^# mine\ncurrent-context: gone\n/);
	assert.match(text, /# one/);
	const wrong = await ctl(t, ["context", "use", "gonne"], { home });
	assert.match(wrong.stderr, /did you mean 'gone'\?/);
	assert.equal(wrong.code, 2);
});

test("errors in the file are reported with line, key and value", async (t) => {
	const { home, config } = await homeWith(t);
	for (const [text, reason] of [
		[
			"contxts: {}",
			/ctl\.yaml line 1: contxts: no such key, did you mean contexts\?/,
		],
		[
			"contexts:\n  a:\n    host: [x]",
			/line 3: contexts\.a: host: no such key, did you mean hosts\?/,
		],
		[
			"contexts:\n  a:\n    hosts: x",
			/line 3: hosts: expected a list, got text/,
		],
		[
			"contexts:\n  a:\n    timeout-seconds: soon",
			/line 3: contexts\.a\.timeout-seconds: not a whole number: soon/,
		],
		[
			"contexts:\n  a:\n    insecure: maybe",
			/contexts\.a\.insecure: not yes or no: maybe/,
		],
		[
			"contexts:\n  a:\n    output: xml",
			/contexts\.a\.output: must be one of .*: xml/,
		],
		[
			"contexts:\n  a:\n    hosts: ['a b']",
			/contexts\.a\.hosts: not a host .*: a b/,
		],
		["contexts: [", /ctl\.yaml line 1: not YAML/],
		["current-context: x", /no context 'x'/],
	] as const) {
		await writeFile(config, text);
		const { code, stderr } = await ctl(t, ["status"], { home });
		assert.match(stderr, reason);
		assert.equal(code, 2);
	}
	const asked = await ctl(t, ["status", "--config", "/nosuch.yaml"], { home });
	assert.match(asked.stderr, /\/nosuch\.yaml: no such file/);
});

test("bash completes commands, options, values, contexts and hosts", async (t) => {
	const { home } = await homeWith(t);
	const bin = join(home, "bin");
	await mkdir(bin);
	await writeFile(
		join(bin, "happo-ctl"),
		`#!/bin/sh\nexec ${testNode} ${ctlProgram} "$@"\n`,
	);
	await chmod(join(bin, "happo-ctl"), 0o755);
	const complete = async (line: string) => {
		const { stdout } = await run(
			"bash",
			[
				"-c",
				`source <(happo-ctl completion bash)
				complete -p happo-ctl >&2
				COMP_LINE=$1 COMP_POINT=\${#1}
				_happo_ctl
				printf '%s\\n' "\${COMPREPLY[@]}"`,
				"bash",
				line,
			],
			{ env: { PATH: `${bin}:${process.env.PATH}`, HOME: home } },
		);
		return stdout.split("\n").filter((word) => word !== "");
	};
	assert.deepEqual(await complete("happo-ctl st"), ["status"]);
	assert.deepEqual(await complete("happo-ctl status "), ["memory", "request"]);
	assert.deepEqual(await complete("happo-ctl -H web01 metric config "), [
		...["show", "check", "update"],
	]);
	assert.deepEqual(await complete("happo-ctl status --out"), ["--output"]);
	assert.deepEqual(await complete("happo-ctl status -o gr"), ["graphite"]);
	assert.deepEqual(await complete("happo-ctl status --output=js"), ["json"]);
	assert.deepEqual(await complete("happo-ctl status --context g"), ["gone"]);
	assert.deepEqual(await complete("happo-ctl monitor check_load -"), []);
	assert.deepEqual(await complete("happo-ctl completion z"), ["zsh"]);
	const hosts = await complete("happo-ctl status -H 127");
	assert.equal(hosts.length, 2);
	for (const shell of ["zsh", "fish"]) {
		const { stdout, code } = await ctl(t, ["completion", shell]);
		assert.match(stdout, /happo-ctl complete --/);
		assert.equal(code, 0);
	}
});
