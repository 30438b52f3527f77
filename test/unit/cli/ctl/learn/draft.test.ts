import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Draft } from "../../../../../cli/ctl/learn/draft.ts";
import { parsePolicy } from "../../../../../src/policy/policy.ts";
import {
	type AuditedRequest,
	auditedCheck,
	callerAt,
	learnFrom,
} from "../../../../support/audited-calls.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

const nagios = "192.0.2.10";
const stranger = "192.0.2.99";

const observing = `version: 1
mode: observe
who:
  nagios: { address: ${nagios} }
  icinga: { address: 192.0.2.11 }
`;

/** Learns from what an agent with a policy has logged. */
async function learned(
	t: TestContext,
	requests: readonly AuditedRequest[],
	{ policy = observing, names = ["nagios"], atLeast = 2 } = {},
) {
	const file = join(await temporaryDirectory(t), "audit.log");
	return learnFrom({ file, policyText: policy, requests, names, atLeast });
}

/** The commands of a draft: `run` and the types of the slots. */
const commandsOf = ({ commands }: Draft) =>
	Object.fromEntries(
		commands.map(({ name, run, slots }) => [
			name,
			[
				run.join(" "),
				Object.fromEntries(slots.map(({ name, type }) => [name, type])),
			],
		]),
	);

const check = (options: string, times = 3, plugin = "check_x") =>
	auditedCheck(nagios, plugin, options, { times });

