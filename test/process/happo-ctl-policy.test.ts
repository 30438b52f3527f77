import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createAuditLog } from "../../src/audit/audit-log.ts";
import { keyDigest } from "../../src/policy/key.ts";
import { recordingLog } from "../support/agent.ts";
import { ctl } from "../support/happo-ctl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const policyText = `version: 1
who:
  nagios: { address: 192.0.2.0/24, key: nagios }
  icinga: { certificate: { dns: "*.example.net" } }
  bastion: { address: 198.51.100.1 }
keys: { nagios: "sha256:${"0".repeat(64)}" }
commands:
  disk:
    run: [check_disk, -w, "{warning}", -p, "{path}"]
    slots: { warning: threshold, path: { is: path, below: [/var, /srv], real: true } }
  login: { run: [check_login, "--password={password}"], slots: { password: { is: word, secret: true } }, timeout: 5s }
rules:
  - { who: [nagios, icinga], may: check, commands: "*", rate: 20/s, at-once: 8 }
  - { who: bastion, may: relay, to: 10.0.0.0/8 }
  - { who: admin, may: "*", commands: "*" }
`;

async function files(t: TestContext, texts: Readonly<Record<string, string>>) {
	const directory = await temporaryDirectory(t);
	for (const [name, text] of Object.entries(texts))
		await writeFile(join(directory, name), text);
	return directory;
}

test("policy check prints problems and warnings with their places", async (t) => {
	const directory = await files(t, {
		"sound.yaml": policyText,
		"odd.yaml": policyText.replace("who: bastion,", "who: icinga,"),
		"broken.yaml": policyText.replace("who: bastion,", "who: baston,"),
	});
	const file = (name: string) => join(directory, name);
	const check = (...args: string[]) => ctl(t, ["policy", "check", ...args]);
	const sound = await check(file("sound.yaml"));
	assert.equal(
		sound.stdout,
		`${file("sound.yaml")}: valid, 3 rules, 2 commands\n`,
	);
	assert.equal(sound.code, 0);
	const odd = await check(file("odd.yaml"));
	assert.equal(
		odd.stdout,
		`${file("odd.yaml")} warning: line 5: who.bastion: no rule names it\n${file("odd.yaml")}: valid, 3 rules, 2 commands\n`,
	);
	assert.equal(odd.code, 0);
	const broken = await check(file("broken.yaml"));
	assert.equal(
		broken.stdout,
		`${file("broken.yaml")} line 14: rule 2: who: baston is not a name in who\n`,
	);
	assert.equal(broken.code, 1);
	const json = await check("-o", "json", file("broken.yaml"));
	assert.deepEqual(JSON.parse(json.stdout), {
		...{ file: file("broken.yaml"), valid: false, warnings: [] },
		problems: ["line 14: rule 2: who: baston is not a name in who"],
	});
	assert.equal(json.code, 1);
	const input = await ctl(t, ["policy", "check", "-"], { input: policyText });
	assert.equal(input.stdout, "standard input: valid, 3 rules, 2 commands\n");
	const missing = await check(file("none.yaml"));
	assert.equal(missing.code, 2);
	assert.match(missing.stderr, /none\.yaml: no such file/);
});

test("policy explain says what is decided, and why", async (t) => {
	const directory = await files(t, { "policy.yaml": policyText });
	const explain = (...args: string[]) =>
		ctl(t, [
			...["policy", "explain", "--policy", join(directory, "policy.yaml")],
			...args,
		]);
	const login = await explain(
		...["--as", "nagios", "check", "check_login", "--", "--password=hunter2"],
	);
	assert.equal(
		login.stdout,
		[
			"allowed: rule 1 permits command login",
			"  who:      nagios",
			"  rule:     1",
			"  command:  login",
			"  slots:    password=***",
			"  runs:     check_login --password=***",
			"  limits:   20 a second, 8 at once, 5 seconds",
			"",
		].join("\n"),
	);
	assert.equal(login.code, 0);
	const shadow = await explain(
		...["--certificate", "dns=icinga.example.net", "check"],
		...["check_disk", "-w", "20%", "-p", "/etc/shadow"],
	);
	assert.equal(
		shadow.stdout,
		[
			"refused: path: /etc/shadow is not below /var, /srv (command disk, rule 1)",
			"  who:      icinga",
			"  rule:     1",
			"",
		].join("\n"),
	);
	assert.equal(shadow.code, 1);
	for (const [args, start] of [
		[
			["--address", "192.0.2.7", "check", "disk", "20% /var"],
			"refused: check: nagios may, but the key is missing or unknown (rule 1)\n  who:      nobody in who\n",
		],
		[
			[
				"--address",
				"192.0.2.7",
				"--key",
				"nagios",
				"check",
				"disk",
				"20% /var",
			],
			"allowed: rule 1 permits command disk\n",
		],
		[
			["--as", "bastion", "relay", "10.1.2.3"],
			"allowed: rule 2 permits relay\n",
		],
		[
			["--as", "bastion", "relay", "10.1.2.3:22"],
			"refused: relay: 10.1.2.3:22 is not in to of rule 2\n",
		],
		[["--as", "admin", "drain"], "allowed: rule 3 permits drain\n"],
		[
			["--as", "nagios", "--nrpe", "check", "disk", "20%", "/var"],
			"allowed: rule 1 permits command disk\n",
		],
		[
			["--as", "nagios", "--nrpe", "check", "check_disk"],
			"refused: Command 'check_disk' not defined\n",
		],
	] as const) {
		const { stdout } = await explain(...args);
		assert.equal(stdout.slice(0, start.length), start);
	}
	const json = await explain("-o", "json", "--as", "admin", "drain");
	assert.deepEqual(JSON.parse(json.stdout), {
		...{ mode: "enforce", who: ["admin"], allowed: true, rule: 3 },
		...{ reason: "rule 3 permits drain", limits: {}, limitKey: "" },
	});
	for (const [args, reason] of [
		[
			["--as", "nagos", "ping"],
			"nobody in who is called 'nagos', did you mean 'nagios'?",
		],
		[["--as", "nagios", "chek"], "no operation 'chek', did you mean 'check'?"],
		[["--as", "nagios", "check"], "check: needs a plugin, program or command"],
		[["--as", "nagios", "drain", "x"], "drain: takes no command: x"],
		[["--as", "bastion", "relay"], "relay: needs the next hop"],
		[["--key", "other", "ping"], "the policy has no key called 'other'"],
		[["--certificate", "x=y", "ping"], "certificate: not uri="],
		[["--address", "here", "ping"], "not an address: here"],
		[[], "policy explain: needs OPERATION, or --id"],
	] as const) {
		const { code, stderr } = await explain(...args);
		assert.equal(code, 2, stderr);
		assert.ok(stderr.includes(reason), stderr);
	}
});

test("policy explain resolves paths on this machine", async (t) => {
	const directory = await temporaryDirectory(t);
	const [inside, outside] = [join(directory, "in"), join(directory, "out")];
	await mkdir(inside);
	await mkdir(outside);
	await symlink(outside, join(inside, "link"));
	const file = join(directory, "policy.yaml");
	await writeFile(file, policyText.replace("[/var, /srv]", inside));
	const explain = (path: string) =>
		ctl(t, [
			...["policy", "explain", "--policy", file, "--as", "nagios"],
			...["check", "disk", "20%", path],
		]);
	assert.match((await explain(inside)).stdout, /^allowed/);
	assert.match(
		(await explain(join(inside, "link"))).stdout,
		/^refused: path: \S+ is really \S+\/out, which is not below/,
	);
	assert.match((await explain(join(inside, "none"))).stdout, /does not exist/);
});

test("policy explain --id shows the decision from the audit log", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const log = createAuditLog({
		...{ file, required: true },
		log: recordingLog().log,
	});
	await log.decision({
		id: "abcdefghijkl",
		who: [],
		proof: { address: "203.0.113.1" },
		operation: "runCheck",
		command: "negate",
		options: ["/bin/sh"],
		decision: "refused",
		rule: 1,
		reason: "check: nobody in who has address 203.0.113.1",
	});
	await log.close();
	const explain = (id: string) =>
		ctl(t, ["policy", "explain", "--id", id, "--audit-log", file]);
	const found = await explain("abcdefghijkl");
	assert.match(
		found.stdout,
		/^refused: check: nobody in who has address 203\.0\.113\.1\n {2}time: .*\n {2}who: {6}nobody in who\n {2}proof: {4}\{"address":"203\.0\.113\.1"\}\n {2}asked: {4}runCheck\n {2}command: {2}negate\n {2}options: {2}\/bin\/sh\n {2}rule: {5}1\n$/,
	);
	assert.equal(found.code, 0);
	const none = await explain("abcdefghijkm");
	assert.equal(none.code, 1);
	assert.match(none.stderr, /no decision with the id abcdefghijkm in /);
});

test("policy test compares decisions with expected ones", async (t) => {
	const cases = (list: string) => `policy: policy.yaml\ncases:\n${list}`;
	const sound =
		cases(`  - { as: nagios, may: check, command: check_disk, options: -w 20% -p /var, expect: allowed, recorded: disk, runs: [check_disk, -w, 20%, -p, /var] }
  - { as: nagios, may: check, command: disk, options: 20% /etc, expect: refused, reason: "path: /etc is not below *" }
  - { as: nagios, may: check, command: disk, options: 20% /var/a, real: { /var/a: /etc }, expect: refused, reason: "*is really /etc*" }
  - { certificate: { dns: a.example.net }, may: ping, expect: allowed }
  - { address: 198.51.100.1, may: relay, to: "10.0.0.1:6777", expect: allowed }
  - { address: 203.0.113.1, may: read-metrics, expect: refused }
  - { as: nagios, may: check, nrpe: disk!20%!/var, expect: allowed, runs: [check_disk, -w, 20%, -p, /var] }
