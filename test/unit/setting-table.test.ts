import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveSettings, SettingsError } from "../../src/setting-table.ts";
import { daemonSettings } from "../../src/settings.ts";

const resolve = (
	flags: Record<string, string[]> = {},
	environment: Record<string, string> = {},
) => resolveSettings(daemonSettings, flags, environment);

/** The lines of the SettingsError that a start with these settings gives. */
function complaints(...given: Parameters<typeof resolve>): readonly string[] {
	try {
		resolve(...given);
	} catch (error) {
		if (error instanceof SettingsError) return error.lines;
		throw error;
	}
	return [];
}

test("defaults are the original's", () => {
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

test("a flag wins over the variable, the variable over the default", () => {
	const variable = { HAPPO_AGENT_PORT: "7000" };
	assert.equal(resolve({}, variable).port, 7000);
	assert.equal(resolve({ port: ["7001"] }, variable).port, 7001);
});

test("an empty variable counts as not set", () => {
	assert.equal(resolve({}, { HAPPO_AGENT_PORT: "" }).port, 6777);
	assert.deepEqual(complaints({ port: [""] }), [
		"--port: not a whole number: ",
	]);
});

test("of a flag given twice the last counts, a list takes all of them", () => {
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

test("whole numbers: decimal and hexadecimal, no leading zeros, no fractions", () => {
	assert.equal(resolve({ port: ["0x1a79"] }).port, 6777);
	assert.equal(
		resolve({ "error-log-interval-seconds": ["-5"] })[
			"error-log-interval-seconds"
		],
		-5,
	);
	for (const bad of [
		"06777",
		"1.5",
		"1e3",
		"x",
		"6777s",
		"99999999999999999999",
	])
		assert.deepEqual(complaints({ port: [bad] }), [
			`--port: not a whole number: ${bad}`,
		]);
});

test("command-timeout: -1 is the default, 0 and less than -1 are errors", () => {
	const timeout = (text: string) =>
		resolve({ "command-timeout": [text] })["command-timeout"];
	assert.equal(timeout("-1"), 10);
	assert.equal(timeout("3"), 3);
	for (const bad of ["0", "-2", "-5"])
		assert.deepEqual(complaints({ "command-timeout": [bad] }), [
			`--command-timeout: must be 1 to 2000000 or -1: ${bad}`,
		]);
});

test("switches take what Go's ParseBool takes, and yes, no, on, off", () => {
	const shell = (text: string) => resolve({ shell: [text] }).shell;
	for (const yes of ["1", "t", "TRUE", "True", "yes", "on"])
		assert.equal(shell(yes), true, yes);
	for (const no of ["0", "f", "FALSE", "False", "no", "off"])
		assert.equal(shell(no), false, no);
	assert.deepEqual(complaints({ shell: ["maybe"] }), [
		"--shell: not yes or no: maybe",
	]);
});

test("log levels: any letter case, warn is warning", () => {
	const level = (text: string) =>
		resolve({}, { HAPPO_AGENT_LOG_LEVEL: text })["log-level"];
	assert.equal(level(" Debug "), "debug");
	assert.equal(level("warn"), "warning");
	assert.equal(level("WARNING"), "warning");
});

test("every bad value is reported at once, by the name it was given under", () => {
	assert.deepEqual(
		complaints(
			{ port: ["70000"], "allowed-hosts": ["10.0.0/8", "web1", "::1"] },
			{ HAPPO_AGENT_MAX_CONNECTIONS: "0", HAPPO_AGENT_LOG_LEVEL: "loud" },
		),
		[
			"HAPPO_AGENT_LOG_LEVEL: must be one of debug, info, warn, warning, error: loud",
			"--port: must be 0 to 65535: 70000",
			"--allowed-hosts: not an address or network: 10.0.0/8, web1",
			"HAPPO_AGENT_MAX_CONNECTIONS: must be 1 to 100000: 0",
		],
	);
});

test("no flag shows a secret", () => {
	for (const [name, setting] of Object.entries(daemonSettings))
		if (name.endsWith("passphrase"))
			assert.equal("from" in setting && setting.from, "environment", name);
});
