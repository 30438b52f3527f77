import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { components } from "../../generated/web-schema.ts";
import { KnownHosts } from "../../src/known-hosts.ts";
import { keyPin } from "../../src/protocol/pin.ts";
import { splitWords } from "../../src/protocol/words.ts";
import { createSelfSigned } from "../../src/tls/self-signed.ts";
import { brokerClient, brokerProcess, textOf } from "../support/broker.ts";
import { checkAt } from "../support/check-happo.ts";
import { collectorProcess } from "../support/collector.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { startProgram } from "../support/daemon.ts";
import { eventually as within } from "../support/eventually.ts";
import { ctl, ctlProgram } from "../support/happo-ctl.ts";
import { createPair } from "../support/next-hop.ts";
import { startStubStore } from "../support/stub-store.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { blocksRunBy } from "../support/walkthrough.ts";
import { webSession } from "../support/web.ts";

const eventually = (what: string, holds: () => boolean | Promise<boolean>) =>
	within(what, holds, 60_000);

/** An agent whose certificate can be replaced, as by a renewal or by somebody else. */
async function startTestAgent(t: TestContext) {
	const agent = await startWithPlugins(t, ["--metric-consumers", "fleet"]);
	const certificateFile = join(agent.directory, "agent.pub");
	const keyFile = join(agent.directory, "agent.key");
	const certificate = async () =>
		new X509Certificate(await readFile(certificateFile));
	let loads = 0;
	const show = async (pair: ReturnType<typeof createPair>) => {
		await writeFile(keyFile, pair.privateKey);
		await writeFile(certificateFile, pair.certificate);
		agent.process.kill("SIGHUP");
		loads++;
		await eventually(
			"the agent shows it",
			() =>
				(agent.stdout().match(/certificate .*now in use/g) ?? []).length >=
				loads,
		);
	};
	return {
		port: agent.port,
		place: `127.0.0.1:${agent.port}`,
		certificateFile,
		certificate,
		pin: async () => keyPin(await certificate()),
		/** Renews the certificate, with the same key. */
		renew: async () =>
			show(
				createSelfSigned({
					commonName: "renewed",
					names: ["127.0.0.1"],
					now: new Date(),
					privateKey: await readFile(keyFile, "utf8"),
				}),
			),
		/** Shows another key, as somebody in between would. */
		replace: () => show(createPair()),
	};
}

/** A client certificate: with it, agents on this machine are verified, too. */
async function clientCertificate(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const { certificate, privateKey } = createPair();
	const file = (name: string) => join(directory, name);
	await writeFile(file("cert"), certificate);
	await writeFile(file("key"), privateKey);
	return ["--certificate", file("cert"), "--private-key", file("key")];
}

test("happo-ctl says how to add an unknown host, and knows it from then on", async (t) => {
	const agent = await startTestAgent(t);
	const verifying = await clientCertificate(t);
	const home = await temporaryDirectory(t);
	const file = join(home, ".config/happo/known_hosts");
	const status = (...flags: string[]) =>
		ctl(t, ["status", "-H", agent.place, ...flags], { home });
	const unknown = await status(...verifying);
	assert.equal(unknown.code, 1);
	const { fingerprint256 } = await agent.certificate();
	assert.match(
		unknown.stderr,
		new RegExp(
			`^happo-ctl: ${agent.place}: certificate is self-signed and not trusted; it is not in ${file}; its certificate has SHA-256 ${fingerprint256}; `,
		),
	);
	const [, command = ""] =
		/ run: happo-ctl (known-hosts add .*?);/.exec(unknown.stderr) ?? [];
	const added = await ctl(t, splitWords(command) ?? [], { home });
	assert.equal(added.stderr, `happo-ctl: ${agent.place}: added to ${file}\n`);
	assert.equal(added.code, 0);
	assert.equal(
		await readFile(file, "utf8"),
		`${agent.place} ${await agent.pin()}\n`,
	);
	assert.equal((await status(...verifying)).code, 0);
	assert.equal((await status()).code, 0);

	await agent.renew();
	assert.equal((await status(...verifying)).code, 0, "the key is the same");

	await agent.replace();
	const before = await readFile(file, "utf8");
	for (const flags of [[], verifying, ["--accept-new"]]) {
		const refused = await status(...flags);
		assert.equal(refused.code, 1);
		assert.match(
			refused.stderr,
			new RegExp(
				`^happo-ctl: ${agent.place}: public key is \\S+, not \\S+ \\(${file} line 1\\): somebody may be in between`,
			),
		);
		assert.equal(await readFile(file, "utf8"), before);
		const [, remove = ""] =
			/ run: happo-ctl (known-hosts remove .*)\n$/.exec(refused.stderr) ?? [];
		assert.equal(remove, `known-hosts remove ${agent.place}`);
	}
	const remove = ["known-hosts", "remove", agent.place];
	const gone = await ctl(t, remove, { home });
	assert.equal(
		gone.stderr,
		`happo-ctl: ${agent.place}: removed from ${file}\n`,
	);
	assert.equal(gone.code, 0);
	assert.equal((await ctl(t, remove, { home })).code, 1);
	const accepted = await status("--accept-new");
	assert.equal(accepted.code, 0);
	assert.equal(
		accepted.stderr,
		`happo-ctl: ${agent.place}: added to ${file}: ${await agent.pin()}\n`,
	);
	assert.equal((await status("--accept-new")).stderr, "");
	assert.equal((await stat(file)).mode & 0o777, 0o600);
});

