import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveSettings, SettingsError } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";

const resolve = (
	flags: Record<string, string[]> = {},
	environment: Record<string, string> = {},
	warn: (line: string) => void = () => {},
) => resolveSettings(daemonSettings, flags, environment, {}, warn);

/** The resolved settings, and the warnings. */
function warned(
	flags: Record<string, string[]>,
	environment: Record<string, string> = {},
) {
	const warnings: string[] = [];
	const settings = resolve(flags, environment, (line) => warnings.push(line));
	return { settings, warnings };
}

/** The lines of the SettingsError for these settings. */
function complaints(...given: Parameters<typeof resolve>): readonly string[] {
	try {
		resolve(...given);
	} catch (error) {
		if (error instanceof SettingsError) return error.lines;
		throw error;
	}
	return [];
}

test("defaults are those of v1", () => {
	const settings = resolve();
	assert.equal(settings.port, 6777);
	assert.equal(settings["log-level"], "warning");
	assert.equal(settings["command-timeout"], 10);
	assert.equal(settings["max-connections"], 1000);
	assert.equal(settings["metrics-max-lifetime-seconds"], 604800);
	assert.equal(settings["machine-state-max-lifetime-seconds"], 259200);
	assert.equal(settings["proxy-timeout-seconds"], 180);
	assert.equal(settings["error-log-interval-seconds"], -1);
	assert.deepEqual(settings["sensu-plugin-paths"], [
		"/usr/local/hb-agent/bin",
		"/usr/local/bin",
	]);
});

test("a flag overrides the variable, the variable the default", () => {
	const variable = { HAPPO_AGENT_PORT: "7000" };
	assert.equal(resolve({}, variable).port, 7000);
	assert.equal(resolve({ port: ["7001"] }, variable).port, 7001);
});

test("an empty variable counts as unset", () => {
	assert.equal(resolve({}, { HAPPO_AGENT_PORT: "" }).port, 6777);
	assert.deepEqual(complaints({ port: [""] }), [
		"--port: not a whole number: ",
	]);
});

test("the last of two flags counts; a list takes all", () => {
	assert.equal(resolve({ port: ["1", "2"] }).port, 2);
	assert.deepEqual(
		resolve({ "allowed-hosts": ["10.0.0.1, 10.0.0.2", "::1"] })[
			"allowed-hosts"
		],
		["10.0.0.1", "10.0.0.2", "::1"],
	);
});

test("a list in a variable is split and trimmed", () => {
	const { "allowed-hosts": hosts } = resolve(
		{},
		{ HAPPO_AGENT_ALLOWED_HOSTS: " 10.0.0.1 ,,10.0.0.0/8" },
	);
	assert.deepEqual(hosts, ["10.0.0.1", "10.0.0.0/8"]);
});

test("whole numbers: decimal and hexadecimal, a sign, no fractions", () => {
	assert.equal(resolve({ port: ["0x1a79"] }).port, 6777);
	assert.equal(resolve({ port: [" +6777 "] }).port, 6777);
	assert.equal(
		resolve({ "error-log-interval-seconds": ["-5"] })[
			"error-log-interval-seconds"
		],
		-5,
	);
	for (const bad of ["1.5", "1e3", "x", "6777s", "08", "0o17", "--5", "5 5"])
		assert.deepEqual(complaints({ port: [bad] }), [
			`--port: not a whole number: ${bad}`,
		]);
	assert.deepEqual(complaints({ "max-commands": ["010"] }), [
		"--max-commands: not a whole number: 010",
	]);
	assert.deepEqual(complaints({ "max-commands": ["9".repeat(20)] }), [
		`--max-commands: not a whole number: ${"9".repeat(20)}`,
	]);
});

test("a leading zero means octal, as in v1, with a warning", () => {
	const { settings, warnings } = warned(
		{ "command-timeout": ["010"] },
		{ HAPPO_AGENT_PORT: "06777" },
	);
	assert.equal(settings["command-timeout"], 8);
	assert.equal(settings.port, 0o6777);
	assert.deepEqual(warnings, [
		"HAPPO_AGENT_PORT: a leading zero makes the number octal: 06777; using 3583",
		"--command-timeout: a leading zero makes the number octal: 010; using 8",
	]);
});

for (const [name, given, used, range] of [
	["max-connections", "0", 1, "1 to 100000"],
	["max-connections", "-1", 1, "1 to 100000"],
	["max-connections", "1000000", 100_000, "1 to 100000"],
	["metrics-max-lifetime-seconds", "999999999", 315_360_000, "0 to 315360000"],
	["metrics-max-lifetime-seconds", "-1", 0, "0 to 315360000"],
	[
		"machine-state-max-lifetime-seconds",
		"9223372036854775807",
		315_360_000,
		"0 to 315360000",
	],
	["proxy-timeout-seconds", "99999999999", 2_000_000, "-2000000 to 2000000"],
	["error-log-interval-seconds", "31536000", 2_000_000, "-2000000 to 2000000"],
] as const)
	test(`a v1 setting out of range becomes the nearest valid value: --${name} ${given}`, () => {
		const { settings, warnings } = warned({ [name]: [given] });
		assert.equal(settings[name], used);
		assert.deepEqual(warnings, [
			`--${name}: must be ${range}: ${given}; using ${used}`,
		]);
		const variable = `HAPPO_AGENT_${name.replaceAll("-", "_").toUpperCase()}`;
		const fromVariable = warned({}, { [variable]: given });
		assert.equal(fromVariable.settings[name], used);
		assert.deepEqual(fromVariable.warnings, [
			`${variable}: must be ${range}: ${given}; using ${used}`,
		]);
	});

