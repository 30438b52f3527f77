import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync } from "node:fs";
import {
	chmod,
	mkdir,
	readFile,
	realpath,
	symlink,
	writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import type { components } from "../../../generated/schema.ts";
import { Abandoning } from "../../../src/abandonment.ts";
import { AgentError } from "../../../src/agent-error.ts";
import { createAuthorizer } from "../../../src/authorization/authorizer.ts";
import { loadPolicy } from "../../../src/authorization/kept-policy.ts";
import { nrpeCommand } from "../../../src/policy/call.ts";
import { keyDigest } from "../../../src/policy/key.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import type { DecisionLine } from "../../../src/protocol/audit-line.ts";
import type { DaemonSettings } from "../../../src/settings.ts";
import { recordingLog, startTestAgent } from "../../support/agent.ts";
import { eventually } from "../../support/eventually.ts";
import { type Received, send } from "../../support/https.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const key = "Xh3vY0mO-_qJ8sGf7dTzR1wKc5uNbLpAeVi2yQ4tU6E";

/** Two addresses of loopback: one that the policy knows, one that it does not. */
const known = "127.0.0.2";
const strangerAddress = "127.0.0.3";

const bearer = { authorization: `Bearer ${key}` };

type Status = Required<components["schemas"]["Status"]>;

const who = `
who:
  nagios: { address: ${known} }
  holder: { key: holder }
keys: { holder: ["${keyDigest(key)}"] }
`;

const commands = `
commands:
  args:
    run: [check_args, -w, "{warning}", -p, "{path}"]
    slots:
      warning: { is: threshold, default: "20%" }
      path: { is: path, below: [/var, /srv] }
  sleep: { run: [check_sleep, "{seconds}"], slots: { seconds: { is: number } } }
  login:
    run: [check_args, --password, "{password}"]
    slots: { password: { is: text, secret: true } }
  uname: { run: [uname, -s], for: inventory }
`;

const policyText = (rules: string, more = "mode: enforce") =>
	`version: 1\n${more}\n${who}${commands}rules:\n${rules}\n`;

const allRules = `
  - { who: nagios, may: check, commands: "*" }
  - { who: nagios, may: inventory, commands: uname }
  - { who: holder, may: [drain, read-status, read-metrics] }
`;

async function startWithPolicy(
	t: TestContext,
	text: string,
	overrides: Partial<DaemonSettings> = {},
) {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "policy.yaml");
	await writeFile(file, text);
	const agent = await startTestAgent(t, {
		policy: file,
		"policy-check-seconds": 1,
		"allowed-hosts": ["127.0.0.0/8"],
		...overrides,
	});
	const from =
		(localAddress: string) =>
		(path: string, body?: object, headers: Record<string, string> = {}) =>
			send({
				port: agent.port,
				localAddress,
				method: body ? "POST" : "GET",
				path,
				headers,
				...(body && { body: JSON.stringify(body) }),
			});
	const stranger = from(strangerAddress);
	return {
		...agent,
		file,
		nagios: from(known),
		stranger,
		/** GET /status, as the holder of the key. */
		status: async () =>
			(await stranger("/status", undefined, bearer)).json as Status,
	};
}

const check = (plugin_name: string, plugin_option = "") => ({
	apikey: "",
	plugin_name,
	plugin_option,
});

/** What the recording plugin got: one word a line. */
const argsOf = ({ json }: Received) =>
	(json as { message: string }).message.trimEnd();

test("a policy runs what it permits, by name or by the plugin's own line", async (t) => {
	const { nagios } = await startWithPolicy(t, policyText(allRules));
	const byName = await nagios("/monitor", check("args", "10 /var/log"));
	assert.equal(byName.status, 200);
	const byLine = await nagios(
		"/monitor",
		check("check_args", "-w 10 -p /var/log"),
	);
	assert.equal(byLine.status, 200);
	assert.equal(argsOf(byLine), argsOf(byName));
	assert.match(argsOf(byName), /-w\W+10\W+-p\W+\/var\/log/);
	const system = await nagios("/inventory", {
		command: "uname",
		command_option: "-s",
	});
	assert.deepEqual(system.json, { return_code: 0, return_value: "Linux\n" });
});