test("status --follow and the page go by what the file has now", async (t) => {
	const agent = await startTestAgent(t);
	const verifying = await clientCertificate(t);
	const file = join(await temporaryDirectory(t), "known_hosts");
	const right = `${agent.place} ${await agent.pin()}\n`;
	await writeFile(file, right);
	const start = (command: string, ...flags: string[]) =>
		startProgram(
			t,
			[
				...[command, "-H", agent.place, "--known-hosts", file],
				...[...verifying, ...flags],
			],
			{
				program: ctlProgram,
				environment: { HAPPO_CTL_ADMIN_SOCKET: "none" },
			},
		);
	const follow = start("status", "--follow", "--interval-seconds", "1");
	const web = start("web", "--no-open");
	await follow.printed(/answers, no problems/);
	const [link = ""] = await web.printed(/^http:\S+$/m);
	const { post } = await webSession(link);
	const outcome = async () => {
		const { failure } = await post<components["schemas"]["CheckOutcome"]>(
			"/api/hosts/0/check",
			{ plugin: "check_exit", words: [] },
		);
		return failure?.message ?? "";
	};
	assert.equal(await outcome(), "");

	await writeFile(file, "# nobody\n");
	await follow.printed(/no answer: .* it is not in /);
	await eventually("the page does not trust it any more", async () =>
		(await outcome()).includes(`it is not in ${file}`),
	);
	await writeFile(file, right);
	await follow.printed(/answers again/);
	await eventually("the page trusts it", async () => (await outcome()) === "");
	await writeFile(file, "nonsense\n");
	for (const { stderr } of [follow, web])
		await eventually("both say that the file is unusable", () =>
			/line 1: not HOST.*;\s+the old one stays in use/.test(stderr()),
		);
	assert.equal(await outcome(), "");
});

test("the more exact setting decides", async (t) => {
	const agent = await startTestAgent(t);
	const home = await temporaryDirectory(t);
	const config = join(home, ".config/happo");
	const wrong = `${agent.place} ${"ab".repeat(32)}\n`;
	await ctl(t, ["known-hosts", "add", ...wrong.trim().split(" ")], { home });
	const right = join(home, "right");
	const { fingerprint256 } = await agent.certificate();
	await writeFile(right, `${agent.place} ${fingerprint256}\n`);
	const other = join(home, "other");
	await writeFile(other, `h ${fingerprint256}\n`);
	const ca = ["--ca-file", agent.certificateFile];
	await writeFile(
		join(config, "ctl.yaml"),
		`contexts:\n  one: { known-hosts: ${right} }\n`,
	);
	for (const [flags, code, reason] of [
		// the default file
		[[], 1, /certificate fingerprint is /],
		[ca, 1, /certificate fingerprint is /],
		[["--fingerprint", fingerprint256], 0, /^$/],
		[["--fingerprint", await agent.pin()], 0, /^$/],
		[["--insecure"], 0, /^$/],
		// a file that is named
		[["--known-hosts", right], 0, /^$/],
		[["--known-hosts", right, "--insecure"], 0, /^$/],
		[["--known-hosts", right, "--fingerprint", "ab".repeat(32)], 0, /^$/],
		[["--known-hosts", join(config, "known_hosts"), "--insecure"], 1, /line 1/],
		[["--known-hosts", other, ...ca], 0, /^$/],
		[["--context", "one"], 0, /^$/],
		[["--context", "one", "--accept-new"], 0, /^$/],
		[["--known-hosts", join(home, "none")], 2, /: no such file or directory$/m],
		[["--accept-new", ...ca], 2, /--accept-new: cannot be used with --ca-file/],
		[["--accept-new", "--insecure"], 2, /--accept-new: cannot be used with/],
		[
			["--accept-new", "--fingerprint", fingerprint256],
			2,
			/--accept-new: cannot be used with/,
		],
	] as const) {
		const ran = await ctl(t, ["status", "-H", agent.place, ...flags], { home });
		assert.match(ran.stderr, reason, flags.join(" "));
		assert.equal(ran.code, code, flags.join(" "));
	}
	const keyed = await ctl(
		t,
		["status", "-H", agent.place, "--accept-new", "--known-hosts", other],
		{ home, environment: { HAPPO_CTL_API_KEY: "secret" } },
	);
	assert.equal(keyed.code, 2);
	assert.match(keyed.stderr, /a key is only sent to hosts that are known/);
	const bastion = await ctl(
		t,
		[
			...["status", "-H", "192.0.2.1", "--via", agent.place],
			...["--known-hosts", right, "--timeout-seconds", "2"],
		],
		{ home },
	);
	// the first hop is verified as itself; it cannot reach the other
	assert.doesNotMatch(bastion.stderr, /fingerprint|self-signed/);
});

