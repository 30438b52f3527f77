import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { promisify } from "node:util";
import { fixtures } from "../support/agent.ts";
import { startDaemon } from "../support/daemon.ts";
import { post } from "../support/https.ts";
import { lacksPeer } from "../support/peer.ts";

const run = promisify(execFile);

/** Why a program cannot be used; undefined if it prints its version. */
const missing = (name: "curl" | "openssl" | "wget"): string | undefined =>
	spawnSync(name, [name === "openssl" ? "version" : "--version"]).status === 0
		? undefined
		: `${name} is not installed`;

const directories = ["/usr/lib64/nagios/plugins", "/usr/lib/nagios/plugins"];

describe("real monitoring plugins through /monitor", () => {
	/** A check with a plugin that must be installed. */
	const realCheck = (
		name: string,
		run: (
			check: (option: string) => Promise<{ value: number; message: string }>,
			port: number,
		) => Promise<void>,
	) =>
		it(name, async (t) => {
			const found = directories.some((directory) =>
				existsSync(join(directory, name)),
			);
			const reason = "monitoring-plugins-basic is not installed";
			if (lacksPeer(t, found ? undefined : reason)) return;
			const { port } = await startDaemon(t);
			await run(async (option) => {
				const { status, json } = await post(port, "/monitor", {
					apikey: "",
					plugin_name: name,
					plugin_option: option,
				});
				assert.equal(status, 200);
				const { return_value: value, message } = json as {
					return_value: number;
					message: string;
				};
				return { value, message };
			}, port);
		});

	realCheck("check_dummy", async (_check, port) => {
		const states = ["OK", "WARNING", "CRITICAL", "UNKNOWN"];
		for (const [value, state] of states.entries()) {
			const { text } = await post(port, "/monitor", {
				plugin_name: "check_dummy",
				plugin_option: `${value} hello`,
			});
			assert.equal(
				text,
				`{"return_value":${value},"message":"${state}: hello\\n"}`,
			);
		}
	});

	realCheck("check_procs", async (check) => {
		const fine = await check("-w 100000 -c 200000");
		assert.equal(fine.value, 0);
		assert.match(fine.message, /^PROCS OK: \d+ process(es)?.*\n$/);
		const many = await check("-w 0 -c 200000");
		assert.equal(many.value, 1);
		assert.match(many.message, /^PROCS WARNING: \d+ process/);
	});

	realCheck("check_load", async (check) => {
		const { value, message } = await check(
			"-w 1000,1000,1000 -c 2000,2000,2000",
		);
		assert.equal(value, 0);
		assert.match(message, /load average: .*\|\s*'?load1'?=\d+\.\d+;/);
	});

	realCheck("check_users", async (check) => {
		const { value, message } = await check("-w 100000 -c 200000");
		assert.equal(value, 0);
		assert.match(message, /^USERS OK - \d+ users .*\|\s*'?users'?=\d+;/);
	});

	realCheck("check_disk", async (check) => {
		const { message } = await check("-w 1% -c 1% -p /");
		assert.match(message, /^DISK \w+.*\|\s*'?\/'?=\d+/);
	});

	realCheck("check_tcp", async (check, port) => {
		const open = await check(`-H 127.0.0.1 -p ${port}`);
		assert.equal(open.value, 0);
		assert.match(open.message, /^TCP OK .*\|\s*time=/);
		const closed = await check("-H 127.0.0.1 -p 1");
		assert.equal(closed.value, 2);
	});

	realCheck("check_http", async (check, port) => {
		const self = await check(`-H 127.0.0.1 -p ${port} -S -u / -s OK`);
		assert.equal(self.value, 0, self.message);
		assert.match(self.message, /^HTTP OK: HTTP\/1\.1 200 OK/);
	});
});

