import assert from "node:assert/strict";
import { test } from "node:test";
import type { Permission } from "../../../generated/permissions.ts";
import {
	type Caller,
	type Decision,
	nrpeCommand,
	type PolicyCall,
} from "../../../src/policy/call.ts";
import {
	decide,
	mayReach,
	pathsToResolve,
} from "../../../src/policy/decide.ts";
import { keyDigest } from "../../../src/policy/key.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";

const key = "correct horse";

const example = `
version: 1
mode: enforce
who:
  nagios:     { address: [192.0.2.10, "2001:db8:1::/64"], key: nagios }
  icinga:     { certificate: { uri: "spiffe://example.net/icinga" } }
  prometheus: { address: 198.51.100.0/24 }
  bastion1:   { certificate: { dns: bastion1.example.net } }
keys: { nagios: ["${keyDigest(key)}"] }
commands:
  disk:
    run: [check_disk, -w, "{warning}", -c, "{critical}", -p, "{path}"]
    slots:
      warning:  { is: threshold, default: "20%" }
      critical: { is: threshold, default: "10%" }
      path:     { is: path, below: [/var, /srv] }
  load:  { run: [check_load, "{options...}"], slots: { options: { is: words, options: { -w: threshold, -c: threshold, -r: true } } } }
  uname: { run: [uname, -a], for: inventory }
rules:
  - { who: [icinga, nagios], may: check, commands: [disk, "load*"], rate: 20/s, at-once: 8 }
  - { who: prometheus, may: [read-metrics, read-status] }
  - { who: admin, may: "*", commands: "*" }
  - { who: bastion1, may: relay, to: ["10.0.0.0/8:6777"] }
`;

const nobody: Caller = {
	isAdmin: false,
	address: "203.0.113.1",
	certificate: undefined,
	keyDigest: undefined,
};
const certificate = {
	...{ uris: [], dns: [], emails: [], commonName: undefined },
	fingerprint256: "AA",
};
const icinga: Caller = {
	...nobody,
	certificate: { ...certificate, uris: ["spiffe://example.net/icinga"] },
};
const nagios: Caller = {
	...nobody,
	address: "192.0.2.10",
	keyDigest: keyDigest(key),
};
const admin: Caller = { ...nobody, isAdmin: true, address: undefined };

const policyOf = (text: string) => parsePolicy(text).policy;

const run = (
	caller: Caller,
	name: string,
	options: string,
	permission: Permission = "check",
): PolicyCall => ({ caller, permission, command: { name, options } });

/** The reason of a refusal, or the command line of what is allowed. */
const outcome = (decision: Decision) => {
	if (!decision.allowed) return decision.reason;
	return decision.run?.argv.join(" ") ?? decision.reason;
};

type Row = [call: PolicyCall, outcome: string, rule: number | undefined];

/** Decides each call, and compares command line or reason, and rule. */
function decides(text: string, rows: readonly Row[]) {
	const policy = policyOf(text);
	for (const [call, wanted, rule] of rows) {
		const decision = decide(policy, call);
		assert.equal(outcome(decision), wanted);
		assert.equal(decision.rule, rule, wanted);
	}
}

test("a command may limit the bytes of all values of a call together", () => {
	const tooMany = "the values have more than 6 bytes (command it, rule 1)";
	decides(
		`
version: 1
who: { me: { address: 203.0.113.1 } }
commands: { it: { run: [check_it, "{a}", "{b...}"], slots: { a: text, b: loose-words }, at-most: 6 } }
rules: [{ who: me, may: check, commands: "*" }]
`,
		[
			[run(nobody, "it", "é a bc"), "check_it é a bc", 1],
			[run(nobody, "check_it", "é a bc"), "check_it é a bc", 1],
			[run(nobody, "it", "é aé bc"), tooMany, 1],
			[run(nobody, "check_it", "é a bcd"), tooMany, 1],
		],
	);
});