test("a known caller reads why it is refused, a stranger only an id", async (t) => {
	const agent = await startWithPolicy(t, policyText(allRules));
	const shadow = check("check_args", "-w 10 -p /etc/shadow");
	const { status, headers, json } = await agent.nagios("/monitor", shadow);
	assert.equal(status, 403);
	assert.match(String(headers["content-type"]), /^application\/problem\+json/);
	const problem = json as Record<string, string | number>;
	assert.equal(problem.type, "urn:happo:problem:not-permitted");
	assert.equal(problem.return_value, 3);
	assert.match(
		String(problem.message),
		/^not permitted: path: \/etc\/shadow is not below \/var, \/srv \(command args, rule 1\)$/,
	);
	const other = await agent.stranger("/monitor", shadow);
	assert.equal(other.status, 403);
	const { id, detail } = other.json as Record<string, string>;
	assert.match(String(id), /^[\w-]{12}$/);
	assert.equal(detail, `not permitted (id ${id})`);
	// the log has what a stranger does not get, but no option: that may be a password
	assert.ok(
		agent.lines.some(
			(line) =>
				line.includes(`(id ${id})`) &&
				line.includes(strangerAddress) &&
				!line.includes("/etc/shadow"),
		),
		agent.lines.join("\n"),
	);
});

test("loopback gets no more than its rules, whatever it asks for", async (t) => {
	const agent = await startWithPolicy(t, policyText(allRules));
	const asked: [string, object?][] = [
		["/monitor", check("negate", "/bin/sh -c id")],
		["/monitor", check("check_by_ssh", "-H h -o ProxyCommand=id")],
		["/monitor", check("node", "-e 0")],
		["/monitor", check("find", "/ -exec id {} +")],
		["/monitor", check("check_args", "-w 10 -p /var/log; id")],
		["/monitor", check("check_args", "-w 10 -p $(id)")],
		["/monitor", check("args -x", "10 /var")],
		["/inventory", { command: "id", command_option: "" }],
		["/inventory", { command: "uname", command_option: "-s; id" }],
		["/metric", { apikey: "" }],
		["/metric/lease", { apikey: "", consumer: "default", lease_seconds: 10 }],
		["/metric/config/update", { apikey: "", config: { metrics: [] } }],
		["/metric/append", { apikey: "", metric_data: [] }],
		["/metric/config"],
		["/machine-state"],
		["/status"],
		["/metrics"],
		["/proxy", { proxy_hostport: ["127.0.0.1"], request_type: "monitor" }],
	];
	for (const ask of [agent.nagios, agent.stranger])
		for (const [path, body] of asked) {
			const { status, json } = await ask(path, body);
			assert.equal(status, 403, `${path} ${JSON.stringify(body)}`);
			assert.equal(
				(json as { type: string }).type,
				"urn:happo:problem:not-permitted",
				path,
			);
		}
	assert.equal((await agent.stranger("/")).status, 200);
});

test("a key counts, in the header or in the body, and only the right one", async (t) => {
	const { stranger: ask } = await startWithPolicy(t, policyText(allRules));
	assert.equal((await ask("/status", undefined, bearer)).status, 200);
	assert.equal((await ask("/metric", { apikey: key })).status, 200);
	const wrong = { apikey: `${key.slice(1)}A` };
	assert.equal((await ask("/metric", wrong)).status, 403);
	assert.equal((await ask("/status")).status, 403);
});

test("a body that no key could make welcome is not read", async (t) => {
	const agent = await startWithPolicy(t, policyText(allRules));
	// the answer comes although the body never does
	const { status } = await send({
		port: agent.port,
		localAddress: known,
		method: "POST",
		path: "/metric/append",
		headers: { "content-length": "16000000", expect: "100-continue" },
	});
	assert.equal(status, 403);
});

/** A policy whose command `args` takes real paths below a directory; its rule permits a command. */
const realPathPolicy = (below: string, permitted: string) => `version: 1
mode: enforce
who: { nagios: { address: ${known} } }
commands:
  args:
    run: [check_args, "{path}"]
    slots: { path: { is: path, below: ["${below}"], real: true } }
  other: { run: [check_sleep] }
rules: [{ who: nagios, may: check, commands: ${permitted} }]
`;

