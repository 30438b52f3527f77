import assert from "node:assert/strict";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { assertRefused, run } from "../support/command-line.ts";
import { ownNode, program, startProgram } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { testStart } from "../support/node-cases.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const node = process.env.HAPPO_TEST_NODE ?? process.execPath;

/** A directory with two key pairs, and a function that starts the agent with given files. */
async function prepared(t: Parameters<typeof temporaryDirectory>[0]) {
	const directory = await temporaryDirectory(t);
	const pair = await writeTestKeyPair(directory);
	const other = await writeTestKeyPair(join(directory, "other"));
	const start = (settings: Record<string, string> = {}) =>
		run(
			t,
			[
				"daemon",
				...Object.entries({
					port: "0",
					"listen-address": "127.0.0.1",
					logfile: "log",
					...pair,
					...settings,
				}).map(([name, value]) => `--${name}=${value}`),
			],
			{ directory },
		);
	return { directory, pair, other, start };
}

test("an unusable certificate or key aborts startup", async (t) => {
	const { directory, pair, other, start } = await prepared(t);
	const garbage = join(directory, "garbage");
	await writeFile(garbage, "no key\n");
	const missing = join(directory, "missing");
	const key = pair["private-key"];
	// 1: a new start may help, 78: not until a file is changed
	for (const [status, settings, ...words] of [
		[1, { "private-key": missing }, missing, "no such file"],
		[1, { "public-key": missing }, missing, "no such file"],
		[78, { "private-key": garbage }, garbage, "no PEM private key"],
		[78, { "public-key": garbage }, garbage, "no PEM certificate"],
		[1, { "public-key": directory }, directory, "directory"],
		// swapped
		[
			78,
			{ "private-key": pair["public-key"] },
			pair["public-key"],
			"private key",
		],
		// each is valid, but they do not match
		[78, { "public-key": other["public-key"] }, other["public-key"], key],
		[78, { "proxy-ca-file": garbage }, garbage],
		[1, { "proxy-ca-file": missing }, missing],
		[78, { "client-ca-file": garbage }, garbage],
		[78, { policy: garbage }, garbage],
	] as const)
		assertRefused(
			await start(settings),
			status,
			new RegExp(words.map((word) => `(?=.*${word})`).join("")),
		);
	assertRefused(
		await run(t, ["daemon", "-P", "0", "--listen-address", "127.0.0.1"]),
		1,
		/\.\/happo-agent\.pub: .*quick-start/,
	);
});

test("a port in use aborts startup", async (t) => {
	const { start } = await prepared(t);
	const server = createServer();
	t.after(() => server.close());
	const port = await freePort();
	await new Promise<void>((resolve) => {
		server.listen(port, "127.0.0.1", resolve);
	});
	assertRefused(
		await start({ port: String(port) }),
		1,
		new RegExp(`port ${port} of 127\\.0\\.0\\.1: .*in use`),
	);
	assertRefused(
		await start({ "listen-address": "192.0.2.1" }),
		1,
		/192\.0\.2\.1: not an address of this machine/,
	);
});

test("a log that cannot be written aborts startup", async (t) => {
	const { directory, start } = await prepared(t);
	await mkdir(join(directory, "folder"));
	assertRefused(
		await start({ logfile: "folder" }),
		1,
		/folder: is a directory/,
	);
	assertRefused(
		await start({ logfile: "none/log" }),
		1,
		/none\/log: no such file or directory/,
	);
	if (process.getuid?.() === 0) return;
	await chmod(join(directory, "folder"), 0o500);
	assertRefused(await start({ logfile: "folder/log" }), 1, /permission denied/);
});

test("a Node that is too old is named, and nothing else is loaded", async (t) => {
	const directory = await temporaryDirectory(t);
	const dist = dirname(program);
	for (const [version, isOld] of [
		["18.20.8", true],
		["20.18.3", true],
		["20.19.0", false],
		["21.7.3", true],
		["22.11.0", true],
		["22.12.0", false],
		["24.0.0", false],
	] as const) {
		const file = join(directory, `${version}.cjs`);
		await writeFile(
			file,
			`Object.defineProperty(process.versions, "node", { value: "${version}" });\n`,
		);
		const asked = (name: string) =>
			startProgram(t, ["--version"], {
				program: join(dist, name),
				nodeFlags: ["--require", file],
			}).exited;
		const [agent, ctl, check] = await Promise.all(
			["happo-agent.js", "happo-ctl.js", "check_happo.cjs"].map(asked),
		);
		const reason = `needs Node.js 20.19, 22.12 or newer, and ${node} is ${version}\n`;
		for (const [name, told] of Object.entries({
			"happo-agent": agent,
			"happo-ctl": ctl,
		})) {
			assert.equal(told?.stderr, isOld ? `${name}: ${reason}` : "");
			assert.equal(told?.code, isOld ? 78 : 0);
		}
		// a monitoring system shows standard output
		if (isOld) assert.equal(check?.stdout, `UNKNOWN(check_happo): ${reason}`);
		assert.equal(check?.code, isOld ? 3 : 0);
	}
});

testStart(ownNode);
