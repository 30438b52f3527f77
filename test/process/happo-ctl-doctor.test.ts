import assert from "node:assert/strict";
import {
	appendFile,
	chmod,
	chown,
	mkdir,
	readFile,
	rename,
	rm,
	writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Finding, Report } from "../../cli/ctl/doctor/finding.ts";
import { machineNames } from "../../src/tls/machine-names.ts";
import { createSelfSigned } from "../../src/tls/self-signed.ts";
import { startDaemon } from "../support/daemon.ts";
import { ctl } from "../support/happo-ctl.ts";
import { makeCertificate } from "../support/small-ca.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const day = 86_400_000;

const createdFor = (names: readonly string[]) => {
	const { certificate, privateKey } = createSelfSigned({
		commonName: "host",
		names,
		now: new Date(),
	});
	return { certificate, key: privateKey };
};

/** Says whether a clock is right, as chrony does. */
const chronyc = (leap: string, seconds = "0.000021") => `#!/bin/sh
echo 'Reference ID    : C0000201 (192.0.2.1)'
echo 'System time     : ${seconds} seconds slow of NTP time'
echo 'Leap status     : ${leap}'
`;

const policyText = `version: 1
who: { monitoring: { address: 192.0.2.10 } }
commands:
  greeting: { run: [check_greeting, "{words...}"], slots: { words: { is: words, options: { -w: threshold } } } }
  disk: { run: [check_greeting, -p, "{path}"], slots: { path: { is: path, below: [/] } } }
  names: { run: [uname, -n], for: inventory }
rules:
  - { who: monitoring, may: [check, inventory], commands: "*" }
  - { who: admin, may: "*", commands: "*" }
`;

/** A host in a temporary directory, on which everything is in order and no agent runs. */
async function createHost(t: TestContext) {
	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	const write = (name: string, text: string, mode = 0o644) =>
		writeFile(at(name), text, { mode }).then(() => chmod(at(name), mode));
	for (const name of ["plugins", "programs", "state", "run"])
		await mkdir(at(name), { mode: 0o755 });
	const pair = createdFor(machineNames());
	await write("host.pub", pair.certificate);
	await write("host.key", pair.key, 0o600);
	await write("policy.yaml", policyText);
	await write(
		"metrics.yaml",
		'metrics:\n- hostname: web01\n  plugins:\n  - plugin_name: metrics_one\n    plugin_option: ""\n',
	);
	await write("plugins/check_greeting", "#!/bin/sh\necho hello\n", 0o755);
	await write("plugins/metrics_one", "#!/bin/sh\n", 0o755);
	await write("programs/chronyc", chronyc("Normal"), 0o755);
	const settings: Record<string, string> = {
		PORT: "0",
		PUBLIC_KEY: at("host.pub"),
		PRIVATE_KEY: at("host.key"),
		METRIC_CONFIG: at("metrics.yaml"),
		POLICY: at("policy.yaml"),
		DBFILE: at("state/db"),
		LOGFILE: "-",
		LISTEN_ADDRESS: "127.0.0.1",
		ADMIN_SOCKET: at("run/admin.sock"),
		NAGIOS_PLUGIN_PATHS: at("plugins"),
		SENSU_PLUGIN_PATHS: at("plugins"),
	};
	const variables = () =>
		Object.entries(settings).map(
			([name, value]) => `HAPPO_AGENT_${name}=${value}`,
		);
	const configure = () =>
		write("agent.env", `# settings\n${variables().join("\n")}\n`, 0o644);
	const examine = (...args: string[]) =>
		ctl(
			t,
			[
				...["doctor", "--environment-file", at("agent.env")],
				// no unit of this machine
				...["--unit", "happo-agent-of-the-test", ...args],
			],
			{
				environment: {
					PATH: `${at("programs")}:${process.env.PATH}`,
					HAPPO_CTL_ADMIN_SOCKET: "",
				},
			},
		);
	const doctor = async (...args: string[]) => {
		await configure();
		return examine(...args);
	};
	return {
		...{ directory, at, write, settings, doctor, configure, examine },
		/** The report of doctor, and its exit status. */
		report: async (...args: string[]) => {
			const { code, stdout, stderr } = await doctor("-o", "json", ...args);
			assert.equal(stderr, "");
			return { code, ...(JSON.parse(stdout) as Report & { ok: boolean }) };
		},
		/** Starts an agent with these settings. */
		start: (...flags: string[]) =>
			startDaemon(t, flags, {
				directory,
				environment: Object.fromEntries(
					variables().map((line) => {
						const at = line.indexOf("=");
						return [line.slice(0, at), line.slice(at + 1)] as const;
					}),
				),
			}),
	};
}