`);
	const directory = await files(t, {
		"policy.yaml": policyText,
		"sound.yaml": sound,
		"failing.yaml": sound
			.replace("recorded: disk", "recorded: load")
			.replace('"*is really /etc*"', '"*is really /usr*"')
			.replace("may: ping, expect: allowed", "may: drain, expect: allowed"),
		"broken.yaml": cases("  - { as: nagios, may: check, expct: allowed }\n"),
		"unknown.yaml": cases("  - { as: nagos, may: ping, expect: allowed }\n"),
	});
	const file = (name: string) => join(directory, name);
	const run = (...names: string[]) =>
		ctl(t, ["policy", "test", ...names.map(file)]);
	const passed = await run("sound.yaml");
	assert.equal(passed.stdout, `${file("sound.yaml")}: 7 cases, 0 failed\n`);
	assert.equal(passed.code, 0);
	const failed = await run("sound.yaml", "failing.yaml");
	assert.equal(failed.code, 1);
	const at = `${file("failing.yaml")} line`;
	assert.equal(
		failed.stdout,
		[
			`${file("sound.yaml")}: 7 cases, 0 failed`,
			`${at} 3: nagios check check_disk -w 20% -p /var: expected command load, got disk`,
			`${at} 5: nagios check disk 20% /var/a: expected a reason like *is really /usr*, got: path: /var/a is really /etc, which is not below /var, /srv (command disk, rule 1)`,
			`${at} 6: dns=a.example.net drain: expected allowed, got refused: drain: no rule permits it to icinga`,
			`${file("failing.yaml")}: 7 cases, 3 failed`,
			"",
		].join("\n"),
	);
	const json = await ctl(t, [
		"policy",
		"test",
		"-o",
		"json",
		file("failing.yaml"),
	]);
	assert.equal(
		JSON.parse(json.stdout)[0].results.filter(
			({ failure }: { failure?: string }) => failure,
		).length,
		3,
	);
	for (const [name, reason] of [
		["broken.yaml", "line 3: case 1: unknown key expct; it may have as,"],
		["broken.yaml", "line 3: case 1: has no expect"],
		[
			"unknown.yaml",
			"line 3: nobody in who is called 'nagos', did you mean 'nagios'?",
		],
	] as const) {
		const { code, stderr } = await run(name);
		assert.equal(code, 2);
		assert.ok(stderr.includes(reason), stderr);
	}
});

test("policy key makes a key that the policy's entry fits", async (t) => {
	const { stdout, stderr, code } = await ctl(t, ["policy", "key", "nagios"]);
	assert.equal(code, 0);
	const key = stdout.trim();
	assert.match(stdout, /^[A-Za-z0-9_-]{43}\n$/);
	const [, digest = ""] =
		/^happo-ctl: for the policy: keys: \{ nagios: \["(sha256:[0-9a-f]{64})"\] \}\n$/.exec(
			stderr,
		) ?? [];
	assert.equal(keyDigest(key), digest);
	const json = await ctl(t, ["policy", "key", "-o", "json", "nagios"]);
	const made = JSON.parse(json.stdout);
	assert.deepEqual(made, {
		name: "nagios",
		key: made.key,
		digest: keyDigest(made.key),
	});
	assert.notEqual(made.key, key);
	assert.equal(json.stderr, "");
	const wrong = await ctl(t, ["policy", "key", "a b"]);
	assert.equal(wrong.code, 2);
});

test("policy import nrpe prints a policy, and says of each line what became of it", async (t) => {
	const directory = await files(t, {
		"nrpe.cfg": `allowed_hosts=192.0.2.10\ndont_blame_nrpe=1\ncommand[users]=/usr/lib/nagios/plugins/check_users -w $ARG1$ -c 10\n`,
		"odd.cfg": "allowed_hosts=192.0.2.10/8\ncommand[x]=/opt/x\n",
		"nrpe-binary": "but argument option is not enabled",
	});
	const file = (name: string) => join(directory, name);
	const importNrpe = (...args: string[]) =>
		ctl(t, [
			...["policy", "import", "nrpe", "--daemon", file("nrpe-binary")],
			...args,
		]);
	const made = await importNrpe(file("nrpe.cfg"));
	assert.equal(made.code, 0, made.stderr);
	assert.match(
		made.stdout,
		/^ {2}users:\n {4}run: \[check_users, -w, "\{arg1\}", -c, "10"\]$/m,
	);
	assert.match(
		made.stderr,
		new RegExp(
			`^tightened: ${file("nrpe.cfg")}:3: command\\[users\\]\n  It runs `,
			"m",
		),
	);
	assert.match(made.stderr, /^2 imported, 1 tightened, 0 need you$/m);
	await writeFile(file("policy.yaml"), made.stdout);
	const checked = await ctl(t, ["policy", "check", file("policy.yaml")]);
	assert.equal(
		checked.stdout,
		`${file("policy.yaml")}: valid, 1 rule, 1 command\n`,
	);
	const odd = await importNrpe("-o", "json", file("odd.cfg"));
	assert.equal(odd.code, 1);
	const { policy, settings, report, files: read } = JSON.parse(odd.stdout);
	assert.match(policy, /^rules: \[\]$/m);
	assert.deepEqual(settings.allowedHosts.value.ignored, ["192.0.2.10/8"]);
	assert.equal(report[0].outcome, "needs you");
	assert.match(report[0].proposal, /192\.0\.0\.0\/8/);
	assert.deepEqual(read, [file("odd.cfg")]);
	const none = await importNrpe(file("none.cfg"));
	assert.equal(none.code, 2);
	assert.match(none.stderr, /none\.cfg: .*no such file or directory/);
	const without = await importNrpe("--arguments", "no", file("nrpe.cfg"));
	assert.match(without.stdout, /run: \[check_users, -w, -c, "10"\]/);
	const elsewhere = await importNrpe("--plugin-paths", "/opt", file("odd.cfg"));
	assert.match(elsewhere.stdout, /run: \[x\]/);
});

test("completion knows the operations of policy explain", async (t) => {
	const complete = (...words: string[]) => ctl(t, ["complete", "--", ...words]);
	const { stdout } = await complete("policy", "explain", "--as", "me", "rel");
	assert.equal(stdout, "relay\nrelease\n");
	const after = await complete("policy", "explain", "check", "");
	assert.equal(after.stdout, "");
});