test("a path that must be real is compared after its links are followed", async (t) => {
	const directory = await realpath(await temporaryDirectory(t));
	await mkdir(join(directory, "inside"));
	await symlink("/etc", join(directory, "inside/out"));
	const { nagios } = await startWithPolicy(
		t,
		realPathPolicy(join(directory, "inside"), "args"),
	);
	const ask = (path: string) =>
		nagios("/monitor", check("check_args", join(directory, path)));
	assert.equal((await ask("inside")).status, 200);
	for (const path of ["inside/out", "inside/out/hosts", "inside/none"])
		assert.equal((await ask(path)).status, 403, path);
});

test("inventory-commands names programs: never what a policy's command is called", async (t) => {
	const { nagios } = await startWithPolicy(
		t,
		`version: 1
mode: enforce
who: { nagios: { address: ${known} } }
commands:
  echo: { run: [uname, "{option}"], for: inventory, slots: { option: word } }
rules: [{ who: nagios, may: inventory, commands: echo }]
`,
		{ shell: false, "inventory-commands": ["echo"] },
	);
	const { status, json } = await nagios("/inventory", {
		command: "echo",
		command_option: "ran",
	});
	assert.equal(status, 403);
	assert.equal(
		(json as { detail: string }).detail,
		"command: not one of inventory-commands, and shell is off: uname",
	);
});

test("a refusal tells nothing about a path to those who may not run the command", async (t) => {
	const directory = await realpath(await temporaryDirectory(t));
	await mkdir(join(directory, "in"));
	await symlink("/etc/hosts", join(directory, "in/out"));
	const { nagios, lines } = await startWithPolicy(
		t,
		realPathPolicy(join(directory, "in"), "other"),
	);
	for (const name of ["check_args", "args"]) {
		const reasons = new Set<unknown>();
		for (const path of ["in", "in/out", "in/none"]) {
			const { status, json } = await nagios(
				"/monitor",
				check(name, join(directory, path)),
			);
			assert.equal(status, 403);
			reasons.add((json as { message: string }).message);
		}
		assert.deepEqual(
			[...reasons],
			["not permitted: command args: no rule permits it to nagios"],
			lines.join("\n"),
		);
	}
});

test("a command's own time limit holds, whether it is shorter or longer than that of all", async (t) => {
	const limited = (seconds: number) => `version: 1
mode: enforce
who: { nagios: { address: ${known} } }
commands:
  sleep:
    run: [check_sleep, "{seconds}"]
    slots: { seconds: { is: number } }
    timeout: ${seconds}s
rules: [{ who: nagios, may: check, commands: sleep }]
`;
	const short = await startWithPolicy(t, limited(1));
	const stopped = await short.nagios("/monitor", check("sleep", "30"));
	assert.equal(stopped.status, 500);
	assert.match(stopped.text, /Exec timeout: \S+check_sleep 30/);
	const long = await startWithPolicy(t, limited(9), { "command-timeout": 1 });
	const ended = await long.nagios("/monitor", check("sleep", "2"));
	assert.equal(ended.status, 200);
	assert.match(ended.text, /slept 2/);
});