/** Findings of one area that are no notes, as `where: what`. */
const grave = (
	{ findings }: { findings: readonly Finding[] },
	area: Finding["area"],
) =>
	findings
		.filter((one) => one.area === area && one.level !== "note")
		.map(({ where, what }) => `${where}: ${what}`);

/** Expects one grave finding of an area, and returns it. */
function only(
	report: { findings: readonly Finding[] },
	area: Finding["area"],
	what: RegExp,
): Finding {
	const found = report.findings.filter(
		(one) => one.area === area && one.level !== "note",
	);
	assert.equal(found.length, 1, JSON.stringify(found, undefined, 2));
	const [one] = found as [Finding];
	assert.match(one.what, what);
	assert.match(one.why, /^[A-Z].*\.$/);
	assert.notEqual(one.remedy, "");
	return one;
}

test("a host in order gives 0, and notes what was not tried", async (t) => {
	const host = await createHost(t);
	const { code, stdout, stderr } = await host.doctor();
	assert.equal(code, 0, stdout + stderr);
	assert.match(
		stdout,
		/^The agent does not run, user \S+\. Its settings come from \S+agent\.env\.$/m,
	);
	assert.match(stdout, /^1 command of the policy ran, 0 did not\.$/m);
	assert.match(
		stdout,
		/^In order: agent, settings, node, port, clock, files, certificate, store, metrics, policy, plugins, commands\.$/m,
	);
	assert.match(stdout, /^0 problems, 0 unknown, \d notes\.$/m);
	assert.match(
		stdout,
		/Not tried: disk \(it needs values for path\), names \(it is for inventories, which may do more than look\)\./,
	);
	const { ok, agent, trials } = await host.report("--inventory");
	assert.equal(ok, true);
	assert.equal(agent.running, false);
	assert.deepEqual(
		trials.map(({ command, outside }) => [command, outside.status]),
		[
			["greeting", 0],
			["names", 0],
		],
	);
	assert.equal(trials[0]?.outside.text, "hello");
	const untried = await host.report("--no-commands");
	assert.deepEqual(untried.trials, []);
	assert.equal(untried.code, 0);
});

test("settings that are invalid or do not exist are named", async (t) => {
	const host = await createHost(t);
	host.settings.MAX_COMMANDS = "many";
	host.settings.ALLOWED_HOST = "192.0.2.1";
	const report = await host.report();
	assert.equal(report.code, 1);
	assert.deepEqual(grave(report, "settings"), [
		`${host.at("agent.env")}: HAPPO_AGENT_ALLOWED_HOST: There is no such setting, did you mean 'HAPPO_AGENT_ALLOWED_HOSTS'?.`,
		`${host.at("agent.env")}: HAPPO_AGENT_MAX_COMMANDS: The value is invalid: not a whole number: many.`,
	]);
	for (const [args, reason] of [
		[
			["--environment-file", host.at("none")],
			/--environment-file \S+none: no such file/,
		],
		[["--unit", host.at("none")], /--unit \S+none: no such file/],
		[["--drop-in", host.at("none")], /--drop-in \S+none: no such file/],
		[["--user", "nobody-has-this"], /--user nobody-has-this: no such user/],
	] as const) {
		const { code, stderr } = await host.doctor(...args);
		assert.equal(code, 2);
		assert.match(stderr, reason);
	}
});

test("files that others can read or change are named, with the remedy", async (t) => {
	const host = await createHost(t);
	await chmod(host.at("host.key"), 0o644);
	await chmod(host.at("policy.yaml"), 0o646);
	await mkdir(host.at("open"), { mode: 0o755 });
	await chmod(host.at("open"), 0o777);
	await host.write("open/metrics.yaml", "metrics: []\n");
	host.settings.METRIC_CONFIG = host.at("open/metrics.yaml");
	// the passphrase in it is a secret
	host.settings.PRIVATE_KEY_PASSPHRASE = "not used";
	await mkdir(host.at("state/db"), { mode: 0o700 });
	await chmod(host.at("state/db"), 0o705);
	const report = await host.report("--no-commands");
	assert.equal(report.code, 1);
	assert.deepEqual(grave(report, "files"), [
		`${host.at("agent.env")}: Every user of this machine can read the environment file: its mode is 0644.`,
		`${host.at("host.key")}: Every user of this machine can read the private key: its mode is 0644.`,
		`${host.at("policy.yaml")}: Every user of this machine can change the policy: its mode is 0646.`,
		`${host.at("open")}: Others can write in this directory, in which or below which the metric configuration is: its mode is 0777.`,
		`${host.at("state/db")}: Every user of this machine can read the store: its mode is 0705.`,
	]);
	assert.deepEqual(
		report.findings
			.filter(({ area, level }) => area === "files" && level === "problem")
			.map(({ remedy }) => remedy.replaceAll(host.directory, "")),
		[
			"chmod 600 /agent.env",
			"chmod 600 /host.key",
			"chmod o-w /policy.yaml",
			"chmod go-w /open",
			"chmod 700 /state/db",
		],
	);
});

