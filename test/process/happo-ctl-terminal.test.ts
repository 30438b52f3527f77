import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, test } from "node:test";
import { promisify } from "node:util";
import { freePort } from "../support/command-line.ts";
import { type StartedDaemon, startDaemon } from "../support/daemon.ts";
import { ctlProgram, testNode } from "../support/happo-ctl.ts";
import { answering } from "../support/next-hop.ts";
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

/** Everything that a terminal with this many columns receives, including standard error. */
async function onTerminal(
	t: Parameters<typeof temporaryDirectory>[0],
	args: readonly string[],
	{ columns = 120, environment = {} } = {},
) {
	const line = `stty cols ${columns} rows 40; exec ${testNode} ${ctlProgram} ${args.join(" ")}`;
	const { stdout } = await run("script", ["-qec", line, "/dev/null"], {
		env: {
			PATH: process.env.PATH,
			HOME: await temporaryDirectory(t),
			TERM: "xterm",
			SHELL: "/bin/sh",
			...environment,
		},
		timeout: 30_000,
	}).catch((error) => error as { stdout: string });
	return stdout.replaceAll("\r\n", "\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape is what is looked for
const colours = /\x1b\[[\d;]*m/g;

test("a terminal gets colours, unless NO_COLOR is set", { skip }, async (t) => {
	const args = ["status", "-H", `127.0.0.1:${agent.port}`];
	const text = await onTerminal(t, args);
	assert.match(text, colours);
	assert.match(text.replace(colours, ""), /^HOST +VERSION/);
	for (const environment of [{ NO_COLOR: "1" }, { TERM: "dumb" }]) {
		const plain = await onTerminal(t, args, { environment });
		assert.ok(!plain.includes("\x1b"), JSON.stringify(plain));
		assert.match(plain, /^HOST +VERSION/);
	}
	const json = await onTerminal(t, [...args, "-o", "json"]);
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
		for (const line of text.replace(colours, "").split("\n"))
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
	assert.match(text, /[█░]{20} 5\/6 127\.0\.0\.1:\d+ \(1 s\)/);
	const left = text.slice(text.lastIndexOf("\x1b[2K"));
	assert.ok(!left.includes("░"), "the bar is gone");
	assert.match(left, /5 hosts: connection refused: 127\.0\.0\.1:/);
});
