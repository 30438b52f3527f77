import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import {
	type ImportOptions,
	importNrpe,
	NrpeConfigError,
} from "../../../../../cli/ctl/nrpe/import.ts";
import {
	examineDaemon,
	tcpWrapperLines,
	thisMachine,
} from "../../../../../cli/ctl/nrpe/machine.ts";
import { parsePolicy } from "../../../../../src/policy/policy.ts";
import { writeFixture } from "../../../../support/nrpe-fixtures.ts";
import { temporaryDirectory } from "../../../../support/temporary.ts";

const plugins = "/usr/lib/nagios/plugins";

const options: ImportOptions = {
	machine: { ...thisMachine([plugins]), expandsTildes: false },
	daemon: { takesArguments: true, evidence: "it is", asksTcpWrappers: false },
	addressesOf: async () => [],
};

/** Imports a text. */
async function imported(
	t: TestContext,
	text: string | Buffer,
	more: ImportOptions = {},
) {
	const file = join(await temporaryDirectory(t), "nrpe.cfg");
	await writeFile(file, text);
	return importNrpe(file, { ...options, ...more });
}

const outcomes = ({ report }: Awaited<ReturnType<typeof importNrpe>>) =>
	report.map(({ line, outcome, text }) => `${line} ${outcome}: ${text}`);

test("includes are read where they stand, directories in the order of bytes, and the last definition counts", async (t) => {
	const directory = await temporaryDirectory(t);
	const places = { plugins, other: "/opt/other", sudo: "/usr/bin/sudo" };
	const { file } = await writeFixture("12-includes.cfg", directory, places);
	await symlink(directory, join(directory, "conf.d/back"));
	await symlink("/nowhere", join(directory, "conf.d/gone.cfg"));
	const { files, policy } = await importNrpe(file, options);
	const names = ["12-includes.cfg", "one.cfg", "two.cfg", "two.cfg"]
		.concat(["conf.d/.hidden.cfg", "conf.d/10.cfg", "conf.d/B.cfg"])
		.concat(["conf.d/a.cfg"]);
	assert.deepEqual(
		files.slice(0, names.length),
		names.map((name) => join(directory, name)),
	);
	assert.match(policy, /e:\n {4}run: \[check_log, e-in-a\]/);
});

test("settings come with their places, and what is not set is not there", async (t) => {
	const { settings } = await imported(
		t,
		[
			"server_port=5667",
			"server_port=5668",
			"nrpe_user=500",
			"nrpe_group=icinga",
			"server_address=192.0.2.1",
			"command_timeout=90s",
			"connection_timeout=20",
			"max_commands=-1",
			"keep_env_vars=LANG, LC_",
			"ssl_cert_file=/c",
			"ssl_privatekey_file=/k",
			"ssl_cacert_file=/a",
			"ssl_client_certs=2",
			"allowed_hosts=192.0.2.7",
			"allowed_hosts=::1,10.1.1.1/8",
		].join("\n"),
	);
	const { file } = settings.port ?? { file: "" };
	const found = (value: unknown, line: number) => ({ value, file, line });
	assert.deepEqual(settings, {
		port: found(5668, 2),
		user: found("500", 3),
		group: found("icinga", 4),
		address: found("192.0.2.1", 5),
		commandTimeoutSeconds: found(90, 6),
		connectionTimeoutSeconds: found(20, 7),
		maxCommands: found(0, 8),
		keepVariables: found(["LANG", "LC_"], 9),
		certificateFile: found("/c", 10),
		keyFile: found("/k", 11),
		clientCaFile: found("/a", 12),
		clientCertificates: found("required", 13),
		allowedHosts: found(
			{ networks: ["192.0.2.7", "::1"], names: [], ignored: ["10.1.1.1/8"] },
			15,
		),
	});
	assert.deepEqual((await imported(t, "# nothing\n")).settings, {});
});

test("whether dont_blame_nrpe has an effect is in the daemon's binary", async (t) => {
	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	await writeFile(
		at("with"),
		"\0Error: Request contained command arguments, but argument option is not enabled!\0hosts_access\0",
	);
	await writeFile(
		at("without"),
		"\0Error: Request contained command arguments!\0",
	);
	execFileSync("mkfifo", [at("pipe")]);
	const facts = async (files: string[], version: string) => {
		const found = await examineDaemon(files.map(at), at(version));
		return [found.takesArguments, found.asksTcpWrappers];
	};
	assert.deepEqual(await facts(["with"], "with"), [true, true]);
	assert.deepEqual(await facts(["none", "pipe", "without", "with"], "none"), [
		...[false, false],
	]);
	assert.deepEqual(await facts(["none"], "with"), [false, true]);
	assert.deepEqual(await facts(["none"], "none"), [true, false]);
});