test("files that the agent's user cannot read or write are named", {
	skip: process.getuid?.() === 0 ? false : "only root becomes another user",
}, async (t) => {
	const host = await createHost(t);
	await chmod(host.directory, 0o755);
	const report = await host.report("--user", "nobody");
	assert.equal(report.code, 1);
	assert.deepEqual(grave(report, "files"), [
		`${host.at("host.key")}: The agent's user nobody cannot read the private key.`,
		`${host.at("state/db")}: The agent's user nobody cannot write in ${host.at("state")}, where the store would be made.`,
	]);
	// as the user of the agent
	assert.equal(report.trials[0]?.outside.status, 0);
	await mkdir(host.at("state/db"), { mode: 0o700 });
	await host.write("state/db/CURRENT", "");
	const { uid, gid } = { uid: 65_534, gid: 65_534 };
	await chown(host.at("state/db"), uid, gid);
	await chown(host.at("host.key"), uid, gid);
	await chmod(host.at("plugins/metrics_one"), 0o700);
	const next = await host.report("--user", "nobody", "--no-commands");
	assert.deepEqual(grave(next, "files"), [
		`${host.at("state/db")}: A file of the store belongs to another user than nobody, such as CURRENT to root.`,
	]);
	assert.deepEqual(grave(next, "plugins"), [
		`${host.at("metrics.yaml")}: metrics_one: The agent's user nobody may not execute ${host.at("plugins/metrics_one")}.`,
	]);
	// which then can be changed by somebody who is neither root nor the agent
	const other = await host.report("--user", "daemon", "--no-commands");
	assert.match(
		grave(other, "files").join("\n"),
		/host\.key: The private key belongs to the user nobody, and neither to root nor to daemon\./,
	);
});

test("a certificate that clients cannot verify is named", async (t) => {
	const host = await createHost(t);
	const install = async (made: { certificate: string; key: string }) => {
		await host.write("host.pub", made.certificate);
		await host.write("host.key", made.key, 0o600);
		return host.report("--no-commands");
	};
	const names = { dns: [machineNames()[0] ?? ""] };
	const made = (parts: Parameters<typeof makeCertificate>[0]) =>
		makeCertificate({ alternatives: names, for: ["server"], ...parts });
	assert.deepEqual(grave(await install(made({})), "certificate"), []);
	only(
		await install(made({ from: Date.now() - 9 * day, to: Date.now() - day })),
		"certificate",
		/^The certificate expired on /,
	);
	only(
		await install(made({ from: Date.now() + day })),
		"certificate",
		/^The certificate is not valid before /,
	);
	only(
		await install(made({ alternatives: {} })),
		"certificate",
		/no alternative names \(SAN\)/,
	);
	only(
		await install(made({ for: ["client"] })),
		"certificate",
		/not one for servers/,
	);
	only(
		await install(made({ alternatives: { dns: ["other.invalid"] } })),
		"certificate",
		/^The certificate is for other\.invalid; this host is \S+, and none/,
	);
	only(
		await install({ ...made({}), key: made({}).key }),
		"certificate",
		/^Private key \S+: does not belong to the \(first\) certificate/,
	);
	only(
		await install(createdFor(["localhost", "127.0.0.1", "::1"])),
		"certificate",
		/^The certificate is only for localhost, 127\.0\.0\.1, ::1\.$/,
	);
	await rm(host.at("host.pub"));
	const { code, ...missing } = await host.report("--no-commands");
	only(missing, "certificate", /^Certificate \S+: no such file/);
	assert.deepEqual(grave(missing, "files"), []);
	assert.equal(code, 1);
	// an agent that makes its own pair has none before it starts
	await rm(host.at("host.key"));
	host.settings.OWN_KEY_PAIR = host.at("state/pair");
	assert.equal((await host.report("--no-commands")).code, 0);
});