describe("the clients of the documentation", () => {
	const flags = ["--nagios-plugin-paths", join(fixtures, "plugins")];
	const check =
		'{"apikey": "", "plugin_name": "check_exit", "plugin_option": "1"}';
	const answer = '{"return_value":1,"message":"exit 1 says hello\\n"}';
	const uname = '{"apikey": "", "command": "uname", "command_option": "-s"}';

	it("wget", async (t) => {
		if (lacksPeer(t, missing("wget"))) return;
		const { port } = await startDaemon(t, flags);
		const wget = async (path: string, ...more: string[]) => {
			const { stdout } = await run("wget", [
				...["-q", "--no-check-certificate", "-O", "-"],
				`https://127.0.0.1:${port}${path}`,
				...more,
			]);
			return stdout;
		};
		assert.equal(await wget("/"), "OK");
		assert.equal(await wget("/monitor", `--post-data=${check}`), answer);
		assert.match(
			await wget("/inventory", `--post-data=${uname}`),
			/^\{"return_code":0,"return_value":"\w+\\n"\}$/,
		);
	});

	it("curl --http1.0, which offers http/1.0 in its handshake", async (t) => {
		if (lacksPeer(t, missing("curl"))) return;
		const { port } = await startDaemon(t);
		const { stdout } = await run("curl", [
			...["-s", "-S", "-k", "--max-time", "20", "--http1.0"],
			`https://127.0.0.1:${port}/`,
		]);
		assert.equal(stdout, "OK");
	});

	it("curl", async (t) => {
		if (lacksPeer(t, missing("curl"))) return;
		const { port } = await startDaemon(t, flags);
		const curl = async (path: string, ...more: string[]) => {
			const { stdout } = await run("curl", [
				...["-s", "-k", "--max-time", "20", ...more],
				`https://127.0.0.1:${port}${path}`,
			]);
			return stdout;
		};
		assert.equal(await curl("/"), "OK");
		for (const more of [
			[],
			["-H", "Content-Type: application/json"],
			["-H", "Content-Type:"],
			["-H", "Transfer-Encoding: chunked"],
			["-H", "Expect: 100-continue"],
			["--http2"],
			["--tlsv1.3"],
			["--tls-max", "1.2"],
		])
			assert.equal(
				await curl("/monitor", "-d", check, ...more),
				answer,
				more.join(" "),
			);
		assert.match(await curl("/", "-I"), /^HTTP\/1\.1 200 OK\r\n/);
		assert.match(await curl("/monitor", "-i"), /^HTTP\/1\.1 405 [\s\S]*POST/);
	});
});

describe("openssl s_client", () => {
	/** Its output for one handshake with the running daemon, and whether the handshake succeeded. */
	async function handshake(t: TestContext, words: string) {
		const { port } = await startDaemon(t);
		const started = run("openssl", [
			...["s_client", "-connect", `127.0.0.1:${port}`],
			...words.split(" "),
		]);
		started.child.stdin?.end();
		return started.then(
			({ stdout, stderr }) => ({ done: true, text: stdout + stderr }),
			({ stdout, stderr }: { stdout: string; stderr: string }) => ({
				done: false,
				text: stdout + stderr,
			}),
		);
	}
	const attempt = (words: string, done: boolean, says: RegExp) =>
		it(`${words}: ${done ? "connects" : "is refused by the server"}`, async (t) => {
			if (lacksPeer(t, missing("openssl"))) return;
			const shaken = await handshake(t, words);
			assert.match(shaken.text, says);
			assert.equal(shaken.done, done, shaken.text);
		});

	// an alert comes from the server
	attempt("-tls1 -cipher ALL:@SECLEVEL=0", false, /alert protocol version/);
	attempt("-tls1_1 -cipher ALL:@SECLEVEL=0", false, /alert protocol version/);
	for (const suite of [
		"ECDHE-ECDSA-AES128-SHA256",
		"ECDHE-ECDSA-AES256-SHA384",
		"ECDHE-ECDSA-AES128-SHA",
		"AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES128-CCM8",
		"aNULL",
	])
		attempt(
			`-tls1_2 -cipher ${suite}:@SECLEVEL=0`,
			false,
			/alert handshake failure/,
		);
	attempt(
		"-tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256",
		true,
		/Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/,
	);
	attempt("-tls1_3", true, /Cipher is TLS_AES_128_GCM_SHA256/);
});