test("command-timeout: -1 means the default, without a warning", () => {
	const { settings, warnings } = warned({ "command-timeout": ["-1"] });
	assert.equal(settings["command-timeout"], 10);
	assert.deepEqual(warnings, []);
	for (const bad of ["0", "-5"])
		assert.deepEqual(complaints({ "command-timeout": [bad] }), [
			`--command-timeout: must be 1 to 2000000 or -1: ${bad}`,
		]);
});

test("a variable that v1 could not parse counts as unset, with a warning", () => {
	const { settings, warnings } = warned(
		{},
		{
			HAPPO_AGENT_COMMAND_TIMEOUT: "10s",
			HAPPO_AGENT_DISABLE_COLLECT_METRICS: "disabled",
		},
	);
	assert.equal(settings["command-timeout"], 10);
	assert.equal(settings["disable-collect-metrics"], false);
	assert.deepEqual(warnings, [
		"HAPPO_AGENT_COMMAND_TIMEOUT: not a whole number: 10s; using 10",
		"HAPPO_AGENT_DISABLE_COLLECT_METRICS: not yes or no: disabled; using no",
	]);
	assert.deepEqual(complaints({}, { HAPPO_AGENT_MAX_COMMANDS: "10s" }), [
		"HAPPO_AGENT_MAX_COMMANDS: not a whole number: 10s",
	]);
});

test("an empty list of plugin directories becomes the default, with a warning", () => {
	const { settings, warnings } = warned({ "sensu-plugin-paths": [","] });
	assert.deepEqual(settings["sensu-plugin-paths"], [
		"/usr/local/hb-agent/bin",
		"/usr/local/bin",
	]);
	assert.deepEqual(warnings, [
		"--sensu-plugin-paths: no directory; using /usr/local/hb-agent/bin,/usr/local/bin",
	]);
});

test("-A adds to HAPPO_AGENT_ALLOWED_HOSTS, the flag of another list replaces its variable", () => {
	const settings = resolve(
		{
			"allowed-hosts": ["10.0.0.2", "10.0.0.3"],
			"proxy-destinations": ["web01"],
			"nagios-plugin-paths": ["/a"],
		},
		{
			HAPPO_AGENT_ALLOWED_HOSTS: "10.0.0.1,10.1.0.0/16",
			HAPPO_AGENT_PROXY_DESTINATIONS: "web02",
			HAPPO_AGENT_NAGIOS_PLUGIN_PATHS: "/b",
		},
	);
	assert.deepEqual(settings["allowed-hosts"], [
		...["10.0.0.1", "10.1.0.0/16", "10.0.0.2", "10.0.0.3"],
	]);
	assert.deepEqual(settings["proxy-destinations"], ["web01"]);
	assert.deepEqual(settings["nagios-plugin-paths"], ["/a"]);
	// an invalid entry aborts startup in any position
	assert.deepEqual(
		complaints(
			{ "allowed-hosts": ["10.0.0.2"] },
			{ HAPPO_AGENT_ALLOWED_HOSTS: "web1" },
		),
		["--allowed-hosts: not an address or network: web1"],
	);
});

test("switches accept the words of Go's ParseBool, and yes, no, on, off", () => {
	const shell = (text: string) => resolve({ shell: [text] }).shell;
	for (const yes of ["1", "t", "TRUE", "True", "yes", "on"])
		assert.equal(shell(yes), true, yes);
	for (const no of ["0", "f", "FALSE", "False", "no", "off"])
		assert.equal(shell(no), false, no);
	assert.deepEqual(complaints({ shell: ["maybe"] }), [
		"--shell: not yes or no: maybe",
	]);
});

test("log levels: any letter case, warn means warning", () => {
	const level = (text: string) =>
		resolve({}, { HAPPO_AGENT_LOG_LEVEL: text })["log-level"];
	assert.equal(level(" Debug "), "debug");
	assert.equal(level("warn"), "warning");
	assert.equal(level("WARNING"), "warning");
});

test("an unknown log level becomes the nearest one, with a warning", () => {
	for (const [given, used, name] of [
		["fatal", "error", "error"],
		["Panic", "error", "error"],
		["trace", "debug", "debug"],
		["loud", "warning", "warning"],
		["constructor", "warning", "warning"],
	] as const) {
		const { settings, warnings } = warned({}, { HAPPO_AGENT_LOG_LEVEL: given });
		assert.equal(settings["log-level"], used);
		assert.deepEqual(warnings, [
			`HAPPO_AGENT_LOG_LEVEL: must be one of debug, info, warn, warning, error: ${given}; using ${name}`,
		]);
	}
});

test("reports all invalid values at once, by the name under which they were given", () => {
	assert.deepEqual(
		complaints(
			{ port: ["70000"], "allowed-hosts": ["10.0.0/8", "web1", "::1"] },
			{ HAPPO_AGENT_MAX_COMMANDS: "0", HAPPO_AGENT_LOG_FORMAT: "loud" },
		),
		[
			"--port: must be 0 to 65535: 70000",
			"--allowed-hosts: not an address or network: 10.0.0/8, web1",
			"HAPPO_AGENT_LOG_FORMAT: must be one of text, json: loud",
			"HAPPO_AGENT_MAX_COMMANDS: must be 1 to 10000: 0",
		],
	);
});

test("secrets have no flag", () => {
	for (const [name, setting] of Object.entries(daemonSettings))
		if (name.endsWith("passphrase"))
			assert.equal("from" in setting && setting.from, "environment", name);
});