test("a port that another program has is named, with the program", async (t) => {
	const host = await createHost(t);
	const server = createServer().listen(0, "127.0.0.1");
	t.after(() => server.close());
	await new Promise((resolve) => server.once("listening", resolve));
	const { port } = server.address() as { port: number };
	host.settings.PORT = String(port);
	const report = await host.report("--no-commands");
	assert.equal(report.code, 1);
	const found = only(report, "port", /^The port is taken: process /);
	assert.equal(found.where, `port ${port} of 127.0.0.1`);
	assert.match(
		found.what,
		new RegExp(
			`process ${process.pid} \\(node happo-ctl-doctor\\.test\\.js\\) on 127\\.0\\.0\\.1 listens`,
		),
	);
	assert.match(found.why, /cannot start/);
	// another address of the same port is free
	host.settings.LISTEN_ADDRESS = "127.0.0.2";
	assert.equal((await host.report("--no-commands")).code, 0);
	// so it is with the port for check_nrpe, which needs a policy in force as well
	host.settings.LISTEN_ADDRESS = "127.0.0.1";
	host.settings.PORT = "0";
	host.settings.NRPE_PORT = String(port);
	const nrpe = await host.report("--no-commands");
	const taken = only(nrpe, "port", /^The port is taken: process /);
	assert.match(taken.remedy, /\(setting nrpe-port\)/);
	host.settings.LISTEN_ADDRESS = "127.0.0.2";
	await appendFile(host.at("policy.yaml"), "mode: observe\n");
	const observing = await host.report("--no-commands");
	only(observing, "policy", /^The policy only observes .* nrpe-port needs/);
	assert.equal(observing.code, 1);
	host.settings.POLICY = "";
	const without = await host.report("--no-commands");
	only(without, "policy", /^The agent has no policy, and nrpe-port needs/);
});

test("metrics.yaml and the policy are read as the agent does, and missing plugins named", async (t) => {
	const host = await createHost(t);
	await host.write(
		"metrics.yaml",
		'metrics:\n- hostname: web01\n  plugins:\n  - plugin_name: metrics_none\n    plugin_option: ""\n  - plugin_option: x\n',
	);
	await appendFile(
		host.at("policy.yaml"),
		"  - { who: monitoring, may: relay, to: 192.0.2.0/24 }\n",
	);
	await rm(host.at("plugins/check_greeting"));
	const policy = await readFile(host.at("policy.yaml"), "utf8");
	await host.write(
		"policy.yaml",
		policy.replace("  names:", "  absent: { run: [/opt/none/check_it] }\n$&"),
	);
	const report = await host.report();
	assert.equal(report.code, 1);
	assert.deepEqual(grave(report, "plugins"), [
		`${host.at("metrics.yaml")}: metrics_none: The plugin metrics_none does not exist in any of the plugin directories: ${host.at("plugins/metrics_none")}.`,
		`command greeting: The plugin check_greeting does not exist in any of the plugin directories: ${host.at("plugins/check_greeting")}.`,
		`command disk: The plugin check_greeting does not exist in any of the plugin directories: ${host.at("plugins/check_greeting")}.`,
		"command absent: The program /opt/none/check_it does not exist.",
	]);
	assert.deepEqual(grave(report, "metrics"), [
		`${host.at("metrics.yaml")}: ${host.at("metrics.yaml")} line 6: entry of plugins: has no plugin_name, left out.`,
	]);
	await host.write("metrics.yaml", "metrics: {\n");
	await host.write(
		"policy.yaml",
		policyText.replace("who: monitoring,", "who: monitor,"),
	);
	const broken = await host.report();
	only(broken, "metrics", /metrics\.yaml line \d+/);
	only(
		broken,
		"policy",
		/^Line 8: rule 1: who: monitor is not a name in who\.$/,
	);
	await rm(host.at("metrics.yaml"));
	await rm(host.at("policy.yaml"));
	const missing = await host.report();
	only(missing, "metrics", /no such file/);
	only(missing, "policy", /no such file/);
});

