import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { type StartedDaemon, startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { ctl, ctlProgram, testNode } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { wholeFile } from "../support/whole-file.ts";

const run = promisify(execFile);
const present = await run("script", ["--version"]).then(
	({ stdout }) => stdout.includes("util-linux"),
	() => false,
);
const skip = present ? false : "no script of util-linux";

const file = wholeFile();
let agent: StartedDaemon;

before(async () => {
	agent = await startDaemon(file, ["--disable-collect-metrics"]);
});

/** What a shell of the terminal runs, and its variables. */
async function shellOf(
	t: Parameters<typeof temporaryDirectory>[0],
	args: readonly string[],
	columns: number,
) {
	const line = `stty cols ${columns} rows 40; exec ${testNode} ${ctlProgram} ${args.join(" ")}`;
	const environment = {
		PATH: process.env.PATH,
		HOME: await temporaryDirectory(t),
		TERM: "xterm",
		SHELL: "/bin/sh",
	};
	return { words: ["-qec", line, "/dev/null"], environment };
}

/**
 * Runs a command on a terminal until its text so far matches, and then types Ctrl-C. Returns the
 * exit status and everything that the terminal received.
 */
async function interrupted(
	t: Parameters<typeof temporaryDirectory>[0],
	args: readonly string[],
	{ columns, when }: { columns: number; when: RegExp },
) {
	const { words, environment } = await shellOf(t, args, columns);
	const child = spawn("script", words, {
		env: environment,
		stdio: ["pipe", "pipe", "ignore"],
		timeout: 60_000,
		killSignal: "SIGKILL",
	});
	let text = "";
	let isTyped = false;
	child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
		text += chunk;
		if (isTyped || !when.test(text.replace(sequences, ""))) return;
		isTyped = true;
		child.stdin.write("\x03");
	});
	const [code] = await once(child, "close");
	return { code, text: text.replaceAll("\r\n", "\n") };
}

