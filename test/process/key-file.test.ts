import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { brokerClient, brokerProcess, textOf } from "../support/broker.ts";
import { checkAt } from "../support/check-happo.ts";
import { run } from "../support/command-line.ts";
import { ctl } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { local } from "../support/relaying.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const key = "Xh3vY0mO-_qJ8sGf7dTzR1wKc5uNbLpAeVi2yQ4tU6E";
const refusal =
	/a key is only sent to an agent whose certificate is verified or pinned/;
const exposed =
	/--key-file \S+: mode 0644, every user of this machine can read it \(chmod 600\)\n$/;

/** A server that answers like an agent, the file of its CA, and one with a key. */
async function setUp(t: TestContext) {
	const server = await answering(t, (response) =>
		json(response, { return_value: 0, message: "OK\n" }),
	);
	const directory = await temporaryDirectory(t);
	const caFile = join(directory, "ca.pem");
	await writeFile(caFile, server.certificate);
	const { fingerprint256 } = new X509Certificate(server.certificate);
	const keyFile = join(directory, "key");
	await writeFile(keyFile, `${key}\nsecond line\n`, { mode: 0o600 });
	/** The keys of the requests since the last call. */
	const keys = () =>
		server.arrived
			.splice(0)
			.map(({ body, headers }) =>
				body.length > 0
					? JSON.parse(body.toString()).apikey
					: headers.authorization,
			);
	return { ...server, caFile, fingerprint256, keyFile, keys };
}

test("check_happo sends its key to a verified agent, and to no other", async (t) => {
	const { port, caFile, fingerprint256, keyFile, keys, accepted, arrived } =
		await setUp(t);
	for (const trust of [
		["--ca-file", caFile],
		["--fingerprint", fingerprint256],
	]) {
		const checked = await checkAt(port, ...trust, "--key-file", keyFile);
		assert.deepEqual(checked, { stdout: "OK\n", stderr: "", status: 0 });
		assert.deepEqual(keys(), [key]);
	}
	// through a bastion: one key for it, and one in the check
	await checkAt(
		1,
		"-X",
		local(port),
		"--ca-file",
		caFile,
		"--key-file",
		keyFile,
	);
	const body = JSON.parse(arrived[0]?.body.toString() ?? "");
	assert.equal(body.apikey, key);
	const inner = Buffer.from(body.request_json, "base64").toString();
	assert.equal(JSON.parse(inner).apikey, key);
	const before = accepted();
	const refused = await checkAt(port, "--key-file", keyFile);
	assert.match(refused.stdout, refusal);
	assert.equal(refused.status, 3);
	assert.equal(accepted(), before);
});

