import assert from "node:assert/strict";
import { before, test } from "node:test";
import { startWithPlugins } from "../support/command-line.ts";
import type { StartedDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { ctl } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { wholeFile } from "../support/whole-file.ts";

let agent: StartedDaemon;
let host: string;
let dead: string;

const file = wholeFile();

before(async () => {
	agent = await startWithPlugins(file);
	host = `127.0.0.1:${agent.port}`;
	dead = `127.0.0.1:${await freePort()}`;
});

test("everything after the plugin reaches the plugin, word by word", async (t) => {
	for (const [args, words] of [
		[
			["check_args", "-w", "5,4,3"],
			["-w", "5,4,3"],
		],
		[
			["check_args", "-H", "x", "--output", "json"],
			["-H", "x", "--output", "json"],
		],
		[
			["check_args", "--", "-w", "a b"],
			["-w", "a b"],
		],
		[
			["--", "check_args", "-o", "it's $HOME"],
			["-o", "it's $HOME"],
		],
		[
			["check_args", "-w 1 -c 2"],
			["-w", "1", "-c", "2"],
		],
		[["check_args -w 1"], ["-w", "1"]],
		[
			["check_args", "--help", "-v"],
			["--help", "-v"],
		],
	] as const) {
		const { code, stdout, stderr } = await ctl(t, [
			...["monitor", "-H", host, ...args],
		]);
		assert.equal(stderr, "");
		assert.equal(stdout, words.map((word) => `[${word}]\n`).join(""));
		assert.equal(code, 0);
	}
});

test("one agent: the exit status is the plugin's own, 3 without an agent", async (t) => {
	for (const status of [0, 1, 2, 3, 4, 255]) {
		const { code } = await ctl(t, [
			...["monitor", "-H", host, "check_exit", `${status}`],
		]);
		assert.equal(code, status);
	}
	const { code, stdout, stderr } = await ctl(t, [
		...["monitor", "-H", dead, "check_exit", "0"],
	]);
	assert.equal(stderr, `happo-ctl: ${dead}: connection refused\n`);
	assert.equal(stdout, "");
	assert.equal(code, 3);
	const json = await ctl(t, [
		...["monitor", "-o", "json", "-H", host, "check_exit", "2"],
	]);
	const [answer] = JSON.parse(json.stdout);
	assert.equal(answer.ok, true);
	assert.equal(answer.data.return_value, 2);
	assert.equal(json.code, 2);
});

test("several agents: the exit status is that of the worst state", async (t) => {
	const agents = await Promise.all(
		[0, 1, 2, 7].map((return_value) =>
			answering(t, (response) =>
				json(response, { return_value, message: `says ${return_value}\nmore` }),
			),
		),
	);
	const hosts = agents.map(({ port }) => `127.0.0.1:${port}`);
	const [ok = "", warning = "", critical = "", other = ""] = hosts;
	for (const [asked, expected] of [
		[[ok, warning], 1],
		[[ok, warning, other], 3],
		[[ok, dead], 3],
		[[critical, dead], 2],
		[[critical, warning, ok, other], 2],
	] as const) {
		const { code, stdout } = await ctl(t, [
			...["monitor", "-H", asked.join(","), "check_x"],
		]);
		assert.equal(code, expected, stdout);
	}
	const { stdout } = await ctl(t, [
		...["monitor", "-H", hosts.join(","), "check_x"],
	]);
	assert.match(stdout, /^127\S+ +OK +says 0\n {4}more$/m);
	assert.match(stdout, /^127\S+ +status 7 +says 7$/m);
});

test("a plugin that reaches its time limit is CRITICAL; an invalid plugin name is refused", async (t) => {
	const slow = await startWithPlugins(t, ["--command-timeout", "1"]);
	const late = await ctl(t, [
		...["monitor", "-H", `127.0.0.1:${slow.port}`, "check_sleep", "20"],
	]);
	assert.match(late.stdout, /Exec timeout/);
	assert.equal(late.code, 2);
	const refused = await ctl(t, ["monitor", "-H", host, "../check_exit", "0"]);
	assert.match(refused.stderr, /plugin_name: .*\(400\)/);
	assert.equal(refused.code, 3);
});

test("inventory: the command's output and exit status", async (t) => {
	const run = (...args: string[]) => ctl(t, ["inventory", "-H", host, ...args]);
	const words = await run("printf", "%s|", "a b", "-H", "$x");
	assert.equal(words.stdout, "a b|-H|$x|\n");
	assert.equal(words.code, 0);
	const line = await run("echo one two | wc -w");
	assert.equal(line.stdout.trim(), "2");
	const failed = await run("echo no; exit 7");
	assert.equal(failed.stdout, "no\n");
	assert.equal(failed.code, 7);
	const many = await ctl(t, [
		...["inventory", "-H", `${host},${dead}`, "echo", "x"],
	]);
	assert.equal(many.stdout, `==> ${host} <==\nx\n`);
	assert.match(many.stderr, /connection refused/);
	assert.equal(many.code, 1);
	const raw = await run("printf '\\033[31mred\\r\\n'");
	assert.equal(raw.stdout, "\\x1b[31mred\n");
});

test("machine-state reports no snapshots, lists them and shows one", async (t) => {
	const quiet = await startWithPlugins(t, [
		"--error-log-interval-seconds=0",
		"--machine-state-commands=echo",
	]);
	const fresh = ["-H", `127.0.0.1:${quiet.port}`];
	const none = await ctl(t, ["machine-state", ...fresh]);
	assert.match(none.stderr, /no snapshots/);
	assert.equal(none.code, 0);
	await ctl(t, ["monitor", ...fresh, "check_exit", "2"]);
	let keys: string[] = [];
	await eventually(
		"there is a snapshot",
		async () => {
			const { stdout } = await ctl(t, [
				...["machine-state", "-o", "json", ...fresh],
			]);
			keys = JSON.parse(stdout)[0].data.keys;
			return keys.length > 0;
		},
		20_000,
	);
	const list = await ctl(t, ["machine-state", ...fresh]);
	assert.match(list.stdout, /^HOST +KEY +TAKEN +AGE\n127\S+ +s-\d+ +20\d\d-/);
	const one = await ctl(t, ["machine-state", keys[0] ?? "", ...fresh]);
	assert.match(one.stdout, /^\*{10} /);
	assert.equal(one.code, 0);
	const missing = await ctl(t, ["machine-state", "s-1", ...fresh]);
	assert.match(missing.stderr, /no snapshot s-1 \(404\)/);
	assert.equal(missing.code, 1);
});
