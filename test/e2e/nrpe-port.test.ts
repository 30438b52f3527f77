import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { writeTestKeyPair } from "../support/agent.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { send } from "../support/https.ts";
import { checkNrpe, missingNrpe, startNrpe } from "../support/nrpe.ts";
import { lacksPeer } from "../support/peer.ts";
import { makeCertificate } from "../support/small-ca.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";

/** Plugins without arguments, and what they do. */
const plugins: Readonly<Record<string, string>> = {
	fine: "echo 'OK - fine | a=1;2;3'",
	warning: "echo warning; exit 1",
	critical: "echo critical; exit 2",
	unknown: "echo unknown; exit 3",
	four: "echo four; exit 4",
	high: "echo high; exit 255",
	silent: "exit 0",
	"silent-critical": "exit 2",
	errors: "echo 'disk is full' >&2; exit 2",
	both: "echo out; echo err >&2; exit 1",
	lines: "printf 'one|a=1\\ntwo\\nthree|b=2\\n'",
	"two-newlines": "printf 'x\\n\\n'",
	"no-newline": "printf x",
	umlauts: "echo 'gr\u00fcn \u20ac'",
	latin: "printf 'gr\\374n\\n'",
	killed: "echo dying; kill -9 $$",
	"killed-silently": "kill -9 $$",
	short: "head -c 3000 /dev/zero | tr '\\0' z; echo ' | value=1'; exit 1",
	slow: "echo waiting; exec sleep 60",
};

const args = 'for word; do echo "<$word>"; done';

/** A directory of plugins, and policy and nrpe.cfg lines for them. */
async function prepare(t: TestContext) {
	const directory = await temporaryDirectory(t);
	await chmod(directory, 0o755);
	for (const [name, script] of Object.entries({ ...plugins, args })) {
		await writeFile(join(directory, name), `#!/bin/sh\n${script}\n`);
		await chmod(join(directory, name), 0o755);
	}
	const commands = Object.keys(plugins)
		.map(
			(name) =>
				`  ${name}: { run: [${name}]${name === "slow" ? ", timeout: 2s" : ""} }`,
		)
		.join("\n");
	const policy = join(directory, "policy.yaml");
	await writeFile(
		policy,
		`version: 1
mode: enforce
who:
  nagios: { address: [127.0.0.1, "::1"] }
  holder: { certificate: { dns: nagios.example.net } }
commands:
${commands}
  args:
    run: [args, -w, "{arg1}", "{arg2...}"]
    slots: { arg1: { is: text }, arg2: { is: words, options: { -c: word } } }
rules:
  - { who: [nagios, holder], may: check, commands: "*" }
`,
	);
	return { directory, policy };
}

/** Starts the agent with a port for check_nrpe. */
async function startAgent(
	t: TestContext,
	flags: readonly string[] = [],
	address = "127.0.0.1",
) {
	const { directory, policy } = await prepare(t);
	const port = await freePort();
	const daemon = await startDaemon(t, [
		...["--nrpe-port", String(port), "--policy", policy],
		...["--nagios-plugin-paths", directory],
		...["--listen-address", address, "--log-level", "info", ...flags],
	]);
	return { daemon, port, directory };
}

/** Runs check_nrpe; `late` says whether it took longer than it had to. */
const ask = (port: number, words: readonly string[], host = "127.0.0.1") =>
	new Promise<{ status: number; text: string; error: string }>((resolve) =>
		execFile(
			checkNrpe,
			["-H", host, "-p", String(port), ...words],
			{ encoding: "latin1", timeout: 30_000 },
			(error, text, stderr) =>
				resolve({
					status: error ? Number(error.code ?? -1) : 0,
					text,
					error: stderr,
				}),
		),
	);