test("arguments are taken as NRPE took them, unless the import is told otherwise", async (t) => {
	const text = `dont_blame_nrpe=1\ncommand[x]=${plugins}/check_x -w $ARG1$ -v\n`;
	const without = {
		takesArguments: false,
		evidence: "so it is",
		asksTcpWrappers: false,
	};
	const run = async (more: ImportOptions) => {
		const made = await imported(t, text, more);
		return /run: (.*)/.exec(made.policy)?.[1];
	};
	assert.equal(await run({}), '[check_x, -w, "{arg1}", -v]');
	assert.equal(await run({ daemon: without }), "[check_x, -w, -v]");
	assert.equal(await run({ arguments: "no" }), "[check_x, -w, -v]");
	assert.equal(
		await run({ daemon: without, arguments: "yes" }),
		'[check_x, -w, "{arg1}", -v]',
	);
	const made = await imported(t, text, { daemon: without });
	assert.deepEqual(outcomes(made).slice(0, 2), [
		"1 needs you: dont_blame_nrpe never had an effect: so it is, so NRPE dropped every request with arguments, and $ARGn$ was always empty.",
		"2 needs you: It runs [check_x, -w, -v]. NRPE ran it without arguments, so its $ARGn$ are left out; --arguments yes makes slots of them.",
	]);
});

test("a shell that makes directories of ~:10 gets no such value", async (t) => {
	const text = `dont_blame_nrpe=1\ncommand[x]=${plugins}/check_x -w $ARG1$ --crit=$ARG2$\n`;
	const machine = { ...thisMachine([plugins]), expandsTildes: true };
	const { policy } = await imported(t, text, { machine });
	assert.match(
		policy,
		/arg1: \{ is: threshold, negative: true, without: "~" \}/,
	);
	assert.match(policy, /arg2: \{ is: threshold, negative: true \}/);
});

test("arguments that plugins take for secrets are kept out of the audit log", async (t) => {
	const rows = [
		["check_snmp -H a -C $ARG1$", true],
		["check_snmp -H a -X $ARG1$ -o x", true],
		["check_http -H a -a $ARG1$", true],
		["check_ldap -H a -P$ARG1$", true],
		["check_x --authpassword=$ARG1$", true],
		["check_pgsql -p $ARG1$", true],
		["check_x --community $ARG1$", true],
		["check_http -H a -C $ARG1$", false],
		["check_smtp -H a -C $ARG1$", false],
		["check_tcp -H a -p $ARG1$", false],
		["check_procs -a $ARG1$ -w 5", false],
	] as const;
	const { policy } = await imported(
		t,
		[
			"dont_blame_nrpe=1",
			...rows.map(([line], at) => `command[c${at}]=${plugins}/${line}`),
		].join("\n"),
	);
	const { commands } = parsePolicy(policy).policy;
	assert.deepEqual(
		rows.map(([line], at) => [
			line,
			commands.get(`c${at}`)?.slots[0]?.type.isSecret,
		]),
		rows,
	);
});

test("a plugin keeps its path where the agent would find another one of its name", async (t) => {
	const directory = await temporaryDirectory(t);
	const [first, second] = [join(directory, "first"), join(directory, "second")];
	for (const path of [first, second]) await mkdir(path);
	await writeFile(join(first, "check_a"), "#!/bin/sh\n");
	const machine = thisMachine([first, second]);
	assert.equal(machine.pluginName(join(first, "check_a")), "check_a");
	assert.equal(machine.pluginName(join(second, "check_a")), undefined);
	assert.equal(machine.pluginName(join(second, "check_b")), "check_b");
	assert.equal(machine.pluginName(`${second}//check_b`), undefined);
	assert.equal(machine.pluginName("/elsewhere/check_b"), undefined);
	assert.equal(machine.pluginName(join(second, "check b")), undefined);
});

test("lines of TCP wrappers about NRPE are told", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "hosts.allow");
	await writeFile(
		file,
		"# nrpe: ALL\nsshd: 10.0.0.0/8\nnrpe: 192.0.2.10\nsshd, nrpe : ALL\nALL: LOCAL\n",
	);
	const lines = await tcpWrapperLines([file, join(directory, "none")]);
	assert.deepEqual(
		lines.map(({ line }) => line),
		[3, 4, 5],
	);
	await writeFile(file, "nrpe: 192.0.2.10 # Überwachung\n");
	const { report } = await imported(t, "allowed_hosts=127.0.0.1\n", {
		daemon: { takesArguments: true, evidence: "it is", asksTcpWrappers: true },
		tcpWrapperFiles: [file],
	});
	assert.equal(report.at(-1)?.subject, "nrpe: 192.0.2.10 # Überwachung");
});