test("commands that do not run are named", async (t) => {
	const host = await createHost(t);
	await host.write("plugins/check_greeting", "#!/nonexistent\n", 0o755);
	const report = await host.report();
	assert.equal(report.code, 1);
	const { where, what } = only(report, "commands", /gave status 127/);
	assert.equal(where, "command greeting");
	assert.ok(
		what.startsWith(
			`${host.at("plugins/check_greeting")} does not run as the user `,
		),
		what,
	);
	await host.write(
		"plugins/check_greeting",
		"#!/bin/sh\nexec sleep 60\n",
		0o755,
	);
	host.settings.COMMAND_TIMEOUT = "1";
	only(await host.report(), "commands", /did not end in time/);
});

test("a clock that a time service calls wrong is named", async (t) => {
	const host = await createHost(t);
	await host.write("programs/chronyc", chronyc("Not synchronised"), 0o755);
	only(
		await host.report("--no-commands"),
		"clock",
		/^According to chrony, the clock is not synchronised\.$/,
	);
	await host.write("programs/chronyc", chronyc("Normal", "3600.5"), 0o755);
	only(
		await host.report("--no-commands"),
		"clock",
		/^According to chrony, the clock is 3600\.5 seconds slow of NTP time\.$/,
	);
	await host.write("programs/chronyc", "#!/bin/sh\nexit 1\n", 0o755);
	await host.write(
		"programs/timedatectl",
		"#!/bin/sh\necho NTP=no\necho NTPSynchronized=no\n",
		0o755,
	);
	only(
		await host.report("--no-commands"),
		"clock",
		/not synchronised, and that no time service is on/,
	);
	await host.write("programs/timedatectl", "#!/bin/sh\nexit 1\n", 0o755);
	const silent = await host.report("--no-commands");
	assert.equal(silent.code, 0);
	assert.match(
		silent.findings.find(({ area }) => area === "clock")?.what ?? "",
		/^Neither chrony nor systemd says/,
	);
});

test("a unit whose program does not start, or whose user is missing, is named", async (t) => {
	const host = await createHost(t);
	const unit = (program: string, more = "") =>
		host.write(
			"agent.service",
			`[Service]\n${more}ExecStart=${program} daemon\nWorkingDirectory=${host.directory}\n[Install]\nUser=other\n`,
		);
	const examined = () =>
		host.report("--no-commands", "--unit", host.at("agent.service"));
	await host.write(
		"agent",
		'#!/bin/sh\necho "happo-agent: needs Node.js 20.19, 22.12 or newer, and /usr/bin/node is 18.20.4" >&2\nexit 78\n',
		0o755,
	);
	await unit(`/usr/bin/env ${host.at("agent")}`);
	const { where } = only(
		await examined(),
		"node",
		/^Node\.js is too old: happo-agent: needs Node\.js 20\.19, 22\.12 or newer, and \/usr\/bin\/node is 18\.20\.4\.$/,
	);
	assert.match(where, /^\/usr\/bin\/env \S+agent daemon$/);
	await unit("/usr/bin/env no-such-program-of-happo");
	only(await examined(), "node", /no-such-program-of-happo/);
	await host.write("agent", '#!/bin/sh\n[ "$1" = --version ]\n', 0o755);
	await unit(host.at("agent"));
	assert.equal((await examined()).code, 0);
	await unit(host.at("agent"), "User=nobody-has-this\n");
	only(
		await examined(),
		"agent",
		/^The user nobody-has-this of the unit does not exist\.$/,
	);
});

