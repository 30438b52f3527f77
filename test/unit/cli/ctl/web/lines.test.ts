import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { parseCheckOptions } from "../../../../../cli/check-happo/arguments.ts";
import { checkLines } from "../../../../../cli/ctl/web/lines.ts";
import { WebProblem } from "../../../../../cli/ctl/web/problem.ts";
import { splitWords } from "../../../../../src/protocol/words.ts";
import { webTarget } from "../../../../support/web.ts";

const plain = {
	reach: { "key-file": "" },
	verification: { "ca-file": "", fingerprint: "", "known-hosts": "" },
};

/** The words that a shell passes on. */
function shellWords(line: string): string[] {
	const { stdout } = spawnSync("/bin/sh", ["-c", `printf '%s\\0' ${line}`], {
		encoding: "utf8",
	});
	return stdout.split("\0").slice(0, -1);
}

const odd = [
	...["-w", "10%", "a b", "", "'", '"', "$HOME", "$$", "`id`", "$(id)"],
	...["\\", "a;b", "!", "*", "~", "#", "&&", "-", "--x=y z", "é", "\t"],
];

test("the line of check_happo gives the agent exactly these words", () => {
	const { check_happo } = checkLines(
		webTarget("web01:6778", "bastion1", "[2001:db8::1]:7000"),
		{ plugin: "check_odd", words: odd },
		{
			reach: { "key-file": "/etc/my keys/it's" },
			verification: {
				"ca-file": "/etc/ca $1.pem",
				fingerprint: "",
				"known-hosts": "",
			},
		},
	);
	const [program, monitor, ...words] = shellWords(check_happo);
	assert.deepEqual([program, monitor], ["check_happo", "monitor"]);
	const { target, proxies, plugin, option, keyFile, caFile } =
		parseCheckOptions(words);
	assert.deepEqual([target.host, target.port], ["web01", 6778]);
	assert.deepEqual(
		proxies.map(({ host, port }) => [host, port]),
		[
			["bastion1", 6777],
			["2001:db8::1", 7000],
		],
	);
	assert.deepEqual(
		[plugin, keyFile, caFile],
		[...["check_odd", "/etc/my keys/it's", "/etc/ca $1.pem"]],
	);
	assert.deepEqual(splitWords(option), odd);
});

test("a usual check is short", () => {
	assert.deepEqual(
		checkLines(
			webTarget("web01"),
			{ plugin: "check_procs", words: ["-w", "100", "-c", "200"] },
			plain,
		),
		{
			check_happo:
				"check_happo monitor -H web01 -p check_procs -o '-w 100 -c 200'",
			nagios: `define command {
    command_name  check_happo_web01_check_procs
    command_line  $USER1$/check_happo monitor -t 50 -H web01 -p check_procs -o '-w 100 -c 200'
}

define service {
    use                  generic-service
    host_name            web01
    service_description  check_procs
    check_command        check_happo_web01_check_procs
}
`,
			icinga: `object Service "check_procs" {
  host_name = "web01"
  check_command = "happo"
  vars.happo_address = "web01"
  vars.happo_plugin = "check_procs"
  vars.happo_option = "-w 100 -c 200"
}
`,
		},
	);
});

test("names of objects have only what Nagios and Icinga allow", () => {
	const target = { ...webTarget("192.0.2.1"), label: 'a"b;c\n}$X$' };
	const { nagios, icinga } = checkLines(
		target,
		{ plugin: "check_x", words: [], command: "disk / `var`" },
		plain,
	);
	assert.match(nagios, /^ {4}host_name {12}a_b_c___X_$/m);
	assert.match(nagios, /^ {4}service_description {2}disk _ _var_$/m);
	assert.match(icinga, /^object Service "disk _ _var_" \{$/m);
	assert.match(icinga, /^ {2}host_name = "a_b_c___X_"$/m);
});

test("refuses control characters", () => {
	for (const call of [
		{ plugin: "a\nb", words: [] },
		{ plugin: "a", words: ["x\n}\ndefine command {"] },
		{ plugin: "a", words: [], command: "\u0000" },
	])
		assert.throws(() => checkLines(webTarget("a"), call, plain), WebProblem);
});
