import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { resolveSettings } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";
import {
	answerTo,
	assertRefused,
	startWithPlugins,
} from "../support/command-line.ts";
import { type StartedDaemon, startDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { post, send } from "../support/https.ts";

const check = ({ port }: StartedDaemon, plugin_name: string, option = "") =>
	post(port, "/monitor", { plugin_name, plugin_option: option });

test("reports all invalid settings at once, by flag or variable and value", async (_t) => {
	const exited = await answerTo(
		[
			"daemon",
			...["-P", "70000", "--allowed-hosts", "10.0.0.0/33"],
			...["-T", "ten", "--shell=maybe", "--max-commands", "many"],
		],
		{
			HAPPO_AGENT_COMMAND_TIMEOUT: "the flag wins over this",
			HAPPO_AGENT_INVENTORY: "perhaps",
			HAPPO_AGENT_LOG_FORMAT: "loud",
		},
	);
	assertRefused(
		{
			...exited,
			stderr: `${exited.stderr.trim().split("\n").sort().join("\n")}\n`,
		},
		2,
		/^happo-agent: --allowed-hosts: .*10\.0\.0\.0\/33/,
		/^happo-agent: --command-timeout: .*: ten$/,
		/^happo-agent: --max-commands: .*: many$/,
		/^happo-agent: --port: .*: 70000$/,
		/^happo-agent: --shell: .*: maybe$/,
		/^happo-agent: HAPPO_AGENT_INVENTORY: .*: perhaps$/,
		/^happo-agent: HAPPO_AGENT_LOG_FORMAT: .*: loud$/,
	);
});

test("starts with an old command line and environment file, with warnings on standard error and in the log", async (t) => {
	const daemon = await startWithPlugins(
		t,
		[
			...["extra", "-A", "127.0.0.3", "--metrics-max-lifetime-seconds"],
			"999999999",
		],
		{
			environment: {
				HAPPO_AGENT_ALLOWED_HOSTS: "127.0.0.2",
				HAPPO_AGENT_COMAND_TIMEOUT: "a secret",
				HAPPO_AGENT_GROUP_NAME: "WEB!FRONT",
				HAPPO_AGENT_LOG_LEVEL: "fatal",
			},
		},
	);
	const warnings = [
		"daemon: unexpected argument, ignored: extra",
		"HAPPO_AGENT_COMAND_TIMEOUT: no such setting, ignored, did you mean 'HAPPO_AGENT_COMMAND_TIMEOUT'?",
		"--metrics-max-lifetime-seconds: must be 0 to 315360000: 999999999; using 315360000",
	];
	const { settings } = (await send({ port: daemon.port, path: "/status" }))
		.json as { settings: Record<string, string> };
	assert.equal(settings["metrics-max-lifetime-seconds"], "315360000");
	assert.equal(settings["allowed-hosts"], "127.0.0.2,127.0.0.3");
	for (const localAddress of ["127.0.0.2", "127.0.0.3"])
		assert.equal((await send({ port: daemon.port, localAddress })).text, "OK");
	for (const line of warnings) {
		assert.ok(
			daemon.stderr().includes(`happo-agent: warning: ${line}\n`),
			line,
		);
		assert.ok(daemon.stdout().includes(`[warning] ${line}\n`), line);
	}
	const lines = daemon
		.stderr()
		.split("\n")
		.filter((line) => line !== "");
	assert.equal(lines.length, warnings.length, daemon.stderr());
});

test("names all invalid entries of allowed-hosts", async (_t) => {
	const flags = ["daemon", "-A", "127.0.0.2,bogus", "-A", "1.2.3"];
	assertRefused(await answerTo(flags), 2, /allowed-hosts: .*bogus.*1\.2\.3/);
	const environment = { HAPPO_AGENT_ALLOWED_HOSTS: "10.0.0.1;10.0.0.2" };
	const exited = await answerTo(["daemon"], environment);
	assertRefused(exited, 2, /ALLOWED_HOSTS: .*10\.0\.0\.1;10\.0\.0\.2/);
});

test("an empty variable counts as unset", async (t) => {
	const names = Object.keys(daemonSettings).map(
		(name) => `HAPPO_AGENT_${name.replaceAll("-", "_").toUpperCase()}`,
	);
	const environment = Object.fromEntries(names.map((name) => [name, ""]));
	const daemon = await startWithPlugins(t, [], { environment });
	assert.equal((await check(daemon, "check_args", "a | cat")).status, 200);
	const defaults = resolveSettings(daemonSettings, {}, {});
	assert.deepEqual(resolveSettings(daemonSettings, {}, environment), defaults);
});

test("a flag overrides its variable, the variable the default", async (t) => {
	const shell = async (flags: string[], variable?: string) => {
		const environment: Record<string, string> = {};
		if (variable) environment.HAPPO_AGENT_SHELL = variable;
		const daemon = await startWithPlugins(t, flags, { environment });
		return (await check(daemon, "check_args", "a | cat")).status;
	};
	const statuses = await Promise.all([
		shell([]),
		shell([], "no"),
		shell(["--shell"], "no"),
		shell(["--no-shell"], "yes"),
	]);
	assert.deepEqual(statuses, [200, 403, 200, 403]);
});

test("uses the port of the flag, not of the variable", async (t) => {
	const [first, second] = [await freePort(), await freePort()];
	const environment = { HAPPO_AGENT_PORT: String(first) };
	const { port } = await startWithPlugins(t, ["--port", String(second)], {
		environment,
	});
	assert.equal(port, second);
	assert.equal((await send({ port })).text, "OK");
});

for (const flags of [
	["-T", "-1"],
	["--command-timeout=-1"],
	["--command-timeout", "-1"],
	["--command_timeout", "-1"],
	["--command_timeout=-1"],
	["-command-timeout", "5"],
])
	test(`accepted as in v1: ${flags.join(" ")}`, async (t) => {
		const daemon = await startWithPlugins(t, flags);
		assert.equal((await check(daemon, "check_exit", "3")).status, 200);
		// the value was used, not just accepted
		const name = flags.map((flag) => flag.replace(/-1$|^5$/, "-7"));
		const exited = await answerTo(["daemon", ...name]);
		assertRefused(exited, 2, /--command-timeout: .*: -7$/);
	});

test("the given timeout applies", async (t) => {
	const daemon = await startWithPlugins(t, ["-command-timeout", "1"]);
	const { status, text } = await check(daemon, "check_sleep", "8");
	assert.equal(status, 500);
	assert.match(text, /Exec timeout/);
});

test("an option takes the next argument, even with a leading dash", async (_t) => {
	for (const value of ["-w 5 -c 10", "--port", "-h"]) {
		const exited = await answerTo(["daemon", "-A", value]);
		assertRefused(exited, 2, new RegExp(`allowed-hosts: .*${value}`));
	}
});

test("--no-shell: plain words run; options that need a shell get 403 with the reason", async (t) => {
	const daemon = await startWithPlugins(t, ["--no-shell"]);
	const plain = await check(daemon, "check_args", "-w '5 6'");
	assert.deepEqual(plain.json, { return_value: 0, message: "[-w]\n[5 6]\n" });
	const refused = await check(daemon, "check_args", "a; id");
	assert.equal(refused.status, 403);
	assert.match(refused.text, /shell/);
	assert.doesNotMatch(refused.text, /uid=/);
});

test("accepts MARTINI_ENV of old environment files", async (t) => {
	for (const MARTINI_ENV of ["production", "development"]) {
		const daemon = await startWithPlugins(t, [], {
			environment: { MARTINI_ENV },
		});
		assert.equal((await send(daemon)).text, "OK");
		assert.equal((await daemon.stop()).code, 0);
	}
});

test("finds the package's plugins by default, after all others", async (t) => {
	const daemon = await startDaemon(t);
	const { return_value, message } = JSON.parse(
		(await check(daemon, "check_load_average", "-w 900,900,900 -c 900,900,900"))
			.text,
	);
	assert.equal(return_value, 0, message);
	const { settings } = JSON.parse(
		(await send({ port: daemon.port, path: "/status" })).text,
	);
	for (const name of ["nagios-plugin-paths", "sensu-plugin-paths"] as const)
		assert.equal(
			settings[name],
			[
				...daemonSettings[name].default,
				join(process.cwd(), "contrib/plugins"),
			].join(","),
		);
	assert.deepEqual(JSON.parse((await check(daemon, "check_none")).text), {
		return_value: 127,
		message:
			"stdout=, stderr=/bin/sh: 1: /usr/local/bin/check_none: not found\n",
	});
});

test("uses only the plugin paths that the operator configures", async (t) => {
	const daemon = await startDaemon(t, [], {
		environment: { HAPPO_AGENT_NAGIOS_PLUGIN_PATHS: "/nonexistent" },
	});
	assert.deepEqual(
		JSON.parse((await check(daemon, "check_load_average")).text),
		{
			return_value: 127,
			message:
				"stdout=, stderr=/bin/sh: 1: /nonexistent/check_load_average: not found\n",
		},
	);
});