test("a broker knows hosts, reads the file again, and adds new ones", async (t) => {
	const agent = await startTestAgent(t);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "known_hosts");
	await writeFile(file, "# none yet\n");
	const flags = [...(await clientCertificate(t)), "--known-hosts", file];
	const start = async (...more: string[]) => {
		const broker = await brokerProcess(t, [...flags, ...more]);
		const client = await brokerClient(t, broker.socket);
		const check = async () => {
			client.check([
				...["--host=127.0.0.1", `--port=${agent.port}`],
				"--plugin-name=monitor_test",
			]);
			return textOf(await client.next());
		};
		return { ...broker, check };
	};
	const broker = await start();
	const unknown = await broker.check();
	assert.match(
		unknown,
		new RegExp(
			`^ERROR\\(happo-agent\\): ${agent.place}: certificate is self-signed and not trusted; it is not in ${file}; .* run: happo-ctl known-hosts add --known-hosts ${file} ${agent.place} sha256//\\S+\n$`,
		),
	);
	await appendFile(file, `${agent.place} ${await agent.pin()}\n`);
	await eventually("the file is read again", () =>
		/known hosts \S+: now in use: 1 hosts/.test(broker.said()),
	);
	const works = await broker.check();
	assert.doesNotMatch(works, /^ERROR/);
	// the connection that is open was verified in another way
	await writeFile(file, `${agent.place} ${"ab".repeat(32)}\n`);
	broker.process.kill("SIGHUP");
	await eventually("the file is read at once", () =>
		/(now in use: 1 hosts[\s\S]*){2}/.test(broker.said()),
	);
	assert.match(await broker.check(), /fingerprint is .* line 1\)/);
	await writeFile(file, "odd\n");
	broker.process.kill("SIGHUP");
	await eventually("the file cannot be used", () =>
		/line 1: not HOST\[:PORT\] SHA256; the old one stays in use/.test(
			broker.said(),
		),
	);
	broker.process.kill("SIGTERM");
	assert.deepEqual(await broker.exited, [0, null]);

	await writeFile(file, "");
	const adding = await start("--accept-new");
	assert.equal(await adding.check(), works);
	await eventually("it says so", () =>
		adding.said().includes(`broker: ${agent.place}: added to ${file}: sha256`),
	);
	adding.process.kill("SIGTERM");
	await adding.exited;
	await agent.replace();
	const again = await start("--accept-new");
	assert.match(
		await again.check(),
		/: public key is \S+, not \S+ \(\S+ line 1\): /,
	);
	again.process.kill("SIGTERM");
	await again.exited;
});