test("check_happo hides the key, warns of a file that others can read, and names a bad one", async (t) => {
	const { port, caFile, keyFile, keys } = await setUp(t);
	const verified = (...more: string[]) =>
		checkAt(port, "--ca-file", caFile, "--key-file", keyFile, ...more);
	for (const more of [[], ["-X", local(port)]]) {
		const { stderr } = await verified("-v", ...more);
		assert.match(stderr, /apikey":"\(hidden\)"/);
		assert.ok(!stderr.includes(key));
		assert.ok(
			!stderr.includes(Buffer.from(key).toString("base64").slice(4, 40)),
		);
	}
	await chmod(keyFile, 0o644);
	keys();
	const { stdout, stderr } = await verified();
	assert.equal(stdout, "OK\n");
	assert.match(stderr, exposed);
	assert.deepEqual(keys(), [key]);
	for (const [text, reason] of [
		["\n", /its first line is empty\n$/],
		["two words\n", /not a key: /],
	] as const) {
		await writeFile(keyFile, text);
		const bad = await verified();
		assert.match(bad.stdout, /^ERROR\(check_happo\): --key-file /);
		assert.match(bad.stdout, reason);
		assert.equal(bad.status, 2);
	}
	assert.deepEqual(keys(), []);
});

test("append_metric sends its key to a verified agent, and to no other", async (t) => {
	const { port, caFile, keyFile, keys, accepted } = await setUp(t);
	const endpoint = `https://${local(port)}`;
	const append = (...more: string[]) =>
		run(t, ["append_metric", "-b", endpoint, "--key-file", keyFile, ...more], {
			stdin: "a 1 1444028730\n",
		});
	assert.equal((await append("--ca-file", caFile)).stderr, "");
	assert.deepEqual(keys(), [key]);
	await chmod(keyFile, 0o644);
	assert.match((await append("--ca-file", caFile)).stderr, exposed);
	const before = accepted();
	for (const [more, reason] of [
		[[], refusal],
		[["--ca-file", caFile, "-b", `http://${local(port)}`], refusal],
		[["--ca-file", caFile, "-a", "k"], /--key-file and --api-key: only one/],
	] as const) {
		const { code, stderr } = await append(...more);
		assert.match(stderr, reason);
		assert.equal(code, 1);
	}
	assert.equal(accepted(), before);
});

test("happo-ctl sends its key to verified agents, and to no others", async (t) => {
	const { port, caFile, keyFile, keys, accepted } = await setUp(t);
	const host = ["-H", local(port)];
	const check = (...flags: readonly string[]) => [
		...["monitor", ...host, ...flags, "check_x"],
	];
	const given = ["--key-file", keyFile];
	const verified = ["--ca-file", caFile];
	await ctl(t, check(...verified, ...given));
	// a GET has no body
	await ctl(t, ["status", ...host, ...verified, ...given]);
	assert.deepEqual(keys(), [key, `Bearer ${key}`]);
	await chmod(keyFile, 0o644);
	const { stderr } = await ctl(t, check(...verified, ...given));
	assert.match(stderr, /^happo-ctl: warning: --key-file /);
	assert.match(stderr, exposed);
	const before = accepted();
	for (const [args, environment] of [
		[check("--insecure", ...given), {}],
		[check("--insecure"), { HAPPO_CTL_API_KEY: key }],
		// this machine's agent is not verified without a CA, and anyone could listen there
		[check(...given), {}],
	] as const) {
		const refused = await ctl(t, args, { environment });
		assert.match(refused.stderr, refusal);
		assert.equal(refused.code, 2);
	}
	assert.equal(accepted(), before);
	const bad = await ctl(t, check(), {
		environment: { HAPPO_CTL_API_KEY: "a b" },
	});
	assert.match(bad.stderr, /HAPPO_CTL_API_KEY: not a key: /);
});

test("a broker sends its key to verified agents, and to no others", async (t) => {
	const { port, caFile, fingerprint256, keyFile, keys, accepted } =
		await setUp(t);
	const known = join(await temporaryDirectory(t), "known-hosts");
	await writeFile(known, `${local(port)} ${fingerprint256}\n`);
	const words = (at: number) => [
		`--host=127.0.0.1`,
		`--port=${at}`,
		"--plugin-name=check_x",
	];
	for (const trust of [
		["--ca-file", caFile],
		["--known-hosts", known],
	]) {
		const broker = await brokerProcess(t, [...trust, "--key-file", keyFile]);
		const client = await brokerClient(t, broker.socket);
		client.check(words(port));
		assert.equal(textOf(await client.next()), "OK\n");
		assert.deepEqual(keys(), [key]);
		if (trust[0] === "--known-hosts") {
			// without a CA, agents on this machine are not verified
			const other = await setUp(t);
			client.check(words(other.port));
			assert.match(textOf(await client.next()), refusal);
			assert.equal(other.accepted(), 0);
		}
		broker.process.kill("SIGKILL");
	}
	const before = accepted();
	const socket = join(await temporaryDirectory(t), "broker.sock");
	const insecure = await ctl(t, [
		...["broker", "--listen", socket, "--insecure", "--key-file", keyFile],
	]);
	assert.match(insecure.stderr, refusal);
	assert.equal(insecure.code, 2);
	assert.equal(accepted(), before);
});
