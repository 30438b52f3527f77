import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
	type AuditedRequest,
	auditedCheck,
	callerAt,
	writeAuditLog,
} from "../support/audited-calls.ts";
import { ctl } from "../support/happo-ctl.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const nagios = "192.0.2.10";

const observing = `version: 1
mode: observe
who: { nagios: { address: ${nagios} } }
`;

const hour = 3_600_000;

/** A policy, and an audit log of an agent with it. */
async function site(
	t: TestContext,
	requests: readonly AuditedRequest[],
	{ policy = observing, time = Date.now() - hour } = {},
) {
	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	await writeFile(at("policy.yaml"), policy);
	await writeAuditLog(at("audit.log"), policy, requests, time);
	return {
		at,
		learn: (...more: string[]) =>
			ctl(t, [
				...["policy", "learn", "--policy", at("policy.yaml")],
				...(more.includes("--audit-log")
					? []
					: ["--audit-log", at("audit.log")]),
				...more,
			]),
		diff: async (text: string, ...more: string[]) => {
			await writeFile(at("new.yaml"), text);
			return ctl(t, [
				...["policy", "diff", "--audit-log", at("audit.log"), ...more],
				...[at("policy.yaml"), at("new.yaml")],
			]);
		},
	};
}

const check = (plugin: string, options: string, times = 2) =>
	auditedCheck(nagios, plugin, options, { times });

const disks = [
	check("check_disk", "-w 20% -p /var", 5),
	check("check_disk", "-w 10% -p /srv", 5),
	check("check_disk", "-w 10% -p /etc", 1),
];