test("a running agent is asked, and what it holds is not taken for taken", async (t) => {
	const host = await createHost(t);
	const daemon = await host.start(
		...["-P", "0", "-M", host.at("metrics.yaml")],
		...["-B", host.at("host.pub"), "-R", host.at("host.key")],
	);
	// as it would be after a restart
	host.settings.PORT = String(daemon.port);
	host.settings.COMMAND_TIMEOUT = "11";
	const report = await host.report();
	assert.deepEqual(
		report.findings.filter(({ level }) => level !== "note"),
		[],
	);
	assert.equal(report.code, 0);
	assert.equal(report.agent.running, true);
	assert.equal(report.agent.pid, daemon.process.pid);
	assert.equal(report.agent.settings, "the running agent");
	assert.equal(report.trials.length, 1);
	assert.match(
		report.findings.find(({ area }) => area === "settings")?.what ?? "",
		/^The running agent has other values of log-level, port, command-timeout\.$/,
	);

	await chmod(host.at("run/admin.sock"), 0o666);
	const { code, ...open } = await host.report("--no-commands");
	assert.equal(code, 1);
	only(open, "files", /^The mode of the admin socket is 0666, and not 0600\.$/);
	await chmod(host.at("run/admin.sock"), 0o600);

	await host.write("policy.yaml", "version: 2\n");
	const { why } = only(await host.report(), "policy", /version/);
	assert.match(why, /keeps the policy that it read before/);
	await host.write("policy.yaml", policyText);

	// a second agent that was configured in the same way, but with a socket of its own
	host.settings.ADMIN_SOCKET = host.at("run/second.sock");
	host.settings.PORT = "0";
	const second = await host.report("--no-commands");
	assert.equal(second.agent.running, false);
	const locked = only(second, "store", /^The store is locked by process /);
	assert.match(
		locked.what,
		new RegExp(`process ${daemon.process.pid} \\(node happo-agent\\.js\\)`),
	);
	assert.equal(locked.where, host.at("state/db"));
	// and with its port, but a store of its own
	host.settings.PORT = String(daemon.port);
	host.settings.DBFILE = host.at("state/second");
	const third = await host.report("--no-commands");
	assert.equal(third.agent.running, false);
	only(
		third,
		"port",
		/^The port is taken: process \d+ \(node happo-agent\.js\) on 127\.0\.0\.1 listens there, which is another happo-agent\.$/,
	);
	assert.equal((await daemon.stop()).code, 0);
	host.settings.DBFILE = host.at("state/db");
	assert.equal((await host.report("--no-commands")).code, 0);
});

test("an agent that does not tell its status gives 3", async (t) => {
	const host = await createHost(t);
	const flags = [
		...["-M", host.at("metrics.yaml")],
		...["-B", host.at("host.pub"), "-R", host.at("host.key")],
	];
	host.settings.ADMIN_SOCKET = "none";
	const daemon = await host.start(...flags);
	host.settings.PORT = String(daemon.port);
	// nobody at 127.0.0.1 may read it
	const report = await host.report("--no-commands");
	only(report, "agent", /^The agent runs, but did not tell its status: /);
	assert.equal(report.agent.pid, daemon.process.pid);
	assert.equal(report.code, 3);
	assert.equal(report.ok, false);
	assert.equal(await readFile(host.at("policy.yaml"), "utf8"), policyText);
});

test("root takes no agent for this one that only says so", {
	skip: process.getuid?.() === 0 ? false : "not root",
}, async (t) => {
	const host = await createHost(t);
	const { POLICY: _, ...settings } = host.settings;
	host.settings.ADMIN_SOCKET = "none";
	host.settings.POLICY = "";
	const daemon = await host.start(
		...["-M", host.at("metrics.yaml")],
		...["-B", host.at("host.pub"), "-R", host.at("host.key")],
	);
	host.settings.PORT = String(daemon.port);
	assert.equal((await host.report()).agent.pid, daemon.process.pid);
	// it names the store of the settings, and does not have it
	await rename(host.at("state/db"), host.at("state/other"));
	host.settings.POLICY = settings.POLICY ?? "";
	const report = await host.report("--no-commands");
	assert.equal(report.agent.running, false);
	assert.equal(report.agent.settings, host.at("agent.env"));
	only(report, "port", /which is another happo-agent\.$/);
});

test("what this user may not see is unknown, and not wrong", {
	skip: process.getuid?.() === 0 ? false : "only root becomes another user",
}, async (t) => {
	const host = await createHost(t);
	await mkdir(host.at("state/db"), { mode: 0o700 });
	await chmod(host.at("state"), 0o700);
	await chmod(host.at("run"), 0o700);
	await chmod(host.at("policy.yaml"), 0o600);
	await chmod(host.directory, 0o755);
	await host.configure();
	process.seteuid?.(65_534);
	let ended: Awaited<ReturnType<typeof host.examine>>;
	try {
		ended = await host.examine("-o", "json", "--user", "root");
	} finally {
		process.seteuid?.(0);
	}
	assert.equal(ended.stderr, "");
	assert.equal(ended.code, 3);
	const { findings } = JSON.parse(ended.stdout) as Report;
	assert.deepEqual(
		findings
			.filter(({ level }) => level === "problem")
			.map(({ where, what }) => `${where}: ${what}`),
		[],
	);
	const unknown = findings
		.filter(({ level }) => level === "unknown")
		.map(({ area, where }) => `${area}: ${where.replace(host.directory, "")}`);
	assert.deepEqual(unknown, [
		"files: /state/db",
		"files: user root",
		"certificate: /host.pub",
		"plugins: user root",
		"policy: /policy.yaml",
	]);
});