test("a command that runs a file by its absolute path is found by its name only", () => {
	const text = `
version: 1
who: { me: { address: 203.0.113.1 } }
commands:
  raid: { run: [/usr/bin/sudo, /usr/sbin/raid, -d, "{device}"], slots: { device: path } }
  shell: { run: [/bin/sh, -c, 'echo "$1"', sh, "{text}"], slots: { text: text } }
rules: [{ who: me, may: check, commands: "*" }]
`;
	const absolute = "is an absolute path";
	decides(text, [
		[
			run(nobody, "raid", "/dev/md0"),
			"/usr/bin/sudo /usr/sbin/raid -d /dev/md0",
			1,
		],
		[run(nobody, "shell", "';id'"), '/bin/sh -c echo "$1" sh ;id', 1],
		[
			run(nobody, "/usr/bin/sudo", "/usr/sbin/raid -d /dev/md0"),
			`plugin_name: /usr/bin/sudo ${absolute}`,
			1,
		],
		[
			run(nobody, "usr/bin/sudo", "/usr/sbin/raid -d /dev/md0"),
			"no command for check is called usr/bin/sudo or runs it",
			1,
		],
		[
			run(nobody, "sudo", "/usr/sbin/raid -d /dev/md0"),
			"no command for check is called sudo or runs it",
			1,
		],
	]);
});

test("a call by a command's name gives the values in order, and the last ones have defaults", () => {
	decides(
		example
			.replace('-p, "{path}"]', '-p, "{path}", "{unit}"]')
			.replace(
				"path:     {",
				"unit: { is: one-of, values: [MB, GB], default: MB }\n      path:     {",
			),
		[
			[
				run(icinga, "disk", "5% 2% /srv/a GB"),
				"check_disk -w 5% -c 2% -p /srv/a GB",
				1,
			],
			[
				run(icinga, "disk", "5% 2% /srv/a"),
				"check_disk -w 5% -c 2% -p /srv/a MB",
				1,
			],
			[
				run(icinga, "disk 5% 2%", "/srv/a"),
				"check_disk -w 5% -c 2% -p /srv/a MB",
				1,
			],
			[
				run(icinga, "disk", "5% 2%"),
				"path: has no value (command disk, rule 1)",
				1,
			],
			[
				run(icinga, "disk", "5% 2% /srv GB x"),
				"5 values are too many, command disk takes 4 (rule 1)",
				1,
			],
			[
				run(icinga, "disk", "5% 2% /etc/shadow"),
				"path: /etc/shadow is not below /var, /srv (command disk, rule 1)",
				1,
			],
		],
	);
});

test("an NRPE request calls a command of the policy, never a plugin, and gives a value with each argument", () => {
	const nrpe = (text: string, caller = icinga): PolicyCall => ({
		...{ caller, permission: "check", command: nrpeCommand(text) },
	});
	decides(example, [
		[nrpe("disk!5%!2%!/srv/a"), "check_disk -w 5% -c 2% -p /srv/a", 1],
		// strtok() of NRPE
		[nrpe("!disk!!5%!2%!/srv/a!"), "check_disk -w 5% -c 2% -p /srv/a", 1],
		[nrpe("load!-r  -w '5,4,3'"), "check_load -r -w 5,4,3", 1],
		[nrpe("load"), "check_load", 1],
		[
			nrpe("load!-w 5!-r"),
			"2 values are too many, command load takes 1 (rule 1)",
			1,
		],
		[
			nrpe("load!-w $(id)"),
			"options: needs a shell to be split into words (command load, rule 1)",
			1,
		],
		// the value of a single slot is never split
		[
			nrpe("disk!5%!2%!/srv/a /srv/b"),
			"check_disk -w 5% -c 2% -p /srv/a /srv/b",
			1,
		],
		[
			nrpe("disk!5%!2%!/srv!x"),
			"4 values are too many, command disk takes 3 (rule 1)",
			1,
		],
		[nrpe("disk!5%"), "path: has no value (command disk, rule 1)", 1],
		[nrpe("check_disk!-w!5%"), "Command 'check_disk' not defined", 1],
		[nrpe("a\nb"), "Command '\"a\\nb\"' not defined", 1],
		[nrpe("!"), "Command '\"\"' not defined", 1],
		[nrpe("uname"), "command uname is for inventory, not for check", 1],
		[
			nrpe("disk!5%!2%!/srv", nobody),
			"check: nobody in who has address 203.0.113.1, no client certificate and no key",
			1,
		],
	]);
});