test("learn prints a sound draft, and says what somebody has to look at", async (t) => {
	const { at, learn } = await site(t, disks);
	const { code, stdout, stderr } = await learn("--who", "nagios");
	assert.equal(code, 0);
	assert.deepEqual(stderr.trimEnd().split("\n"), [
		"happo-ctl: look: command once-disk: seen too seldom to be sure that it belongs here",
		"happo-ctl: look: rule 2: what was seen too seldom: delete what you do not know",
		"happo-ctl: learned from 11 calls of nagios in 22 lines",
	]);
	await writeFile(at("draft.yaml"), stdout);
	const checked = await ctl(t, ["policy", "check", at("draft.yaml")]);
	assert.equal(
		checked.stdout,
		`${at("draft.yaml")}: valid, 2 rules, 2 commands\n`,
	);
	const json = await learn("--who", "nagios", "-o", "json", "--at-least", "1");
	const { policy, calls, commands, look, left_out, warnings } = JSON.parse(
		json.stdout,
	);
	assert.match(policy, /^# A draft by happo-ctl policy learn, from 11 calls/);
	assert.deepEqual([calls, look, left_out, warnings], [11, [], [], []]);
	assert.deepEqual(commands[0].slots[1], {
		name: "path",
		type: { is: "path", below: ["/etc", "/srv", "/var"] },
		values: { "/var": 5, "/srv": 5, "/etc": 1 },
	});
});

test("learn reads rotated and packed logs, and as far back as it is told", async (t) => {
	const { at, learn } = await site(t, disks);
	const lines = (await readFile(at("audit.log"), "utf8")).split("\n");
	// between a decision and its outcome
	await writeFile(
		at("audit.log.1.gz"),
		gzipSync(
			lines
				.slice(0, 5)
				.map((line) => `${line}\n`)
				.join(""),
		),
	);
	await writeFile(at("audit.log"), lines.slice(5).join("\n"));
	const all = await learn(
		...[
			"--who",
			"nagios",
			"--audit-log",
			`${at("audit.log.1.gz")},${at("audit.log")}`,
		],
	);
	assert.match(all.stderr, /learned from 11 calls of nagios in 22 lines\n$/);
	assert.doesNotMatch(all.stderr, /warning/);
	const turned = await learn(
		...[
			"--who",
			"nagios",
			"--audit-log",
			`${at("audit.log")},${at("audit.log.1.gz")}`,
		],
	);
	assert.match(
		turned.stderr,
		/warning: the audit log is wrong in \d+ places?,/,
	);
	const verified = await ctl(t, [
		...["audit", "verify", at("audit.log.1.gz"), at("audit.log")],
	]);
	assert.equal(verified.code, 0);
	const late = await learn("--who", "nagios", "--since", "30m");
	assert.equal(late.code, 1);
	assert.equal(late.stdout, "");
	assert.match(
		late.stderr,
		/nothing to learn from: 17 lines have no successful call of nagios in the last 30m/,
	);
	await writeFile(at("bad.gz"), gzipSync("x").subarray(0, 15));
	const bad = await learn("--who", "nagios", "--audit-log", at("bad.gz"));
	assert.equal(bad.code, 2);
	assert.match(bad.stderr, /bad\.gz: /);
});

test("learn refuses what it cannot use", async (t) => {
	const { at, learn } = await site(t, disks);
	for (const [args, message] of [
		[[], "policy learn: needs --who, the callers"],
		[["--who", "nagois"], "nobody in who is called 'nagois'"],
		[["--who", "nagios", "--since", "1y"], "not a time such as 12h or 1d: 1y"],
		[["--who", "nagios", "--audit-log", at("no.log")], "no such file"],
		[["--who", "nagios", "--policy", at("no.yaml")], "no such file"],
	] as const) {
		const { code, stdout, stderr } = await learn(...args);
		assert.equal(code, 2, args.join(" "));
		assert.equal(stdout, "");
		assert.ok(stderr.includes(message), stderr);
	}
});

const narrow = (path: string) => `version: 1
who: { nagios: { address: ${nagios} } }
commands:
  disk:
    run: [check_disk, -w, "{warning}", -p, "{path}"]
    slots: { warning: threshold, path: { is: path, below: ${path} } }
rules: [{ who: nagios, may: check, commands: disk }]
`;

test("diff says which calls a policy would refuse that ran while the old one observed", async (t) => {
	const { diff } = await site(t, [
		...disks,
		check("check_x", "-w 5 | tee x"),
		auditedCheck("192.0.2.99", "check_disk", "-w 5 -p /var"),
		{ caller: callerAt(nagios), operationId: "checkAvailability" },
	]);
	const one = await diff(narrow("[/var, /srv]"));
	assert.equal(one.code, 1);
	assert.equal(
		one.stdout,
		`would be refused:
  2 calls of nagios: check check_x -w 5 '|' tee x
    the option line needs a shell, and a policy's commands run without one
  1 call of nagios: check check_disk -w 10% -p /etc
    path: /etc is not below /var, /srv (command disk, rule 1)
  1 call of 192.0.2.99: check check_disk -w 5 -p /var
    check: nobody in who has address 192.0.2.99, no client certificate and no key
15 calls, 4 with another decision
`,
	);
	const json = JSON.parse((await diff(narrow("/var"), "-o", "json")).stdout);
	assert.equal(json.calls, 15);
	assert.deepEqual(json.changed[0], {
		change: "refused",
		calls: 5,
		who: ["nagios"],
		address: nagios,
		permission: "check",
		command: "check_disk",
		options: ["-w", "10%", "-p", "/srv"],
		id: json.changed[0].id,
		before: "check: no rule permits it to nagios",
		after: "path: /srv is not below /var (command disk, rule 1)",
	});
	assert.deepEqual(json.not_compared, []);
});

test("diff compares two policies that enforce, and what they run", async (t) => {
	const { diff } = await site(t, [...disks, check("disk", "5% /srv")], {
		policy: narrow("[/var, /srv]"),
	});
	const same = await diff(narrow("[/srv, /var]"));
	assert.equal(same.code, 0);
	assert.equal(same.stdout, "13 calls, 0 with another decision\n");
	const more = await diff(narrow("/"));
	assert.equal(more.code, 1);
	assert.match(
		more.stdout,
		/^would be allowed:\n {2}1 call of nagios: check check_disk -w 10% -p \/etc\n {4}rule 1 permits command disk\n/,
	);
	const other = await diff(
		narrow("[/var, /srv]").replace('-p, "{path}"]', '-p, "{path}", -X]'),
	);
	assert.match(
		other.stdout,
		/would run something else:\n {2}2 calls of nagios: check disk 5% \/srv\n {4}before: check_disk -w 5% -p \/srv\n {4}after: {2}check_disk -w 5% -p \/srv -X\n/,
	);
});

test("diff warns of a log that somebody has changed", async (t) => {
	const policy = narrow("[/var, /srv]");
	const { at, diff } = await site(t, disks, { policy });
	assert.doesNotMatch((await diff(policy)).stderr, /warning/);
	const lines = (await readFile(at("audit.log"), "utf8")).split("\n");
	await writeFile(at("audit.log"), lines.toSpliced(2, 2).join("\n"));
	const changed = await diff(policy);
	assert.equal(changed.code, 0);
	assert.match(
		changed.stderr,
		/^happo-ctl: warning: the audit log is wrong in 1 place, so somebody may have changed it: see happo-ctl audit verify$/m,
	);
});

test("diff does not guess values that are masked", async (t) => {
	const secret = (type: string) => `version: 1
who: { nagios: { address: ${nagios} } }
commands:
  db: { run: [check_db, -p, "{password}"], slots: { password: ${type} } }
rules: [{ who: nagios, may: check, commands: db }]
`;
	const { diff } = await site(t, [check("check_db", "-p hunter2")]);
	const any = await diff(secret("{ is: text, secret: true }"));
	assert.equal(any.code, 0);
	const digits = await diff(secret("{ is: integer, secret: true }"));
	assert.equal(digits.code, 3);
	assert.equal(
		digits.stdout,
		"not compared: 2 calls: it depends on a value that is masked\n2 calls, 0 with another decision\n",
	);
	const none = await diff(secret("word").replace("check_db", "check_no"));
	assert.equal(none.code, 1);
	assert.ok(!`${any.stdout}${digits.stdout}${none.stdout}`.includes("hunter"));
});

test("diff knows callers by all that they have proved", async (t) => {
	const byProof = (conditions: string) =>
		`version: 1
who: { nagios: ${conditions} }
keys: { k: "sha256:${"a".repeat(64)}" }
rules: [{ who: nagios, may: ping }, { who: nagios, may: drain }]
`;
	const both =
		'{ address: 192.0.2.0/24, key: k, certificate: { uri: "spiffe://x/n", dns: "*.example.net", email: a@example.net, cn: n } }';
	const fingerprint256 = Array.from({ length: 32 }, () => "AB").join(":");
	const { diff } = await site(
		t,
		[
			{
				caller: {
					isAdmin: false,
					address: nagios,
					certificate: {
						uris: ["spiffe://x/n"],
						dns: ["n.example.net"],
						emails: ["a@example.net"],
						commonName: "n",
						fingerprint256,
					},
					keyDigest: `sha256:${"a".repeat(64)}`,
				},
				operationId: "drainMetrics",
			},
		],
		{ policy: byProof(both) },
	);
	const codes = async (...conditions: string[]) =>
		Promise.all(
			conditions.map(async (each) => (await diff(byProof(each))).code),
		);
	assert.deepEqual(
		[
			...(await codes(both)),
			...(await codes(
				`{ certificate: { fingerprint: "${fingerprint256}" }, key: k }`,
			)),
			...(await codes("{ certificate: { cn: m }, key: k }")),
			...(await codes("{ address: 192.0.3.0/24, key: k }")),
		],
		[0, 0, 1, 1],
	);
});