/** Everything that a terminal with this many columns receives, including standard error. */
async function onTerminal(
	t: Parameters<typeof temporaryDirectory>[0],
	args: readonly string[],
	{ columns = 120, environment = {} } = {},
) {
	const shell = await shellOf(t, args, columns);
	const { stdout } = await run("script", shell.words, {
		env: { ...shell.environment, ...environment },
		timeout: 30_000,
	}).catch((error) => error as { stdout: string });
	return stdout.replaceAll("\r\n", "\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
const colours = /\x1b\[[\d;]*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
const sequences = /\x1b\[[?\d;]*[A-Za-z]/g;
/** The text without progress, which a slow machine shows. */
const settled = (text: string) =>
	// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
	text.replace(/[^\n]*\r\x1b\[2K/g, "");
const leavesScreen = "\x1b[?7h\x1b[?25h\x1b[?1049l";

test("a terminal gets colours, unless NO_COLOR is set", { skip }, async (t) => {
	const args = ["status", "-H", `127.0.0.1:${agent.port}`];
	const text = settled(await onTerminal(t, args));
	assert.match(text, colours);
	assert.match(text.replace(colours, ""), /^HOST +VERSION/);
	for (const environment of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
		const plain = settled(await onTerminal(t, args, { environment }));
		assert.ok(!plain.includes("\x1b"), JSON.stringify(plain));
		assert.match(plain, /^HOST +VERSION/);
	}
	const json = settled(await onTerminal(t, [...args, "-o", "json"]));
	assert.ok(!json.includes("\x1b"));
	assert.doesNotThrow(() => JSON.parse(json));
});

test("a table is no wider than the terminal", { skip }, async (t) => {
	for (const columns of [60, 80, 100]) {
		const text = await onTerminal(
			t,
			["status", "-H", `127.0.0.1:${agent.port}`],
			{
				columns,
			},
		);
		for (const line of settled(text).replace(colours, "").split("\n"))
			assert.ok([...line].length <= columns, `${columns}: ${line}`);
	}
});

test("what takes longer than a second shows a progress bar, which disappears at the end", {
	skip,
}, async (t) => {
	const slow = await answering(t, (response) => {
		setTimeout(() => response.end("{}"), 1_600);
	});
	const dead = await freePort();
	const hosts = [1, 2, 3, 4, 5].map((last) => `127.0.0.${last}:${dead}`);
	const text = await onTerminal(t, [
		...[
			"status",
			"request",
			"-H",
			[...hosts, `127.0.0.1:${slow.port}`].join(","),
		],
	]);
	assert.match(text, /[█░]{20} 5\/6 127\.0\.0\.1:\d+ \(\d+ s\)/);
	const left = text.slice(text.lastIndexOf("\x1b[2K"));
	assert.ok(!left.includes("░"), "the bar is gone");
	assert.match(left, /5 hosts: connection refused: 127\.0\.0\.1:/);
});

test("status --follow shows agents that answer beside dead and silent ones, and gives the terminal back", {
	skip,
}, async (t) => {
	const silent = await answering(t, () => {});
	const dead = await freePort();
	const hosts = [
		`127.0.0.1:${silent.port}`,
		...[2, 3, 4].map((last) => `127.0.0.${last}:${dead}`),
		`127.0.0.1:${agent.port}`,
	];
	const { code, text } = await interrupted(
		t,
		[
			...["status", "--follow", "--interval-seconds", "1"],
			// the silent agent and the dead ones must not hold the only place
			...["--parallel", "1", "-H", hosts.join(",")],
		],
		{
			columns: 80,
			when: new RegExp(
				`127\\.0\\.0\\.1:${silent.port} .*waiting[\\s\\S]*127\\.0\\.0\\.1:${agent.port} .*none[\\s\\S]*3 hosts: connection refused`,
			),
		},
	);
	assert.equal(code, 0);
	assert.ok(text.startsWith("\x1b[?1049h"), JSON.stringify(text.slice(0, 40)));
	const parts = text.split(leavesScreen);
	assert.equal(parts.length, 2);
	// the last frame stays
	assert.match(
		parts[1] ?? "",
		/^5 agents: 3 no answer, 1 waiting, 1 fine [\s\S]*3 hosts: connection refused/,
	);
});

test("metric --follow is a screen that ends with Ctrl-C", {
	skip,
}, async (t) => {
	let pass = 1000;
	const collecting = await answering(t, (response) => {
		pass++;
		response.writeHead(200, { "Content-Type": "text/plain" });
		response.end(
			[
				"# HELP net_packets_total Collected metric net.packets.",
				"# TYPE net_packets_total counter",
				`happo_agent_collection_last_pass_timestamp_seconds ${pass}`,
				`happo_collected_metric{host="h",metric="net.packets"} ${pass * 7}`,
				`happo_collected_metric{host="h",metric="other"} 1`,
				"",
			].join("\n"),
		);
	});
	const { code, text } = await interrupted(
		t,
		[
			...["metric", "-H", `127.0.0.1:${collecting.port}`],
			...["--follow", "--interval-seconds", "1", "'net.*'"],
		],
		{ columns: 60, when: /^h +net\.packets +70\d\d +7\/s/m },
	);
	assert.equal(code, 0);
	const [, last = ""] = text.split(leavesScreen);
	assert.match(last, /^1 metrics of 127\.0\.0\.1:/);
	assert.match(last, /^h +net\.packets +70\d\d +7\/s/m);
	assert.ok(!text.includes("other"));
});

test("without a terminal, status --follow writes a line for each change", async (t) => {
	let lost = 0;
	const changing = await answering(t, (response) =>
		json(response, {
			app_version: "2.0.0",
			uptime_seconds: 100,
			num_goroutine: 1,
			metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
			callers: [],
			leveldb_properties: {},
			store: {
				...{ directory: "", available: true, reason: null, disk_bytes: 0 },
				...{ full: null, refused_writes: 0, retention_waits: null },
				...{ damages: 0, lost_entries: lost++ % 3, last_damage: null },
			},
		}),
	);
	const { code, signal, stdout, stderr } = await ctl(
		t,
		[
			...["status", "-H", `127.0.0.1:${changing.port}`],
			...["-f", "--interval-seconds", "1"],
		],
		{ onOutput: (text) => (text.includes("solved") ? "SIGINT" : undefined) },
	);
	assert.deepEqual(
		{ code, signal, stderr },
		{ code: 0, signal: null, stderr: "" },
	);
	assert.match(
		stdout,
		/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}127\S+ {2}answers, no problems\n.* {2}problem: store: 1 entries lost\n.* {2}solved: store: 2 entries lost\n$/,
	);
	assert.equal(changing.open(), 0);
});

test("status --follow in JSON is a line for each answer, and ends when the reader goes away", async (t) => {
	// a second signal would end the process at once
	let isSent = false;
	const { code, signal, stdout, stderr } = await ctl(
		t,
		["status", "-H", `127.0.0.1:${agent.port}`, "-f", "-o", "json"],
		{
			onOutput(text) {
				if (isSent || !text.includes("\n")) return undefined;
				isSent = true;
				return "SIGTERM";
			},
		},
	);
	assert.ok(isSent, `${signal}: ${stderr}`);
	const { time, host, ok, data } = JSON.parse(stdout.split("\n")[0] ?? "");
	assert.ok(time > 1_700_000_000);
	assert.deepEqual([host, ok], [`127.0.0.1:${agent.port}`, true]);
	assert.equal(typeof data.app_version, "string");
	assert.equal(code, 0);
	const closed = await ctl(
		t,
		[
			...["status", "-H", `127.0.0.1:${agent.port}`],
			...["-f", "--interval-seconds", "1", "-o", "json"],
		],
		{ closesOutput: true },
	);
	assert.deepEqual([closed.code, closed.signal], [0, null]);
});