test("slots called arg1, arg2 take the arguments of NRPE by number, and the others are left out", () => {
	const policy = policyOf(`
version: 1
mode: enforce
who: { nrpe: { address: 192.0.2.10 } }
commands:
  one: { run: [check_x, -w, "{arg2}", -o, "{arg1...}", "{more}"], slots: { arg2: threshold, arg1: { is: words, options: { -a: true }, others: word }, more: { is: word, default: m } } }
rules: [ { who: nrpe, may: check, commands: "*" } ]
`);
	const caller = { ...nobody, address: "192.0.2.10" };
	const asked = (text: string): PolicyCall => ({
		...{ caller, permission: "check", command: nrpeCommand(text) },
	});
	const outcomes = ["one!-a  b!5", "one!-a!5!6!7", "one!-a", "one!-a!x"].map(
		(text) => outcome(decide(policy, asked(text))),
	);
	assert.deepEqual(outcomes, [
		"check_x -w 5 -o -a b m",
		"check_x -w 5 -o -a m",
		"arg2: has no value (command one, rule 1)",
		"arg2: x is not a threshold or a list of thresholds (command one, rule 1)",
	]);
});

test("a call by a plugin's name has to have the words of a template, in order", () => {
	decides(example, [
		[
			run(icinga, "check_disk", "-w 20% -c 10% -p /var/lib"),
			"check_disk -w 20% -c 10% -p /var/lib",
			1,
		],
		[
			run(icinga, "./check_disk -w 20%", "'-c' 10%  -p /var"),
			"check_disk -w 20% -c 10% -p /var",
			1,
		],
		[
			run(icinga, "check_disk", "-w 20% -c 10% -p /etc/shadow"),
			"path: /etc/shadow is not below /var, /srv (command disk, rule 1)",
			1,
		],
		[
			run(icinga, "check_disk", "-w 20% -x 10% -p /var"),
			"word 3 is -x, command disk has -c (rule 1)",
			1,
		],
		[
			run(icinga, "check_disk", "-w 20% -c 10%"),
			"word 5 is missing, command disk has -p (rule 1)",
			1,
		],
		[
			run(icinga, "check_disk", "-w 20% -c 10% -p /var -e"),
			"word 7 is -e, command disk ends before it (rule 1)",
			1,
		],
		[run(icinga, "check_load", "-r -w 5,4,3"), "check_load -r -w 5,4,3", 1],
		[
			run(icinga, "check_load", "-x"),
			"options: -x is not one of its options (command load, rule 1)",
			1,
		],
		[
			run(icinga, "check_load", "-w"),
			"options: -w has no value (command load, rule 1)",
			1,
		],
		[
			run(icinga, "negate", "/bin/sh -c id"),
			"no command for check is called negate or runs it",
			1,
		],
		[
			run(icinga, "check_disk", "$(id)"),
			"the option line needs a shell, and a policy's commands run without one",
			1,
		],
		[
			run(icinga, "../check_disk", ""),
			"plugin_name: ../check_disk has the path segment ..",
			1,
		],
	]);
});

test("a command's name wins over a plugin's, unless the values do not fit", () => {
	decides(example, [
		[run(admin, "uname", "", "inventory"), "uname -a", 3],
		[run(admin, "uname", "-a", "inventory"), "uname -a", 3],
		[run(admin, "uname -a", "", "inventory"), "uname -a", 3],
		[
			run(admin, "uname", "-r", "inventory"),
			"word 1 is -r, command uname has -a (rule 3)",
			3,
		],
		[
			run(admin, "uname", "-a"),
			"command uname is for inventory, not for check",
			3,
		],
		[
			run(icinga, "uname", "-a", "inventory"),
			"inventory: no rule permits it to icinga",
			3,
		],
	]);
});