test("values that vary become slots of the narrowest type, others stay", async (t) => {
	const draft = await learned(t, [
		check("-w 20% -c 10% -p /var", 288, "check_disk"),
		check("-w 15% -c 10% -p /srv/a", 288, "check_disk"),
		check("-w 5,4,3 -c 10,8,6", 288, "check_load"),
		check("-H web -u /shop -p 80 -t 10", 10, "check_http"),
		check("-H db -u /state -p 443 -t 30", 10, "check_http"),
		check("-H 10.0.0.1 --port=22", 2, "check_tcp"),
		check("-H 10.0.0.2 --port=22", 2, "check_tcp"),
		check("-w3 a", 2, "check_y"),
		check("-w30 a", 2, "check_y"),
		check("--low=-5 '{x}' ''", 2, "check_z"),
		check("--low=-7 '{x}' ''", 2, "check_z"),
	]);
	assert.deepEqual(commandsOf(draft), {
		disk: [
			"check_disk -w {warning} -c 10% -p {path}",
			{ warning: "threshold", path: { is: "path", below: ["/srv/a", "/var"] } },
		],
		load: ["check_load -w 5,4,3 -c 10,8,6", {}],
		// only these combinations were seen
		http: ["check_http -H web -u /shop -p 80 -t 10", {}],
		"http-2": ["check_http -H db -u /state -p 443 -t 30", {}],
		tcp: [
			"check_tcp -H {host} --port=22",
			{ host: { is: "one-of", values: ["10.0.0.1", "10.0.0.2"] } },
		],
		y: ["check_y -w{warning} a", { warning: "threshold" }],
		z: [
			"check_z --low={low} {{x}} ",
			{ low: { is: "integer", min: -7, max: -5 } },
		],
	});
	assert.deepEqual(draft.looks, []);
	assert.deepEqual(parsePolicy(draft.text).warnings, []);
	assert.match(
		draft.text,
		/# 576 calls, [-\dT:]+Z to [-\dT:]+Z, from 192\.0\.2\.10\n/,
	);
	assert.match(draft.text, /# 2 values: 20% \(288 calls\), 15% \(288\)\n/);
});

test("a path does not open the root, and many paths become a directory that is marked", async (t) => {
	const paths = ["/", "/var", "/home"];
	const few = await learned(
		t,
		paths.map((path) => check(`-p ${path}`, 2, "check_disk")),
	);
	assert.deepEqual(commandsOf(few).disk?.[1], {
		p: { is: "one-of", values: paths },
	});
	const many = await learned(
		t,
		Array.from({ length: 12 }, (_, at) =>
			check(`-p /srv/www/site${at}`, 2, "check_disk"),
		),
	);
	assert.deepEqual(commandsOf(many).disk?.[1], {
		path: { is: "path", below: ["/srv/www"] },
	});
	assert.deepEqual(many.looks, [
		{
			at: "command disk",
			why: "slot path permits everything below /srv/www",
		},
	]);
});

test("what was seen once is a constant in a rule of its own, and marked", async (t) => {
	const draft = await learned(t, [
		check("-p /var", 288, "check_disk"),
		check("-p /srv", 288, "check_disk"),
		check("-p /etc/shadow", 1, "check_disk"),
		// the others permit it already
		check("-p /srv/more", 1, "check_disk"),
		check("/bin/sh -c id", 1, "negate"),
	]);
	assert.deepEqual(Object.keys(commandsOf(draft)), [
		...["disk", "once-disk", "once-negate"],
	]);
	assert.deepEqual(commandsOf(draft)["once-disk"], [
		"check_disk -p /etc/shadow",
		{},
	]);
	const { policy } = parsePolicy(draft.text);
	assert.deepEqual(
		policy.rules.map(({ commands }) => [...commands]),
		[["disk"], ["once-disk", "once-negate"]],
	);
	assert.deepEqual(
		draft.looks.map(({ at }) => at),
		[
			"command once-disk",
			"command once-negate",
			"command once-negate",
			"rule 2",
		],
	);
	assert.match(
		draft.text,
		/# look: has negate and sh, which may run any program/,
	);
	assert.match(draft.text, /# 1 call, \S+, from 192.0.2.10, id \S{12}\n/);
});

test("what one caller did too seldom is marked in its rules, however often others did it", async (t) => {
	const policy = `${observing.replace("192.0.2.11", "192.0.2.66")}commands:
  load: { run: [check_load, "{warning}"], slots: { warning: threshold } }
`;
	const asked = (address: string, times: number): AuditedRequest[] => [
		auditedCheck(address, "load", "5", { times }),
		auditedCheck(address, "check_disk", "-p /var", { times }),
		{
			...{ caller: callerAt(address), times, operationId: "relayRequest" },
			body: { proxy_hostport: ["10.0.0.1"], request_type: "monitor" },
		},
		{
			...{ caller: callerAt(address), times, operationId: "drainMetrics" },
			body: { apikey: "" },
		},
	];
	const draft = await learned(
		t,
		[
			...asked(nagios, 300),
			// each of them once
			...asked("192.0.2.66", 1),
			auditedCheck(nagios, "check_disk", "-p /srv", { times: 300 }),
			auditedCheck("192.0.2.66", "check_disk", "-p /srv"),
		],
		{ policy, names: ["nagios", "icinga"] },
	);
	assert.deepEqual(draft.looks, [
		{
			at: "rule 4",
			why: "what was seen too seldom: delete what you do not know",
		},
		{
			at: "rule 5",
			why: "1 hops were seen too seldom to be sure: 10.0.0.1:6777",
		},
		{
			at: "rule 6",
			why: "seen too seldom to be sure that it belongs here",
		},
	]);
	const [, rules = ""] = draft.text.split("rules:\n");
	const evidence = [...rules.matchAll(/^ {2}# (\d+ calls?), .*$/gm)].map(
		([line, calls]) => [calls, line.replace(/.*, from | id .*/g, "")],
	);
	assert.deepEqual(evidence, [
		["900 calls", nagios],
		["300 calls", nagios],
		["300 calls", nagios],
		["3 calls", "192.0.2.66"],
		["1 call", "192.0.2.66,"],
		["1 call", "192.0.2.66,"],
	]);
});

test("the evidence names every place that calls came from", async (t) => {
	const from = (address: string, times: number) =>
		auditedCheck(address, "check_x", "-w 5", { times });
	const draft = await learned(
		t,
		[from("192.0.2.10", 5), from("192.0.2.66", 1), from("192.0.2.10", 5)],
		{ policy: observing.replace(`${nagios} }`, "192.0.2.0/24 }") },
	);
	assert.match(
		draft.text,
		/# 11 calls, .*, from 192\.0\.2\.10, 192\.0\.2\.66\n/,
	);
});

test("only successful calls of the callers that are named count", async (t) => {
	const draft = await learned(t, [
		check("-w 1", 3),
		auditedCheck(stranger, "check_x", "-w 2", { times: 3 }),
		auditedCheck("192.0.2.11", "check_x", "-w 3", { times: 3 }),
		auditedCheck(nagios, "check_x", "-w 4", { times: 3, exitStatus: 3 }),
		auditedCheck(nagios, "check_x", "-w 5", { times: 3, exitStatus: "none" }),
		auditedCheck(nagios, "check_x", "-w 6", { times: 3, httpStatus: 503 }),
		auditedCheck(nagios, "check_x", "-w 7", { times: 3, exitStatus: 127 }),
		check("-w 8 | tee /tmp/x", 3),
		check(`-w ${"9".repeat(3_000)}`, 3),
	]);
	assert.deepEqual(commandsOf(draft), { x: ["check_x -w 1", {}] });
	assert.deepEqual(Object.fromEntries(draft.tallied), {
		"by other callers": 6,
		"not successful": 12,
		"the line needs a shell, and a policy's commands run without one": 3,
		"it is too long for the log": 3,
	});
	assert.deepEqual(Object.fromEntries(draft.leftOut), {});
});

test("no secret is in a draft, and each is a slot that says so", async (t) => {
	const draft = await learned(t, [
		check("-H db -p hunter2 -t 10", 10, "check_mysql"),
		check("-H db --password=hunter3", 10, "check_mysql"),
		check("-H db -phunter4", 10, "check_mysql"),
		check("-u https://me:hunter5@web/", 10, "check_http"),
		// a caller that writes what the log writes for a secret
		check("-x '***'", 10),
	]);
	assert.ok(!draft.text.includes("hunter"), draft.text);
	const secret = { is: "text", secret: true };
	assert.deepEqual(commandsOf(draft), {
		mysql: ["check_mysql -H db -p {p} -t 10", { p: secret }],
		"mysql-2": [
			"check_mysql -H db --password={password}",
			{ password: secret },
		],
		"mysql-3": ["check_mysql -H db -p{p}", { p: secret }],
	});
	assert.equal(draft.looks.length, 3);
	assert.match(draft.looks[0]?.why ?? "", /^slot p permits any text/);
	assert.deepEqual(Object.fromEntries(draft.tallied), {
		"words are masked that no option before them explains": 20,
	});
});

test("commands of the policy stay, as narrow as their use", async (t) => {
	const policy = `version: 1
mode: enforce
who: { nagios: { address: ${nagios}, key: k }, icinga: { address: 192.0.2.11 } }
keys: { k: "sha256:${"0".repeat(64)}", other: "sha256:${"1".repeat(64)}" }
commands:
  disk:
    run: [check_disk, -w, "{warning}", -p, "{path}"]
    slots:
      warning: { is: threshold, default: "20%" }
      path: { is: path, default: /var }
    timeout: 30s
    at-most: 100
  load: { run: [check_load, "{arg1...}"], slots: { arg1: { is: loose-words, without: "x" } } }
  login: { run: [check_login, "{password}"], slots: { password: { is: word, secret: true } } }
  unused: { run: [check_unused] }
rules:
  - { who: nagios, may: check, commands: "*", rate: 2000/s, at-once: 8 }
`.replace(", key: k }", " }");
	const draft = await learned(
		t,
		[
			check("10% /var", 5, "disk"),
			check("-w 10% -p /srv", 5, "check_disk"),
			check("", 5, "disk"),
			check("-w 5,4,3 -c 10,8,6 -r", 5, "load"),
			check("-w 6,4,3 -c 10,8,6", 5, "load"),
			check("hunter2", 5, "login"),
			{
				...auditedCheck(nagios, "", "", { times: 5 }),
				nrpe: { name: "load", values: ["-w 5,4,3 -c 9,9,9"] },
			},
		],
		{ policy },
	);
	assert.deepEqual(commandsOf(draft), {
		disk: [
			"check_disk -w {warning} -p {path}",
			{
				warning: { is: "threshold", default: "20%" },
				path: { is: "path", below: ["/srv", "/var"], default: "/var" },
			},
		],
		load: [
			"check_load {arg1...}",
			{
				arg1: {
					is: "words",
					options: {
						"-w": "threshold",
						"-c": "threshold",
						"-r": true,
					},
					"at-most": 5,
					without: "x",
				},
			},
		],
		login: [
			"check_login {password}",
			{ password: { is: "word", secret: true } },
		],
	});
	assert.match(draft.text, /^mode: enforce$/m);
	assert.match(draft.text, /^ {4}timeout: "?30s"?\n {4}at-most: 100$/m);
	assert.match(draft.text, /^ {4}rate: "?2000\/s"?\n {4}at-once: 8$/m);
	assert.deepEqual(parsePolicy(draft.text).warnings, []);
	assert.deepEqual(Object.fromEntries(draft.leftOut), {});
	assert.ok(!draft.text.includes("other"), draft.text);
});

test("calls beside a command with a time limit get the same limit, as one line has one", async (t) => {
	const policy = `${observing}commands:
  disk: { run: [check_disk, -p, "{path}"], slots: { path: { is: path, below: /var } }, timeout: 30s }
rules: [{ who: nagios, may: check, commands: disk }]
`;
	const draft = await learned(
		t,
		[
			check("-p /var", 5, "check_disk"),
			check("-p /home", 5, "check_disk"),
			check("-p /srv", 5, "check_disk"),
			check("-w 5 -p /home", 5, "check_disk"),
		],
		{ policy },
	);
	assert.deepEqual(
		draft.commands.map(({ name, more }) => [name, more]),
		[
			["disk", { timeout: "30s" }],
			["disk-2", { timeout: "30s" }],
			["disk-3", {}],
		],
	);
	assert.deepEqual(Object.fromEntries(draft.leftOut), {});
});

test("other requests become permissions; hops are named one by one", async (t) => {
	const relay = (hop: string, times = 3): AuditedRequest => ({
		caller: callerAt(nagios),
		operationId: "relayRequest",
		body: { proxy_hostport: [hop], request_type: "monitor" },
		times,
	});
	const draft = await learned(t, [
		relay("10.0.0.1"),
		relay("[2001:db8::1]:7000"),
		relay("WEB.example.net", 1),
		relay("127.0.0.1:22"),
		relay("not a hop"),
		...(
			["drainMetrics", "updateMetricConfig", "checkAvailability"] as const
		).map((operationId) => ({
			caller: callerAt(nagios),
			operationId,
			body: { apikey: "" },
			times: 2,
		})),
		{
			caller: callerAt(nagios),
			operationId: "runInventoryCommand",
			body: { command: "uname -a", command_option: "" },
			times: 2,
		},
	]);
	const { policy } = parsePolicy(draft.text);
	assert.deepEqual(
		policy.rules.map(({ permissions, to, commands }) => [
			...[[...permissions].join(), to.length, [...commands].join()],
		]),
		[
			["inventory", 0, "uname-2"],
			["relay", 4, ""],
			["drain", 0, ""],
			["configure", 0, ""],
		],
	);
	assert.match(
		draft.text,
		/to: \["10\.0\.0\.1:6777", "\[2001:db8::1\]:7000", "web\.example\.net:6777", "127\.0\.0\.1:22"\]/,
	);
	assert.deepEqual(draft.looks, [
		{
			at: "rule 2",
			why: "1 hops were seen too seldom to be sure: web.example.net:6777",
		},
		{ at: "rule 2", why: "leads to this host itself: 127.0.0.1:22" },
		{
			at: "rule 4",
			why: "permits to run any metric plugin with any options",
		},
	]);
	assert.deepEqual(Object.fromEntries(draft.tallied), {
		"the next hop is not in the log": 3,
	});
});

test("many different calls that were seen once take little time", async (t) => {
	const began = process.cpuUsage();
	const draft = await learned(
		t,
		Array.from({ length: 5_000 }, (_, at) => check(`odd${at}`, 1, "check_odd")),
	);
	const { user, system } = process.cpuUsage(began);
	assert.equal(draft.calls, 200);
	// most of it writes the log
	assert.ok(user + system < 20_000_000, `${user + system}`);
});

test("a hostile caller cannot write lines of the draft, nor fill it", async (t) => {
	const draft = await learned(t, [
		check("-x 'a: b # c' \"d\" '\u202e\u2028' '- e'", 3),
		check("-x 'f' \"d\" '\u202e\u2028' '- e'", 3),
		check("-x '@y' \"d\" '\u202e\u2028' '- e'", 3),
		check("--__proto__=1 --constructor=2", 3, "constructor"),
		check("--__proto__=3 --constructor=2", 3, "constructor"),
		check("", 3, "__proto__"),
		check("", 3, "sub/check_y"),
		...Array.from({ length: 300 }, (_, at) =>
			check(`odd${at}`, 1, "check_odd"),
		),
	]);
	assert.doesNotMatch(draft.text, /[\u202e\u2028]/);
	const { policy } = parsePolicy(draft.text);
	assert.equal(
		[...policy.commands.keys()].filter((name) => name.startsWith("once-"))
			.length,
		200,
	);
	assert.deepEqual(Object.fromEntries(draft.leftOut), {
		"seen too seldom, and more than 200 different ones": 100,
	});
	assert.ok(policy.commands.has("constructor-2"));
});