test("each proposal for a line that needs a shell is a command of a policy", async (t) => {
	const { report } = await imported(
		t,
		[
			"dont_blame_nrpe=1",
			`command[a]=${plugins}/check_x $ARG1$ | grep "$ARG2$" '$ARG1$' > {x}`,
			`command[b]=echo $ARG1$ $ARG2$ $ARG3$ $ARG4$ $ARG5$ $ARG6$ $ARG7$ $ARG8$ $ARG9$ $ARG10$; "$$(id)" \\"$ARG11$`,
		].join("\n"),
	);
	const proposals = report.flatMap(({ proposal }) =>
		proposal?.includes("run:")
			? [proposal.replace(/^.*?: (?=\{ run)/, "")]
			: [],
	);
	assert.equal(proposals.length, 2);
	for (const text of proposals)
		parsePolicy(`version: 1\ncommands: { it: ${text} }\nrules: []\n`);
	assert.match(proposals[0] ?? "", /\\"\$1\\" \| grep \\"\$2\\" ''\\"\$1\\"''/);
	assert.match(proposals[1] ?? "", /\\"\$\{\{10\}\}\\"/);
});

test("a backslash in front of an argument is told before anything is proposed", async (t) => {
	const { report } = await imported(
		t,
		[
			"dont_blame_nrpe=1",
			`command[a]=${plugins}/check_x "\\$ARG1$" | cat`,
			`command[b]=${plugins}/check_x \\$ARG1$; exit 0`,
			`command[c]=${plugins}/check_x '\\$ARG1$' | cat`,
			`command[d]=${plugins}/check_x "\\\\$ARG1$" | cat`,
		].join("\n"),
	);
	const backslash = "A backslash stands in front of an argument.";
	const shell =
		"The line needs a shell, and a value of a request would be a part of the shell's program.";
	assert.deepEqual(
		report
			.filter(({ subject }) => subject.startsWith("command["))
			.map(({ text }) => text),
		[backslash, backslash, shell, shell],
	);
});

test("a file that cannot be read is an error, and so is a FIFO", async (t) => {
	const directory = await temporaryDirectory(t);
	const pipe = join(directory, "pipe");
	execFileSync("mkfifo", [pipe]);
	for (const [file, reason] of [
		[pipe, "not a regular file"],
		[join(directory, "none"), "no such file or directory"],
		[directory, "is a directory"],
	] as const)
		await assert.rejects(importNrpe(file, options), (error) => {
			assert.ok(error instanceof NrpeConfigError);
			assert.equal(
				error.message,
				`${file}: The file cannot be read: ${reason}.`,
			);
			return true;
		});
	await writeFile(
		join(directory, "a.cfg"),
		`include=${pipe}\ninclude=/dev/zero\n`,
	);
	const { report } = await importNrpe(join(directory, "a.cfg"), options);
	assert.equal(
		report.filter(({ text }) => text.includes("not a regular file")).length,
		2,
	);
});

test("files that include each other again and again come to an end", async (t) => {
	const directory = await temporaryDirectory(t);
	const at = (number: number) => join(directory, `${number}.cfg`);
	for (let number = 0; number < 30; number++)
		await writeFile(at(number), `include=${at(number + 1)}\n`.repeat(2));
	await writeFile(at(30), "command[x]=/bin/x\n");
	const { report } = await importNrpe(at(0), options);
	assert.ok(report.some(({ text }) => text.includes("too many files")));
});

test("any text becomes a policy that an agent takes, and no line gets lost", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "nrpe.cfg");
	const piece = fc.constantFrom(
		...[
			"command[",
			"]",
			"=",
			"x",
			"$ARG1$",
			"$ARG2$",
			"$",
			"/bin/x ",
			" ",
			"\t",
		],
		...[
			"'",
			'"',
			"\\",
			"{",
			"}",
			"#",
			"~",
			"\n",
			"\r",
			"\0",
			"\x85",
			"\xe9",
			"\u2028",
		],
		...[
			"\ue001",
			"allowed_hosts=",
			"10.0.0.0/8",
			",",
			"::1",
			"--a=",
			"-w ",
			"sudo ",
		],
		...[
			"include=",
			"\x7f",
			"\x1b[31m",
			"nasty_metachars=",
			"command_prefix=",
			"| ",
		],
		...[
			"command_timeout=",
			"constructor=",
			"__proto__=",
			"__defineGetter__=",
			"999999",
			"\ufeff",
			": ",
			"- ",
			"$ARG16$",
			"%",
			"é",
		],
	);
	const text = fc
		.array(piece, { maxLength: 60 })
		.map((parts) => parts.join(""));
	await fc.assert(
		fc.asyncProperty(text, fc.boolean(), async (text, isLatin) => {
			const bytes = Buffer.from(
				`dont_blame_nrpe=1\n${text}`,
				isLatin ? "latin1" : "utf8",
			);
			await writeFile(file, bytes);
			const { policy, report } = await importNrpe(file, options);
			parsePolicy(policy);
			assert.doesNotMatch(policy + JSON.stringify(report), /(?!\n)\p{Cc}/u);
			const stop = report.find(({ text }) => /does not start/.test(text))?.line;
			const lines = bytes.toString("latin1").split("\n").slice(0, stop);
			lines.forEach((line, index) => {
				const [plain = ""] = line.split("\0", 1);
				if (/^[ \t\v\f\r]*(?:#|$)/.test(plain)) return;
				assert.ok(
					report.some((each) => each.line === index + 1),
					`nothing about line ${index + 1}: ${JSON.stringify(line)}`,
				);
			});
		}),
		{ numRuns: 300 },
	);
});