test("all conditions of a name have to hold", () => {
	const policy = policyOf(example);
	const call = (caller: Caller) => decide(policy, run(caller, "load", ""));
	assert.deepEqual(call(nagios).who, ["nagios"]);
	assert.equal(call(nagios).allowed, true);
	assert.equal(call({ ...nagios, address: "2001:db8:1::7" }).allowed, true);
	for (const [caller, reason] of [
		[
			{ ...nagios, keyDigest: keyDigest("") },
			"check: nagios may, but the key is missing or unknown (rule 1)",
		],
		[
			{ ...nagios, address: "192.0.2.11" },
			"check: nagios may, but the address is another one (rule 1)",
		],
		[
			nobody,
			"check: nobody in who has address 203.0.113.1, no client certificate and no key",
		],
	] as const) {
		const decision = call(caller);
		assert.deepEqual(decision.who, []);
		assert.equal(outcome(decision), reason);
	}
});

test("limits are the most generous of the rules that permit a command", () => {
	const limitsOf = (more: string, caller = icinga) => {
		const decision = decide(policyOf(example + more), run(caller, "load", ""));
		assert.ok(decision.allowed);
		return { ...decision.limits, key: decision.limitKey };
	};
	assert.deepEqual(limitsOf(""), { rate: 20, atOnce: 8, key: "icinga 1" });
	assert.deepEqual(
		limitsOf(
			"  - { who: icinga, may: check, commands: load, rate: 30/m, at-once: 9 }\n",
		),
		{
			...{ rate: 20, atOnce: 9 },
			key: "icinga 1",
		},
	);
	assert.deepEqual(
		limitsOf("  - { who: icinga, may: check, commands: load, rate: 30/s }\n"),
		{
			...{ rate: 30, atOnce: undefined },
			key: "icinga 5",
		},
	);
	assert.deepEqual(
		limitsOf("  - { who: icinga, may: check, commands: load }\n"),
		{
			...{ rate: undefined, atOnce: undefined },
			key: "",
		},
	);
});

test("several commands that fit run the same; the most literal one is recorded, the smallest limits count", () => {
	const text = `
version: 1
who: { me: { address: 192.0.2.10 } }
commands:
  any:  { run: [check_http, "{options...}"], slots: { options: loose-words } }
  some: { run: [check_http, -H, "{host}", -a, "{login}"], slots: { host: host, login: { is: text, secret: true } } }
rules:
  - { who: me, may: check, commands: any, rate: 5/s }
  - { who: me, may: check, commands: some, rate: 20/s, at-once: 2 }
`;
	const decision = decide(
		policyOf(text),
		run(nagios, "check_http", "-H web01 -a user:pass"),
	);
	assert.deepEqual(decision, {
		...{ who: ["me"], allowed: true, rule: 2 },
		reason: "rule 2 permits command some",
		run: {
			command: "some",
			argv: ["check_http", "-H", "web01", "-a", "user:pass"],
			slots: { host: "web01", login: "user:pass" },
			secrets: ["login"],
		},
		limits: { rate: 5, atOnce: 2 },
		limitKey: "me 1",
	});
	// the record is of another command, but one that fits has the secret
	const other = decide(
		policyOf(text.replace("commands: some", "commands: any")),
		run(nagios, "check_http", "-H web01 -a user:pass"),
	);
	assert.ok(other.allowed);
	assert.equal(other.run?.command, "any");
	assert.deepEqual(other.run?.secrets, ["options"]);
});

test("a secret is in no reason", () => {
	decides(
		`
version: 1
who: { me: { address: 192.0.2.10 } }
commands:
  login: { run: [check_x, -H, "{host}", -p, "{password}"], slots: { host: host, password: { is: word, secret: true } } }
rules: [{ who: me, may: check, commands: "*" }]
`,
		[
			[
				run(nagios, "check_x", "-H a -p 'two words'"),
				"password: its value is not a plain word (command login, rule 1)",
				1,
			],
			[
				run(nagios, "check_x", "-p hunter2 -H a"),
				"word 1 is -p, command login has -H (rule 1)",
				1,
			],
			[
				run(nagios, "check_x", "-H a hunter2"),
				"word 3 is different, command login has -p (rule 1)",
				1,
			],
			[
				run(nagios, "check_x", "-H a -phunter2"),
				"word 3 is different, command login has -p (rule 1)",
				1,
			],
		],
	);
});