test("statuses and texts are those of Debian's daemon, with all versions of packets", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const { port, directory } = await startAgent(t);
	const peer = await startNrpe(
		t,
		Object.fromEntries(
			Object.keys(plugins).map((name) => [name, join(directory, name)]),
		),
		["command_timeout=2"],
	);
	for (const name of [...Object.keys(plugins), "no-such-command"])
		for (const version of [[], ["-2"]]) {
			const words = [...version, "-t", "20", "-c", name];
			const [own, theirs] = await Promise.all([
				ask(port, words),
				ask(peer, words),
			]);
			// cut: see below
			if (name === "short" && version[0] === "-2") {
				assert.equal(own.status, theirs.status);
				continue;
			}
			assert.deepEqual(own, theirs, `${name} ${version}`);
			// Debian's daemon does not know version 3
			if (version.length > 0) continue;
			assert.deepEqual(await ask(port, ["-3", ...words]), own, name);
		}
});

test("arguments, the hello command and cut answers, with all versions of packets, over IPv4 and IPv6", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const { daemon, port } = await startAgent(t, [], "::");
	for (const host of ["127.0.0.1", "::1"])
		for (const version of [[], ["-2"], ["-3"]]) {
			const asked = (...words: string[]) =>
				ask(port, [...version, ...words], host);
			assert.deepEqual(
				(await asked("-c", "args", "-a", "a b", "-c 5 -c 'x'")).text,
				"<-w>\n<a b>\n<-c>\n<5>\n<-c>\n<x>\n",
			);
			const refused = await asked("-c", "args", "-a", "a", "-x");
			assert.equal(refused.status, 3);
			assert.match(refused.text, /^NRPE: not permitted: arg2: -x is not one/);
			const hello = await asked();
			assert.equal(hello.status, 0);
			assert.match(hello.text, /^NRPE v4 \(happo-agent \d/);
			const { status, text } = await asked("-c", "short");
			assert.equal(status, 1);
			const lengths = {
				z: text.replaceAll(/[^z]/g, "").length,
				all: text.length - 1,
			};
			if (version[0] === "-2") {
				assert.equal(lengths.all, 1_023);
				assert.match(text, /^z{900,} \[cut, 3010 bytes\]\| value=1\n$/);
			} else assert.equal(lengths.z, 3_000);
			assert.match(text, /\| value=1\n$/);
		}
	// one request each, and none a second time
	const { stdout } = await daemon.stop();
	assert.equal(stdout.match(/Access .*path=short/g)?.length, 6);
});

test("the time limit of check_nrpe, and what -u makes of it", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const { port } = await startAgent(t);
	const late = await ask(port, ["-t", "1", "-c", "slow"]);
	assert.equal(late.status, 2);
	assert.match(late.text, /Socket timeout after 1 seconds/);
	assert.equal((await ask(port, ["-u", "-t", "1", "-c", "slow"])).status, 3);
	assert.deepEqual(await ask(port, ["-t", "1:OK", "-c", "fine"]), {
		...{ status: 0, text: "OK - fine | a=1;2;3\n", error: "" },
	});
});