for (const mode of ["enforce", "observe"])
	test(`what a policy calls a secret is in no log line, whatever is wrong with the call: ${mode}`, async (t) => {
		const audit = join(await temporaryDirectory(t), "audit.log");
		const text = policyText(
			`${allRules}  - { who: nagios, may: inventory, commands: show }`,
			`mode: ${mode}`,
		).replace(
			"rules:",
			`  token:
    run: [check_args, --id, "{id}", "{token}"]
    slots: { id: integer, token: { is: word, secret: true } }
  show:
    run: [echo, "{token}"]
    for: inventory
    slots: { token: { is: word, secret: true } }
rules:`,
		);
		const { nagios, stranger, lines } = await startWithPolicy(t, text, {
			"log-level": "debug",
			"audit-log": audit,
		});
		for (const ask of [nagios, stranger]) {
			await ask("/monitor", check("token", "1 hunter2"));
			await ask("/monitor", check("token", "x hunter2"));
			await ask("/monitor", check("check_args", "--id x hunter2"));
			await ask("/monitor", check("check_args", "--id=hunter2"));
			await ask("/monitor", check("./check_args --id 1", "hunter2"));
			await ask("/monitor", check("check_args --id 1 hunter2;"));
			await ask("/monitor", check("check_args", "--id 1 hunter2; id"));
			await ask("/inventory", { command: "show", command_option: "hunter2" });
			await ask("/inventory", {
				command: "echo hunter2",
				command_option: "hunter2; id",
			});
		}
		const recorded = await readFile(audit, "utf8");
		assert.match(
			recorded,
			/"command":"check_args","options":\["--id","\*\*\*"/,
		);
		for (const found of [lines.join("\n"), recorded])
			assert.ok(!found.includes("hunter"), found);
	});

test("a permit that is remembered is that of the same caller, call and policy", async (t) => {
	const agent = await startWithPolicy(t, policyText(allRules));
	const asked = check("args", "1 /var");
	for (let times = 0; times < 2; times++) {
		assert.equal((await agent.nagios("/monitor", asked)).status, 200);
		assert.equal((await agent.stranger("/monitor", asked)).status, 403);
		const other = check("args", "1 /etc");
		assert.equal((await agent.nagios("/monitor", other)).status, 403);
		const more = check("args", "2 /var");
		assert.match(argsOf(await agent.nagios("/monitor", more)), /\[2\]/);
		// a name and options that only together are the same
		const shifted = check("args 1", "/var");
		assert.equal((await agent.nagios("/monitor", shifted)).status, 200);
	}
	assert.equal((await agent.status()).policy?.decisions.refused, 4);
	await writeFile(agent.file, policyText("  - { who: holder, may: ping }"));
	await agent.reload();
	assert.equal((await agent.nagios("/monitor", asked)).status, 403);
});

test("what a policy calls a secret is in no log line", async (t) => {
	const { nagios, lines } = await startWithPolicy(t, policyText(allRules), {
		"log-level": "debug",
	});
	const answer = await nagios("/monitor", check("login", "'hunter 2'"));
	assert.match(argsOf(answer), /hunter 2/);
	await nagios("/monitor", check("login", "'hunter 2' more"));
	await nagios("/monitor", check("check_args", "--password 'hunter\t2'"));
	assert.ok(!lines.join("\n").includes("hunter"), lines.join("\n"));
});

test("in observe mode everything runs, and what would be refused is counted and logged once", async (t) => {
	const agent = await startWithPolicy(t, policyText(allRules, "mode: observe"));
	for (let times = 0; times < 3; times++) {
		const answer = await agent.stranger("/monitor", check("check_args", "x y"));
		assert.equal(answer.status, 200);
		assert.match(argsOf(answer), /x\W+y/);
	}
	const { json } = await agent.stranger("/status");
	assert.deepEqual((json as { policy: object }).policy, {
		file: agent.file,
		mode: "observe",
		commands: 4,
		rules: 3,
		decisions: { allowed: 0, refused: 0, would_refuse: 4, limited: 0 },
		problem: null,
	});
	const told = agent.lines.filter((line) => line.includes("would not permit"));
	assert.deepEqual(
		told
			.filter((line) => line.startsWith("warning"))
			.map((line) => line.replace(/ \(rule.*/, "")),
		[
			`warning policy: would not permit check to ${strangerAddress}`,
			`warning policy: would not permit read-status to ${strangerAddress}`,
		],
	);
});

test("clients of v1 (Go) can get refusals as check results", async (t) => {
	const { nagios } = await startWithPolicy(
		t,
		policyText(allRules, "mode: enforce\ngo-clients: status-3"),
	);
	const refused = await nagios("/monitor", check("check_args", "-x"));
	assert.equal(refused.status, 200);
	const { return_value, message } = refused.json as Record<string, unknown>;
	assert.equal(return_value, 3);
	assert.match(String(message), /^not permitted: /);
	const relayed = await nagios("/proxy", {
		proxy_hostport: ["127.0.0.1"],
		request_type: "monitor",
	});
	assert.equal(relayed.status, 200);
	assert.equal((relayed.json as { return_value: number }).return_value, 3);
	assert.equal((await nagios("/metric", {})).status, 403);
});

test("calls above a rule's rate wait, and get 429 when their time is over", async (t) => {
	const { nagios } = await startWithPolicy(
		t,
		policyText("  - { who: nagios, may: check, commands: args, rate: 2/s }"),
	);
	const ask = (left: string) =>
		nagios("/monitor", check("args", "1 /var"), {
			"happo-milliseconds-left": left,
		});
	assert.deepEqual(
		(await Promise.all([ask("9000"), ask("9000"), ask("9000")])).map(
			({ status }) => status,
		),
		[200, 200, 200],
	);
	const late = await ask("1");
	assert.equal(late.status, 429);
	assert.equal(late.headers["retry-after"], "1");
	const problem = late.json as Record<string, unknown>;
	assert.equal(problem.type, "urn:happo:problem:rate-limited");
	assert.equal(problem.return_value, 3);
	assert.equal(problem.detail, "over the rate of 2 calls a second (rule 1)");
});

test("a client that sends and leaves at once never runs more than its rule allows", async (t) => {
	const agent = await startWithPolicy(
		t,
		policyText(
			"  - { who: nagios, may: check, commands: sleep, at-once: 3 }\n  - { who: holder, may: read-status }",
		),
	);
	let most = 0;
	let isOver = false;
	const watch = (async () => {
		while (!isOver) {
			const { commands } = await agent.status();
			most = Math.max(most, commands.running);
			await sleep(1);
		}
	})();
	const body = JSON.stringify(check("sleep", "0.05"));
	const sendAndLeave = async () => {
		const socket = connect({
			...{ host: "127.0.0.1", port: agent.port, localAddress: known },
			rejectUnauthorized: false,
		});
		await once(socket, "secureConnect");
		socket.write(
			`POST /monitor HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
		);
		await sleep(20);
		socket.destroy();
	};
	for (let round = 0; round < 20; round++)
		await Promise.all(Array.from({ length: 15 }, sendAndLeave));
	isOver = true;
	await watch;
	assert.ok(most >= 1 && most <= 3, `${most} at once`);
	await eventually(
		"all commands have ended",
		async () => (await agent.status()).commands.running === 0,
	);
	const { nagios } = agent;
	assert.equal((await nagios("/monitor", check("sleep", "0"))).status, 200);
});

test("a changed policy holds at once for open connections; a broken one changes nothing", async (t) => {
	const agent = await startWithPolicy(t, policyText(allRules));
	const ask = () => agent.nagios("/monitor", check("args", "1 /var"));
	assert.equal((await ask()).status, 200);
	await writeFile(
		agent.file,
		policyText("  - { who: holder, may: read-status }"),
	);
	await eventually("refused", async () => (await ask()).status === 403);
	await writeFile(agent.file, policyText("  - { who: nobody, may: check }"));
	await eventually("the problem is shown", async () =>
		/nobody/.test(String((await agent.status()).policy?.problem)),
	);
	assert.equal((await agent.status()).policy?.rules, 1);
	assert.equal((await ask()).status, 403);
	await writeFile(agent.file, policyText(allRules));
	await agent.reload();
	assert.equal((await ask()).status, 200);
	assert.equal((await agent.status()).policy?.problem, null);
});

test("a policy file that everybody can change is a warning, at the start and later", async (t) => {
	const { file, lines } = await startWithPolicy(t, policyText(allRules));
	const warnings = () => lines.filter((line) => line.includes("(chmod o-w)"));
	assert.deepEqual(warnings(), []);
	await chmod(file, 0o666);
	await eventually("a warning", () => warnings().length === 1);
	assert.equal(
		warnings()[0],
		`warning policy ${file}: mode 0666, every user of this machine can change it (chmod o-w)`,
	);
	const from = await startTestAgent(t, {
		policy: file,
		"policy-check-seconds": 1,
	});
	assert.ok(from.lines.includes(warnings()[0] ?? ""), from.lines.join("\n"));
});

test("a FIFO in place of a policy stops the start", async (t) => {
	const file = join(await temporaryDirectory(t), "policy.yaml");
	execFileSync("mkfifo", [file]);
	// ends the reading, should there be one
	const late = setTimeout(
		() => closeSync(openSync(file, constants.O_RDWR | constants.O_NONBLOCK)),
		5_000,
	);
	await assert
		.rejects(loadPolicy(file), {
			name: "PolicyError",
			message: `policy ${file}: not a regular file`,
		})
		.finally(() => clearTimeout(late));
});

test("a policy that is missing or broken stops the start", async (t) => {
	await assert.rejects(startTestAgent(t, { policy: "/nowhere/policy.yaml" }), {
		name: "PolicyError",
		message: "policy /nowhere/policy.yaml: no such file or directory",
	});
	await assert.rejects(
		startWithPolicy(t, policyText("  - { who: nobody, may: check }")),
		{ name: "PolicyError", message: /^policy .*nobody/ },
	);
});

test("a relay may not lead to this host, unless its rule names the address and port", async (t) => {
	const inner = await startTestAgent(t, { "allowed-hosts": ["127.0.0.0/8"] });
	const relay = (port: number) => ({
		proxy_hostport: [`127.0.0.1:${port}`],
		request_type: "get/",
	});
	const through = async (to: string) => {
		const { nagios } = await startWithPolicy(
			t,
			policyText(`  - { who: nagios, may: relay, to: ["${to}"] }`),
			{ "allowed-hosts": ["127.0.0.0/8"] },
		);
		return nagios("/proxy", relay(inner.port));
	};
	const wide = await through(`127.0.0.0/8:${inner.port}`);
	assert.equal(wide.status, 403);
	assert.match(wide.text, /is an address of this host/);
	const exact = await through(`127.0.0.1:${inner.port}`);
	assert.equal(exact.status, 200);
	assert.equal(exact.text, "OK");
	const elsewhere = await through("192.0.2.1:6777");
	assert.equal(elsewhere.status, 403);
	assert.match(elsewhere.text, /not-permitted/);
});

/** The lines of an audit log about requests, without their places in the chain. */
async function auditLines(file: string, count: number) {
	let lines: Record<string, unknown>[] = [];
	await eventually(`${count} lines`, async () => {
		lines = (await readFile(file, "utf8"))
			.trimEnd()
			.split("\n")
			.map((line) => JSON.parse(line))
			.filter(({ event }) => event === "decision" || event === "outcome");
		return lines.length >= count;
	});
	return lines.map(({ n, time, prev, milliseconds, ...line }) => line);
}

test("the audit log has a line before and after each request, and no secret", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const agent = await startWithPolicy(t, policyText(allRules), {
		"audit-log": file,
	});
	await agent.nagios("/monitor", check("login", "'hunter 2'"), {
		"happo-hops": "2",
	});
	const shadow = check("args", "10 /etc/shadow");
	const { json } = await agent.nagios("/monitor", shadow);
	const other = await agent.stranger(
		"/monitor",
		check("check_no", "-a hunter2 -x"),
	);
	await agent.stranger("/metric", { apikey: key });
	const lines = await auditLines(file, 6);
	const [ran, ended, refused, unknown, drained] = lines;
	assert.deepEqual(ran, {
		id: ended?.id,
		event: "decision",
		who: ["nagios"],
		proof: { address: known },
		via: { unproved_hops: 2 },
		operation: "runCheck",
		command: "login",
		options: ["***"],
		slots: { password: "***" },
		decision: "allowed",
		rule: 1,
		reason: "rule 1 permits command login",
	});
	assert.deepEqual(ended, {
		id: ran.id,
		event: "outcome",
		http_status: 200,
		exit_status: 0,
	});
	assert.deepEqual(refused, {
		id: (json as { id: string }).id,
		event: "decision",
		who: ["nagios"],
		proof: { address: known },
		operation: "runCheck",
		command: "args",
		options: ["10", "/etc/shadow"],
		decision: "refused",
		rule: 1,
		reason: "path: /etc/shadow is not below /var, /srv (command args, rule 1)",
	});
	assert.deepEqual(
		[unknown?.id, unknown?.who, unknown?.options],
		[(other.json as { id: string }).id, [], ["-a", "***", "-x"]],
	);
	assert.deepEqual(drained?.proof, {
		address: strangerAddress,
		key: "holder",
	});
	const text = await readFile(file, "utf8");
	assert.ok(!text.includes("hunter"), text);
	assert.ok(!text.includes(key), text);
});

test("the audit log has the words of allowed calls, without secrets", async (t) => {
	const file = join(await temporaryDirectory(t), "audit.log");
	const text = policyText(allRules).replace(
		"rules:",
		`  fixed: { run: [check_args, -p, hunter1, "{id}"], slots: { id: integer } }
  made:
    run: [check_args, "--url={url}", "-x{token}"]
    slots: { url: word, token: { is: word, secret: true } }
rules:`,
	);
	const agent = await startWithPolicy(t, text, { "audit-log": file });
	for (const [name, options] of [
		["./check_args -w 5%", "-p '/var/a b'"],
		["args", "5% /var"],
		["check_args", "-p hunter1 7"],
		["fixed", "7"],
		["check_args", "--url=http://a/ -xhunter2"],
		["made", "http://hunter3/ hunter3"],
	]) {
		const asked = check(name ?? "", options);
		assert.equal((await agent.nagios("/monitor", asked)).status, 200, name);
	}
	const lines = (await auditLines(file, 12)).filter(
		({ event }) => event === "decision",
	);
	assert.deepEqual(
		lines.map(({ command, called, options }) => [command, called, options]),
		[
			["args", "check_args", ["-w", "5%", "-p", "/var/a b"]],
			["args", undefined, ["5%", "/var"]],
			["fixed", "check_args", ["-p", "***", "7"]],
			["fixed", undefined, ["7"]],
			["made", "check_args", ["--url=http://a/", "-x***"]],
			["made", undefined, ["***", "***"]],
		],
	);
	assert.ok(!(await readFile(file, "utf8")).includes("hunter"));
});

test("the audit log calls a relay refused whose next hop has no valid name", async (t) => {
	const file = join(await temporaryDirectory(t), "audit.log");
	const { nagios } = await startWithPolicy(
		t,
		policyText("  - { who: nagios, may: relay, to: 192.0.2.0/24 }"),
		{ "audit-log": file },
	);
	const { status } = await nagios("/proxy", {
		proxy_hostport: ["127.1"],
		request_type: "monitor",
	});
	assert.equal(status, 400);
	const [decision, outcome] = await auditLines(file, 2);
	assert.equal(decision?.decision, "refused");
	assert.equal(outcome?.http_status, 400);
});

test("an audit log without a policy records that everything is allowed", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "audit.log");
	const agent = await startTestAgent(t, { "audit-log": file });
	const answer = await send({
		port: agent.port,
		method: "POST",
		path: "/monitor",
		body: JSON.stringify(check("check_args", "-a hunter2 $(echo b)")),
	});
	assert.equal(answer.status, 200);
	const [ran, ended] = await auditLines(file, 2);
	assert.deepEqual(ran, {
		id: ended?.id,
		event: "decision",
		who: [],
		proof: { address: "127.0.0.1" },
		operation: "runCheck",
		command: "check_args",
		options: ["-a", "***", "$(echo", "b)"],
		unsplit: true,
		decision: "allowed",
		reason: "no policy",
	});
});

test("a request whose decision cannot be recorded does not run, and takes no place", async () => {
	const { policy } = parsePolicy(
		policyText("  - { who: nagios, may: check, commands: args, at-once: 1 }"),
	);
	let isFull = true;
	const authorizer = createAuthorizer({
		policy: () => policy,
		patienceMilliseconds: 0,
		audit: {
			decision: async () => {
				if (isFull) throw new AgentError("audit-failed", "audit-log: full");
			},
			outcome: () => {},
		},
		log: recordingLog().log,
	});
	const ask = async () =>
		authorizer.authorize({
			operationId: "runCheck",
			caller: {
				...{ isAdmin: false, address: known },
				...{ certificate: undefined, keyDigest: undefined },
			},
			body: check("args", "1 /var"),
			...{ hopsPassed: 0, millisecondsLeft: undefined },
			signal: new Abandoning(),
		});
	for (let times = 0; times < 3; times++)
		await assert.rejects(ask(), { code: "audit-failed" });
	isFull = false;
	const { ended } = await ask();
	await assert.rejects(ask(), { code: "rate-limited" });
	ended(200, {});
	await ask();
});

test("an NRPE request is decided in any mode, and the audit log has its arguments and its protocol", async () => {
	const lines: DecisionLine[] = [];
	let mode = "enforce";
	const authorizer = createAuthorizer({
		policy: () => parsePolicy(policyText(allRules, `mode: ${mode}`)).policy,
		patienceMilliseconds: 0,
		audit: {
			decision: async (line) => void lines.push(line),
			outcome: () => {},
		},
		log: recordingLog().log,
	});
	const ask = async (text: string, address = known) =>
		authorizer.authorize({
			operationId: "runCheck",
			caller: {
				...{ isAdmin: false, address },
				...{ certificate: undefined, keyDigest: undefined },
			},
			body: undefined,
			nrpe: nrpeCommand(text),
			...{ hopsPassed: 0, millisecondsLeft: undefined },
			signal: new Abandoning(),
		});
	for (mode of ["enforce", "observe"]) {
		const { permit } = await ask("args!1!/var");
		assert.deepEqual(permit?.run?.argv, [
			"check_args",
			"-w",
			"1",
			"-p",
			"/var",
		]);
		await assert.rejects(ask("args!1!/etc"), {
			message: /^not permitted: path: \/etc is not below/,
		});
		await assert.rejects(ask("arg"), { message: "Command 'arg' not defined" });
		// whether there is such a command is nothing for strangers
		for (const name of ["arg", "args"])
			await assert.rejects(ask(name, strangerAddress), {
				message: /^not permitted \(id [\w-]{12}\)$/,
			});
		await assert.rejects(ask("login!secret words!more"));
		await ask("login!secret words");
	}
	assert.deepEqual(
		lines
			.slice(0, 7)
			.map(({ decision, protocol, operation, ...line }) => [
				...[decision, protocol, operation, line.command],
				...[line.options, line.slots],
			]),
		[
			["allowed", "args", ["1", "/var"], { warning: "1", path: "/var" }],
			["refused", "args", ["1", "/etc"], undefined],
			["refused", "arg", [], undefined],
			["refused", "arg", [], undefined],
			["refused", "args", [], undefined],
			["refused", "login", ["***", "***"], undefined],
			["allowed", "login", ["***"], { password: "***" }],
		].map(([decision, ...more]) => [decision, "nrpe", "runCheck", ...more]),
	);
});

test("the audit log masks secrets within the arguments of NRPE", async () => {
	const lines: DecisionLine[] = [];
	const { policy } = parsePolicy(
		policyText(allRules).replace(
			"rules:",
			`  several: { run: [check_args, "{arg1...}"], slots: { arg1: loose-words } }
rules:`,
		),
	);
	const authorizer = createAuthorizer({
		policy: () => policy,
		patienceMilliseconds: 0,
		audit: {
			decision: async (line) => void lines.push(line),
			outcome: () => {},
		},
		log: recordingLog().log,
	});
	const optionsOf = async (text: string) => {
		const asking = async () =>
			authorizer.authorize({
				operationId: "runCheck",
				caller: {
					...{ isAdmin: false, address: known },
					...{ certificate: undefined, keyDigest: undefined },
				},
				body: undefined,
				nrpe: nrpeCommand(text),
				...{ hopsPassed: 0, millisecondsLeft: undefined },
				signal: new Abandoning(),
			});
		await asking().catch(() => {});
		const { decision, options } = lines.pop() as DecisionLine;
		return [decision, options];
	};
	assert.deepEqual(await optionsOf("no_such!-H a -p hunter1!-w 5"), [
		"refused",
		["-H a -p ***", "-w 5"],
	]);
	assert.deepEqual(await optionsOf("several!-H a -p 'hunter 1' -w 5"), [
		"allowed",
		["-H a -p *** -w 5"],
	]);
	// a left-out argument
	assert.deepEqual(await optionsOf("several!a!-p 'hunter 1'"), [
		"allowed",
		["a", "-p ***"],
	]);
});