test("relays are permitted by address, network or name, each with its port", () => {
	const policy = policyOf(`
version: 1
who: { me: { address: 192.0.2.10 } }
rules:
  - { who: me, may: relay, to: ["10.0.0.0/8", "127.0.0.1:7000", "[2001:db8::1]:7000", "*.db.example.net:7001", web01] }
  - { who: admin, may: relay, to: "127.0.0.1:7777" }
`);
	const relay = (host: string, port = 6777) =>
		decide(policy, {
			caller: nagios,
			permission: "relay",
			hop: { host, port },
		});
	for (const [host, port] of [
		["10.1.2.3", 6777],
		["127.0.0.1", 7000],
		["2001:db8::1", 7000],
		["a.db.example.net", 7001],
		["a.b.db.example.net", 7001],
		["web01", 6777],
	] as const)
		assert.equal(relay(host, port).allowed, true, host);
	for (const [host, port] of [
		["11.1.2.3", 6777],
		["10.1.2.3", 7000],
		["127.0.0.1", 6777],
		["db.example.net", 7001],
		["web01.example.net", 6777],
	] as const)
		assert.equal(relay(host, port).allowed, false, host);
	assert.equal(
		outcome(relay("2001:db8::1")),
		"relay: [2001:db8::1]:6777 is not in to of rule 1",
	);
	const decision = relay("web01");
	assert.ok(decision.allowed);
	assert.equal(decision.namesOwn?.("127.0.0.1", 7000), true);
	assert.equal(decision.namesOwn?.("::ffff:127.0.0.1", 7000), true);
	assert.equal(decision.namesOwn?.("127.0.0.1", 7777), false);
	assert.equal(decision.namesOwn?.("10.0.0.1", 6777), false);
});

test("ping needs no rule, unless the file says so, and a rule does not limit it", () => {
	const text = `
version: 1
who: { me: { address: 192.0.2.10 } }
rules: [{ who: me, may: ping, rate: 1/h }]
`;
	const ping = (text: string, caller: Caller) =>
		decide(policyOf(text), { caller, permission: "ping" });
	assert.equal(ping(text, nobody).allowed, true);
	const given = ping(text, nagios);
	assert.ok(given.allowed);
	assert.deepEqual(given.limits, { rate: undefined, atOnce: undefined });
	assert.equal(ping(`${text}ping: rules`, nobody).allowed, false);
	assert.equal(ping(`${text}ping: rules`, nagios).allowed, true);
});

test("mayReach is true if only the key is missing", () => {
	const policy = policyOf(example);
	const withoutKey = { ...nagios, keyDigest: undefined };
	assert.equal(mayReach(policy, withoutKey, "check"), true);
	assert.equal(mayReach(policy, withoutKey, "drain"), false);
	assert.equal(mayReach(policy, nobody, "check"), false);
	assert.equal(mayReach(policy, nobody, "ping"), true);
	assert.equal(mayReach(policy, admin, "drain"), true);
});

test("real paths are resolved by the caller of decide, and compared as well", () => {
	const policy = policyOf(example.replace("/srv]", "/srv], real: true"));
	const call = run(icinga, "check_disk", "-w 20% -c 10% -p /var/a");
	assert.deepEqual(pathsToResolve(policy, call), ["/var/a"]);
	assert.deepEqual(pathsToResolve(policy, run(icinga, "disk", "1 2 /srv/b")), [
		"/srv/b",
	]);
	assert.deepEqual(pathsToResolve(policy, run(icinga, "disk", "1 2 /etc")), []);
	// nobody else has the agent look at files
	for (const other of [nobody, { ...nobody, address: "198.51.100.1" }])
		assert.deepEqual(
			pathsToResolve(policy, run(other, "disk", "1 2 /srv/b")),
			[],
		);
	const real = (path?: string) =>
		outcome(
			decide(policy, {
				...call,
				realPaths: new Map(path ? [["/var/a", path]] : []),
			}),
		);
	assert.equal(real("/srv/c"), "check_disk -w 20% -c 10% -p /var/a");
	assert.equal(
		real("/etc/shadow"),
		"path: /var/a is really /etc/shadow, which is not below /var, /srv (command disk, rule 1)",
	);
	assert.equal(real(), "path: /var/a does not exist (command disk, rule 1)");
});
