import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { assertRefused, freePort, run } from "../support/command-line.ts";
import { ownNode } from "../support/daemon.ts";
import { testStart } from "../support/node-cases.ts";
import { temporaryDirectory } from "../support/temporary.ts";

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
	for (const [settings, ...words] of [
		[{ "private-key": missing }, missing, "no such file"],
		[{ "public-key": missing }, missing, "no such file"],
		[{ "private-key": garbage }, garbage, "no PEM private key"],
		[{ "public-key": garbage }, garbage, "no PEM certificate"],
		[{ "public-key": directory }, directory, "directory"],
		// swapped
		[{ "private-key": pair["public-key"] }, pair["public-key"], "private key"],
		// each is valid, but they do not match
		[{ "public-key": other["public-key"] }, other["public-key"], key],
	] as const)
		assertRefused(
			await start(settings),
			1,
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

testStart(ownNode);