test("client certificates, the agent's certificate, TLS versions, and what is refused", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const directory = await temporaryDirectory(t);
	const file = async (name: string, text: string) => {
		await writeFile(join(directory, name), text);
		return join(directory, name);
	};
	const authority = makeCertificate({ name: "monitoring", isAuthority: true });
	const caFile = await file("ca.pem", authority.certificate);
	const client = async (name: string) => {
		const made = makeCertificate({
			...{ issuer: authority, alternatives: { dns: [name] } },
		});
		return [
			...["-C", await file(`${name}.pem`, made.chain)],
			...["-K", await file(`${name}.key`, made.key)],
		];
	};
	const { daemon, port } = await startAgent(t, [
		...["--client-ca-file", caFile, "-A", "127.0.0.2"],
	]);
	// an address that the policy does not know
	const fromStranger = ["-b", "127.0.0.2"];
	const holder = await client("nagios.example.net");
	for (const version of ["TLSv1.2", "TLSv1.3", "TLSv1.2+"]) {
		const own = [...fromStranger, "-S", version, "-c", "warning"];
		assert.deepEqual(await ask(port, [...holder, ...own]), {
			...{ status: 1, text: "warning\n", error: "" },
		});
		assert.match((await ask(port, own)).text, /^NRPE: not permitted \(id /);
	}
	const other = await client("other.example.net");
	assert.match(
		(await ask(port, [...other, ...fromStranger, "-c", "warning"])).text,
		/^NRPE: not permitted \(id /,
	);
	// check_nrpe verifies the agent if it knows its certificate
	const trusted = ["-A", join(daemon.directory, "agent.pub"), "-c", "fine"];
	assert.equal((await ask(port, trusted)).status, 0);
	assert.equal((await ask(port, ["-A", caFile, "-c", "fine"])).status, 2);
	for (const [words, line] of [
		[["-n"], "speaks without TLS: remove -n from its check_nrpe"],
		[["-d", "2", "-S", "TLSv1.2"], "offers no cipher of this agent; anonymous"],
		[["-S", "TLSv1.1"], "offers no TLS 1.2 or newer; SSL 3 is refused"],
	] as const) {
		const { status } = await ask(port, [...words, "-c", "fine"]);
		assert.ok(status === 2 || status === 3, String(status));
		await eventually(line, () => daemon.stdout().includes(line));
	}
});

test("clear text on loopback by setting, and a renewed certificate", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const { daemon, port } = await startAgent(t, [
		...["--nrpe-plain-text", "loopback"],
	]);
	for (const version of [[], ["-2"], ["-3"]])
		assert.deepEqual(await ask(port, ["-n", ...version, "-c", "critical"]), {
			...{ status: 2, text: "critical\n", error: "" },
		});
	const asked = ["-A", join(daemon.directory, "agent.pub"), "-c", "fine"];
	assert.equal((await ask(port, asked)).status, 0);
	await writeTestKeyPair(daemon.directory);
	daemon.process.kill("SIGHUP");
	await eventually(
		"the new certificate is in use",
		async () => (await ask(port, asked)).status === 0,
	);
	const { json } = await send({ ...daemon, path: "/status" });
	assert.equal(json === undefined, false);
});

test("a stop answers the check that runs, and without a policy the start says why not", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const { daemon, port } = await startAgent(t, ["--stop-grace-seconds", "5"]);
	const asked = ask(port, ["-c", "slow"]);
	await eventually("it runs", async () => {
		const lines = await ask(port, ["-c", "fine"]);
		return lines.status === 0;
	});
	const stopped = daemon.stop();
	assert.equal((await asked).text, "NRPE: Command timed out after 2 seconds\n");
	assert.equal((await stopped).code, 0);
	const directory = await temporaryDirectory(t);
	const none = startDaemon(t, ["--nrpe-port", String(port)], { directory });
	await assert.rejects(
		none,
		/\(78\).*nrpe-port \d+: needs a policy, which defines the commands/s,
	);
});

test("the document's policy and commands", async (t) => {
	if (lacksPeer(t, missingNrpe)) return;
	const [policy, commands, ...others] = blocksRunBy(
		"test/e2e/nrpe-port.test.ts",
	);
	assert.deepEqual(others, []);
	const file = join(await temporaryDirectory(t), "policy.yaml");
	const lines = policy?.lines.join("\n").replace("192.0.2.10", "127.0.0.1");
	await writeFile(file, `${lines}\n`);
	const port = await freePort();
	await startDaemon(t, [
		...["--nrpe-port", String(port), "--policy", file],
		...["--nagios-plugin-paths", "/usr/lib/nagios/plugins"],
	]);
	const texts = [];
	for (const line of commands?.lines ?? []) {
		const [, ...words] = line.replace("-H 192.0.2.1 ", "").split(" ");
		const { status, text } = await ask(port, words);
		assert.ok(status >= 0 && status <= 2, `${line}: ${status} ${text}`);
		texts.push(text);
	}
	assert.match(texts[0] ?? "", /load average/i);
	assert.match(texts[1] ?? "", /DISK/);
	assert.equal(texts.length, 2);
});
