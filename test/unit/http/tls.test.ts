import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import {
	type KeyPair,
	loadKeyPair,
	tlsOptions,
} from "../../../src/tls/key-pair.ts";
import { createKeyPairFiles } from "../../../src/tls/key-pair-files.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const run = promisify(execFile);

let hasOpenssl = true;
try {
	execFileSync("openssl", ["version"]);
} catch {
	hasOpenssl = false;
}

/** The output of `openssl s_client` for one handshake, and whether it succeeded. */
async function handshake(port: number, words: string) {
	const started = run("openssl", [
		"s_client",
		"-connect",
		`127.0.0.1:${port}`,
		...words.split(" "),
	]);
	started.child.stdin?.end();
	try {
		const { stdout, stderr } = await started;
		return { done: true, text: stdout + stderr };
	} catch (error) {
		const { stdout, stderr } = error as { stdout: string; stderr: string };
		return { done: false, text: stdout + stderr };
	}
}

async function rsaPair(t: Pick<TestContext, "after">): Promise<KeyPair> {
	const directory = await temporaryDirectory(t);
	const certificateFile = join(directory, "certificate");
	const privateKeyFile = join(directory, "key");
	const words =
		"req -x509 -newkey rsa:2048 -passout pass:secret -subj /CN=web1 -days 90";
	await run("openssl", [
		...words.split(" "),
		...["-keyout", privateKeyFile, "-out", certificateFile],
	]);
	const passphrase = "secret";
	return loadKeyPair({ certificateFile, privateKeyFile, passphrase });
}

async function ecPair(t: Pick<TestContext, "after">): Promise<KeyPair> {
	const directory = await temporaryDirectory(t);
	const pair = await createKeyPairFiles({
		certificateFile: join(directory, "certificate"),
		privateKeyFile: join(directory, "key"),
		now: new Date(),
	});
	assert.ok(pair);
	return pair;
}

// @SECLEVEL=0 lets the client offer everything, so that only the server refuses.
const refusals: [string, RegExp][] = [
	["-tls1 -cipher ALL:@SECLEVEL=0", /alert protocol version/],
	["-tls1_1 -cipher ALL:@SECLEVEL=0", /alert protocol version/],
	...[
		"ECDHE-KEY-AES128-SHA256",
		"ECDHE-KEY-AES128-SHA",
		"ECDHE-KEY-AES256-SHA384",
		"AES128-GCM-SHA256",
		"AES128-SHA",
		"DHE-RSA-AES128-GCM-SHA256",
		"aNULL",
		"eNULL",
		"ALL:!ECDHE:!PSK",
	].map((cipher): [string, RegExp] => [
		`-tls1_2 -cipher ${cipher}:@SECLEVEL=0`,
		/alert handshake failure/,
	]),
	["-tls1_2 -alpn h2", /alert no application protocol/],
];

const successes: [string, string][] = [
	["-tls1_2", "TLSv1.2, Cipher is ECDHE-KEY-AES128-GCM-SHA256"],
	...[
		"ECDHE-KEY-AES128-GCM-SHA256",
		"ECDHE-KEY-AES256-GCM-SHA384",
		"ECDHE-KEY-CHACHA20-POLY1305",
	].map((cipher): [string, string] => [
		`-tls1_2 -cipher ${cipher}`,
		`TLSv1.2, Cipher is ${cipher}`,
	]),
	[
		"-tls1_2 -cipher ECDHE-KEY-CHACHA20-POLY1305:ECDHE-KEY-AES256-GCM-SHA384:ECDHE-KEY-AES128-GCM-SHA256",
		"TLSv1.2, Cipher is ECDHE-KEY-AES128-GCM-SHA256",
	],
	["-tls1_3", "TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256"],
	[
		"-tls1_3 -ciphersuites TLS_CHACHA20_POLY1305_SHA256",
		"TLSv1.3, Cipher is TLS_CHACHA20_POLY1305_SHA256",
	],
	["-tls1_2 -alpn h2,http/1.1", "ALPN protocol: http/1.1"],
	[
		"-tls1_2 -alpn http/1.1 -servername any.example.com",
		"ALPN protocol: http/1.1",
	],
	...["X25519", "P-256", "P-384", "P-521"].map((curve): [string, string] => [
		`-tls1_3 -groups ${curve}`,
		"TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256",
	]),
];

for (const [key, makePair] of [
	["RSA", rsaPair],
	["ECDSA", ecPair],
] as const)
	test(`TLS with an ${key} key`, async (t) => {
		if (!hasOpenssl) return t.skip("openssl is not installed");
		const server = createServer(tlsOptions(await makePair(t)));
		t.after(() => {
			server.closeAllConnections();
			server.close();
		});
		server.listen(0, "127.0.0.1");
		await once(server, "listening");
		const { port } = server.address() as AddressInfo;
		for (const [words, alert] of refusals)
			await t.test(`refused: ${words}`, async () => {
				const answer = await handshake(port, words.replaceAll("KEY", key));
				assert.match(answer.text, alert);
				assert.equal(answer.done, false);
			});
		for (const [words, agreed] of successes)
			await t.test(`accepted: ${words}`, async () => {
				const answer = await handshake(port, words.replaceAll("KEY", key));
				assert.equal(answer.done, true, answer.text);
				const line = agreed.replaceAll("KEY", key);
				assert.ok(answer.text.includes(`${line}\n`), answer.text);
			});
	});