test("a collector knows hosts, and adds new ones", async (t) => {
	const store = await startStubStore(t);
	const agent = await startTestAgent(t);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "known_hosts");
	await writeFile(
		join(directory, "hosts.json"),
		JSON.stringify([{ targets: [agent.place] }]),
	);
	const start = async (...flags: string[]) => {
		const collector = await collectorProcess(
			t,
			[
				...["--hosts", "hosts.json", "--write", store.url.href],
				...["--interval", "1", "--known-hosts", file, ...flags],
			],
			{ directory },
		);
		return collector;
	};
	const adding = await start("--accept-new");
	await eventually(
		"the host answers",
		async () => (await adding.status()).hosts.answering === 1,
	);
	assert.match(
		adding.stdout(),
		new RegExp(`\\[info\\] ${agent.place}: added to ${file}: sha256//`),
	);
	assert.equal((await stat(file)).mode & 0o777 & ~0o644, 0);
	await adding.stop();
	await agent.replace();
	const again = await start("--accept-new");
	await eventually(
		"it is refused",
		async () => (await again.status()).hosts.failing.untrusted === 1,
	);
	assert.match(again.stdout(), /: public key is \S+, not \S+ \(\S+ line 1\)/);
	await writeFile(file, `${agent.place} ${await agent.pin()}\n`);
	await eventually(
		"the file is read again",
		async () => (await again.status()).hosts.answering === 1,
	);
	await again.stop();
});

test("check_happo knows hosts, and adds new ones", async (t) => {
	const agent = await startTestAgent(t);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "known_hosts");
	const check = (...flags: string[]) => checkAt(agent.port, ...flags);
	const works = / has no plugin x /;
	const named = ["--known-hosts", file];
	assert.match((await check(...named)).stdout, /: no such file or directory\n/);
	await writeFile(file, "");
	const unknown = await check(...named);
	assert.equal(unknown.status, 2);
	const [, pin = ""] = / (sha256\S+)\n$/.exec(unknown.stdout) ?? [];
	assert.equal(pin, await agent.pin());
	const ordinary = await check();
	assert.match(ordinary.stdout, works);
	assert.deepEqual(await check(...named, "--accept-new"), ordinary);
	assert.deepEqual(await check(...named), ordinary);
	assert.match(await readFile(file, "utf8"), /^\S+ sha256\S+ # accepted on /);
	await agent.replace();
	for (const flags of [named, [...named, "--accept-new"]]) {
		const { stdout, status } = await check(...flags);
		assert.match(stdout, /: public key is \S+, not \S+ \(\S+ line 1\): /);
		assert.equal(status, 2);
	}
	// as v1: without options, hosts that are not known are not verified
	assert.deepEqual(await check(), ordinary);
	const key = join(directory, "key");
	await writeFile(key, "secret\n", { mode: 0o600 });
	for (const [flags, reason] of [
		[["--key-file", key], /--key-file: /],
		[[...named, "--accept-new", "--key-file", key], /--accept-new: .*a key/],
		[["--accept-new", "--ca-file", key], /--accept-new: cannot be used with/],
		[[...named, "--fingerprint", "ab".repeat(32)], /only one of the two/],
		[["--known-hosts", ""], /--known-hosts is empty/],
	] as const) {
		const { stdout, status } = await check(...flags);
		assert.match(stdout, reason);
		assert.equal(status, 3);
	}
	await writeFile(file, `${agent.place} ${"ab".repeat(32)}\n`);
	const refused = await check(...named, "--key-file", key);
	assert.match(refused.stdout, /certificate fingerprint is /);
});

test("the document's file and commands are right", async (t) => {
	const agent = await startTestAgent(t);
	const [file, commands] = blocksRunBy("test/process/known-hosts.test.ts").map(
		({ lines }) => lines,
	);
	assert.ok(file && commands);
	const path = join(await temporaryDirectory(t), "known_hosts");
	await writeFile(path, file.join("\n"));
	const known = new KnownHosts({
		file: path,
		isNamed: true,
		mayBeMissing: false,
	});
	assert.deepEqual(
		[...known.read().hosts.keys()],
		["web01:6777", "[2001:db8::7]:6777", "192.0.2.9:6778"],
	);
	const [status = "", ofCertificate = "", ofKey = ""] = commands;
	const printed = (command: string) =>
		execFileSync("/bin/sh", ["-c", command], { encoding: "utf8" }).trim();
	const here = (command: string) =>
		printed(
			command.replaceAll("/etc/happo/happo-agent.pub", agent.certificateFile),
		);
	const { fingerprint256 } = await agent.certificate();
	assert.equal(here(ofCertificate).split("=")[1], fingerprint256);
	assert.equal(`sha256//${here(ofKey)}`, await agent.pin());
	const [, args = "", field = ""] =
		/^happo-ctl (.*) \| grep (.*)$/.exec(status) ?? [];
	const { stdout } = await ctl(t, [...args.split(" "), "-H", agent.place]);
	const [line = ""] = stdout.split("\n").filter((line) => line.includes(field));
	assert.ok(line.includes(fingerprint256), line);
});
