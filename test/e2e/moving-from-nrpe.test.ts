import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { brokerProcess, brokerStatus } from "../support/broker.ts";
import {
	checkHappoCommand,
	nativeClientMissing,
} from "../support/check-happo.ts";
import { processesWith } from "../support/command-line.ts";
import { startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { ctlProgram, testNode } from "../support/happo-ctl.ts";
import {
	missingNagios,
	type Nagios,
	type NagiosResult,
	startNagios,
} from "../support/nagios.ts";
import { checkNrpe, missingNrpe, startNrpeWith } from "../support/nrpe.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bashSession, blocksRunBy } from "../support/walkthrough.ts";

const execute = promisify(execFile);

const self = "test/e2e/moving-from-nrpe.test.ts";

/** A host of its own, so that both sides use their usual ports. */
const host = `127.77.${process.pid % 250}.${1 + (process.pid % 199)}`;

const unreadable = "UNKNOWN NRPE: Unable to read output ||  || ";

/** Debian's plugins. */
const plugins = "/usr/lib/nagios/plugins";

/** Seconds between two checks of a service. */
const interval = 3;

/** Plugins of the site, by their names. */
const scripts: Readonly<Record<string, string>> = {
	check_lines:
		"echo 'first line | a=1;2;3'; echo second; echo 'third | b=4s'; exit 1",
	check_labels: "echo \"labels | 'with blank'=5% c=1.5;;;0;10\"",
	check_long: "head -c 3000 /dev/zero | tr '\\0' z; echo ' | last=7'; exit 2",
	check_utf8: "printf 'größer, 日本 | größe=3\\n'",
	check_silent: "exit 0",
	check_four: "echo four; exit 4",
	check_stderr: "echo 'disk is full' >&2; exit 2",
	check_slow: "echo working; exec sleep 60",
	check_background: "echo 'all is well | n=1'; sleep 60 & exit 0",
	check_args: 'printf "[%s]" "$@"; echo',
};

/** Commands of nrpe.cfg; those whose numbers change are marked. */
const commands = (
	own: string,
): Readonly<Record<string, { line: string; varies?: true }>> => ({
	check_users: { line: `${plugins}/check_users -w 500 -c 1000`, varies: true },
	check_load: {
		line: `${plugins}/check_load -w 900,800,700 -c 990,980,970`,
		varies: true,
	},
	check_root: { line: `${plugins}/check_disk -w 1% -c 1% -p /`, varies: true },
	check_swap: { line: `${plugins}/check_swap -w 1 -c 1`, varies: true },
	check_procs: {
		line: `${plugins}/check_procs -w 9000 -c 9900`,
		varies: true,
	},
	fine: { line: `${plugins}/check_dummy 0 "all fine"` },
	warning: { line: `${plugins}/check_dummy 1 'a \\b "c"'` },
	critical: { line: `${plugins}/check_dummy 2 here\\ too` },
	unknown: { line: `${plugins}/check_dummy 3` },
	turned: {
		line: `${plugins}/negate -o CRITICAL ${plugins}/check_dummy 0 turned`,
	},
	lines: { line: `${own}/check_lines` },
	labels: { line: `${own}/check_labels` },
	long: { line: `${own}/check_long` },
	utf8: { line: `${own}/check_utf8` },
	args: { line: `${own}/check_args -w 5 '' "a  b" --x='y z'` },
	piped: { line: `/bin/echo "from a pipe | n=1" | /usr/bin/tr a-z A-Z` },
	awk: { line: "/bin/echo 7 8 | /usr/bin/awk '{print $$2}'" },
	both: { line: `/bin/echo one && ${plugins}/check_dummy 1 two` },
	environment: { line: "/usr/bin/env X=1 /bin/sh -c 'echo X=$$X'" },
	silent: { line: `${own}/check_silent` },
	four: { line: `${own}/check_four` },
	stderr: { line: `${own}/check_stderr` },
	slow: { line: `${own}/check_slow` },
	background: { line: `${own}/check_background` },
	missing: { line: `${own}/check_missing -w 5` },
});

/** A result without what belongs to one moment. */
const shownResult = (
	{ state, output, perfdata, longOutput }: NagiosResult,
	varies = false,
) => {
	const text = [output, perfdata, longOutput].join(" || ");
	return `${state} ${varies ? text.replace(/\d+(?:\.\d+)?/g, "0") : text}`;
};

/** Waits until each service has two results from after a time; fails if one has different ones. */
async function resultsAfter(
	nagios: Nagios,
	time: number,
	names: readonly string[],
	varies: (name: string) => boolean,
): Promise<Record<string, string>> {
	const found = new Map<string, string[]>();
	await eventually(
		"two results of each service",
		async () => {
			found.clear();
			for (const result of await nagios.results())
				if (result.time > time)
					found.set(result.description, [
						...(found.get(result.description) ?? []),
						shownResult(result, varies(result.description)),
					]);
			return names.every((name) => (found.get(name)?.length ?? 0) >= 2);
		},
		180_000,
	);
	return Object.fromEntries(
		names.map((name) => {
			const [first = "", ...others] = found.get(name) ?? [];
			for (const other of others) assert.equal(other, first, name);
			return [name, first];
		}),
	);
}

/** Seconds since 1970, after everything that Nagios writes down now. */
async function nextSecond(): Promise<number> {
	const second = Math.floor(Date.now() / 1000);
	await eventually(
		"the next second",
		async () => Date.now() / 1000 > second + 1,
	);
	return second;
}

/** Plugins in a directory that NRPE's user can read. */
async function sitePlugins(t: TestContext): Promise<string> {
	const directory = await temporaryDirectory(t);
	const own = join(directory, "plugins");
	await chmod(directory, 0o755);
	await mkdir(own, { mode: 0o755 });
	for (const [name, script] of Object.entries(scripts))
		await writeFile(join(own, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
	return own;
}

/** What a command prints and its exit status. */
async function runs(file: string, ...args: string[]) {
	const ended = await execute(file, args, {
		env: { ...process.env, HAPPO_BROKER: "" },
	}).then(
		({ stdout }) => ({ code: 0, stdout }),
		({ code, stdout }) => ({ code, stdout }),
	);
	return { status: ended.code as number, stdout: ended.stdout as string };
}

/** A directory with the commands of the documents. */
async function commandsDirectory(t: TestContext): Promise<string> {
	const directory = await temporaryDirectory(t);
	const name = join(directory, "happo-ctl");
	await writeFile(
		name,
		`#!/bin/sh\nexec '${testNode}' '${ctlProgram}' "$@"\n`,
		{ mode: 0o755 },
	);
	return directory;
}

test("Nagios goes on with the same results when the agent takes NRPE's port, and when check_happo takes check_nrpe's place", async (t) => {
	if (lacksPeer(t, missingNagios ?? missingNrpe ?? nativeClientMissing()))
		return;
	const own = await sitePlugins(t);
	const all = commands(own);
	const names = Object.keys(all);
	const varies = (name: string) => all[name]?.varies ?? false;
	const included = join(await temporaryDirectory(t), "nrpe.d");
	await chmod(join(included, ".."), 0o755);
	await mkdir(included, { mode: 0o755 });
	const lineOf = (name: string) => `command[${name}]=${all[name]?.line}`;
	await writeFile(
		join(included, "site.cfg"),
		`${names.slice(20).map(lineOf).join("\n")}\n`,
	);
	const nrpe = await startNrpeWith(
		t,
		[
			"command_timeout=4",
			// the last one counts
			`command[fine]=${plugins}/check_dummy 2 replaced`,
			...names.slice(0, 20).map(lineOf),
			`include_dir=${included}`,
		],
		{ address: host, port: 5666 },
	);
	const broker = await brokerProcess(t, ["--insecure"]);
	const services = names.map((name) => ({
		description: name,
		command: `check_nrpe!${name}`,
	}));
	const nagios = await startNagios(t, services, {
		interval,
		isRecorded: true,
		hosts: [{ name: "web01", address: host }],
		commands: { check_nrpe: `${checkNrpe} -H $HOSTADDRESS$ -c $ARG1$` },
		environment: { HAPPO_BROKER: broker.socket },
	});
	const before = await resultsAfter(nagios, 0, names, varies);
	assert.deepEqual(
		Object.fromEntries(
			["fine", "args", "lines", "stderr"].map((name) => [name, before[name]]),
		),
		{
			fine: "OK OK: all fine ||  || ",
			args: "OK [-w][5][][a  b][--x=y z] ||  || ",
			lines: "WARNING first line || a=1;2;3  b=4s || second\\nthird ",
			stderr: unreadable,
		},
	);

	const directory = await temporaryDirectory(t);
	const at = (name: string) => join(directory, name);
	const [importing, learning, counting, changing, ...others] =
		blocksRunBy(self);
	assert.ok(importing && learning && counting && changing);
	assert.equal(others.length, 0);
	const type = async ({ lines }: { lines: readonly string[] }) => {
		const outcomes = await bashSession(
			t,
			lines.map((line) => line.replace("/etc/nagios/nrpe.cfg", nrpe.file)),
			{
				directory,
				environment: {
					PATH: `${programs}:${process.env.PATH}`,
					HOME: directory,
				},
			},
		);
		return outcomes.map(({ output, status }) => ({ output, status }));
	};
	const programs = await commandsDirectory(t);
	const [imported, checked, explained] = await type(importing);
	assert.match(imported?.output ?? "", / 0 need you\n$/);
	assert.match(
		checked?.output ?? "",
		/^policy\.yaml: valid, 1 rule, 25 commands\n$/,
	);
	assert.match(
		explained?.output ?? "",
		/^allowed: .*\n[\s\S]*runs: .*check_load -w 900,800,700/,
	);

	assert.deepEqual(
		await Promise.all([
			runs(checkNrpe, "-H", host, "-c", "none"),
			runs(checkNrpe, "-H", host, "-c", "fine", "-a", "x"),
			runs(checkNrpe, "-H", host, "-p", "1", "-c", "fine"),
			runs(checkNrpe, "-H", "no-such-host.invalid", "-c", "fine"),
		]),
		[
			{ status: 3, stdout: "NRPE: Command 'none' not defined\n" },
			{
				status: 3,
				stdout:
					"CHECK_NRPE: Receive header underflow - only 0 bytes received (4 expected).\n",
			},
			{ status: 2, stdout: "" },
			{ status: 1, stdout: "" },
		],
	);
	const stopped = Date.now() / 1000;
	await nrpe.stop();
	const agent = await startDaemon(t, [
		...["--listen-address", host, "-P", "6777", "--nrpe-port", "5666"],
		...["--policy", at("policy.yaml"), "--audit-log", at("audit.log")],
		...["--nagios-plugin-paths", plugins, "--allowed-hosts", "127.0.0.1"],
	]);
	// what NRPE has begun, it ends
	await eventually(
		"no process of NRPE is left",
		async () => (await processesWith(nrpe.file)).length === 0,
	);
	const took = await nextSecond();
	const after = await resultsAfter(nagios, took, names, varies);
	const expected: Record<string, string> = {
		...before,
		background: "OK all is well || n=1 || ",
	};
	assert.deepEqual(after, expected);
	// nothing was lost in between, and what fell into the change says so
	for (const { time, description, ...result } of await nagios.results())
		if (time >= stopped && time <= took) {
			const text = shownResult(
				{ time, description, ...result },
				varies(description),
			);
			assert.ok(
				[before[description], after[description]].includes(text) ||
					/^CRITICAL |^UNKNOWN CHECK_NRPE: /.test(text),
				`${description}: ${text}`,
			);
		}

	const check = (to: string, name: string, option = "") =>
		runs(checkHappoCommand, "monitor", "-H", to, "-p", name, "-o", option);
	assert.deepEqual(
		await Promise.all([
			runs(checkNrpe, "-H", host, "-c", "none"),
			runs(checkNrpe, "-H", host, "-c", "fine", "-a", "x"),
			check(host, "none"),
			check(`${host}:1`, "fine"),
			check("no-such-host.invalid", "fine"),
		]),
		[
			{ status: 3, stdout: "NRPE: Command 'none' not defined\n" },
			{
				status: 3,
				stdout:
					"NRPE: not permitted: 1 values are too many, command fine takes none (rule 1)\n",
			},
			{
				status: 3,
				stdout:
					"UNKNOWN(happo-agent): happo-agent returns 403: not permitted: no command for check is called none or runs it\n",
			},
			{
				status: 2,
				stdout: `ERROR(happo-agent): ${host}:1: connection refused\n`,
			},
			{
				status: 2,
				stdout:
					"ERROR(happo-agent): no-such-host.invalid:6777: unknown host name\n",
			},
		],
	);

	await writeFile(
		at("services.cfg"),
		services.map(({ command }) => `\tcheck_command\t${command}\n`).join(""),
	);
	await type(changing);
	const changed = (await readFile(at("services.cfg"), "utf8"))
		.trimEnd()
		.split("\n")
		.map((line, index) => ({
			description: names[index] ?? "",
			command: line.trim().split("\t")[1] ?? "",
		}));
	assert.equal(changed[0]?.command, "check_happo!check_users");
	await nagios.configure(changed);
	await eventually(
		"the broker has run each check",
		async () =>
			(await brokerStatus(broker.socket)).checks.answered >= 2 * names.length,
		60_000,
	);
	const later = await resultsAfter(nagios, await nextSecond(), names, varies);
	const different: Record<string, string> = {
		silent: "OK stdout=, stderr= (the plugin printed nothing) ||  || ",
		four: "CRITICAL (Return code of 4 for service 'four' on host 'web01' was out of bounds) ||  || ",
		stderr: "CRITICAL stdout=, stderr=disk is full ||  || ",
		slow: `CRITICAL ERROR(happo-agent): happo-agent returns 500: Exec timeout: ${own}/check_slow ||  || `,
		missing:
			"CRITICAL (Return code of 127 is out of bounds. Check if plugin exists) ||  || ",
	};
	assert.deepEqual(later, { ...after, ...different });

	const [learned, compared] = await type(learning);
	assert.match(learned?.output ?? "", /learned from \d+ calls of nrpe in /);
	assert.doesNotMatch(learned?.output ?? "", /look: |warning/);
	assert.deepEqual([learned?.status, compared?.status], [0, 1]);
	// what never ended with OK, WARNING or CRITICAL
	assert.deepEqual(
		new Set(
			[
				...(compared?.output.matchAll(
					/^ {2}\d+ calls? of nrpe: check (\w+)$/gm,
				) ?? []),
			].map(([, name]) => name),
		),
		new Set(["unknown", "four", "slow", "missing"]),
	);
	const [counted] = await type(counting);
	assert.ok(Number(counted?.output) >= 2 * names.length, counted?.output);
	await nagios.stop();
	assert.equal((await agent.stop()).code, 0);
});
