import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { keyDigest } from "../../src/policy/key.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { ctl } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const key = "Xh3vY0mO-_qJ8sGf7dTzR1wKc5uNbLpAeVi2yQ4tU6E";

const policy = `version: 1
who:
  nagios: { address: 127.0.0.1 }
  reader: { key: reader }
keys: { reader: "${keyDigest(key)}" }
commands:
  exit:
    description: Ends with a status
    run: [check_exit, "{status}"]
    slots: { status: { is: integer, max: 3, default: "0" } }
  login:
    run: [check_args, --password, "{password}", -v]
    slots: { password: { is: text, secret: true } }
  hidden: { run: [check_hidden] }
rules:
  - { who: nagios, may: check, commands: [exit, login] }
  - { who: nagios, may: read-commands }
  - { who: reader, may: [read-results, read-refusals, read-commands] }
`;

test("commands, results and refusals of a real agent, directly and through bastions", async (t) => {
	const directory = await temporaryDirectory(t);
	const file = join(directory, "policy.yaml");
	const keyFile = join(directory, "key");
	await writeFile(file, policy);
	await writeFile(keyFile, key, { mode: 0o600 });
	const [edge, inner, outer] = await Promise.all([
		startWithPlugins(t, ["--policy", file]),
		startWithPlugins(t),
		startWithPlugins(t),
	]);
	const at = ({ port }: { port: number }) => `127.0.0.1:${port}`;
	const host = at(edge);
	const ask = (...words: string[]) =>
		ctl(t, [words[0] ?? "", "-H", host, ...words.slice(1)]);
	/** With the key, through two bastions, of which the first is verified. */
	const asReader = (...words: string[]) =>
		ask(
			...[words[0] ?? "", "--via", `${at(outer)},${at(inner)}`],
			...["--ca-file", join(outer.directory, "agent.pub")],
			...["--key-file", keyFile, ...words.slice(1)],
		);

	const commands = await ask("commands");
	assert.equal(
		commands.stdout.replaceAll(host, "HOST").replace(/ +/g, " "),
		[
			"HOST COMMAND PLUGIN VALUES DESCRIPTION",
			"HOST exit check_exit [STATUS=0] Ends with a status",
			"HOST login check_args PASSWORD",
			"",
		].join("\n"),
	);
	const none = await asReader("results");
	assert.match(none.stderr, /: no check has run yet\n/);
	assert.match((await asReader("refusals")).stderr, /: nothing was refused\n/);

	assert.equal((await ask("monitor", "exit", "1")).code, 1);
	assert.equal((await ask("monitor", "exit", "2")).code, 2);
	assert.equal((await ask("monitor", "login", "hunter2")).code, 0);
	for (let times = 0; times < 2; times++)
		assert.match(
			(await ask("monitor", "check_exit", "9")).stderr,
			/status: 9 is more than 3/,
		);
	await ask("monitor", "check_args", "-p", "hunter2");

	// not everybody may read them
	for (const name of ["results", "refusals"]) {
		const refused = await ask(name);
		assert.equal(refused.code, 1);
		assert.match(
			refused.stderr,
			new RegExp(`not permitted: read-${name}: .*\\(403\\)`),
		);
	}
	const results = await asReader("results");
	assert.match(
		results.stdout,
		new RegExp(
			`^${host} +exit +CRITICAL +\\d{4}-\\S+ \\S+ +\\d+(?:\\.\\d)?m?s +nagios +\\S.* \\(the last of 2 with different options\\)$`,
			"m",
		),
	);
	assert.match(results.stdout, /^\S+ +login +OK +.* nagios +–$/m);
	const details = JSON.parse((await asReader("results", "-o", "json")).stdout);
	const [exit] = details[0].data;
	assert.deepEqual([exit.exit_status, exit.variants], [2, 2]);
	assert.deepEqual(exit.asked_by, {
		...{ who: ["nagios"], address: "127.0.0.1", unproved_hops: 0 },
	});

	const refusals = await asReader("refusals");
	assert.match(
		refusals.stdout,
		/ 2 +nagios +check check_exit 9 +status: 9 is more than 3/,
	);
	assert.match(refusals.stdout, / 1 +nagios +check check_args -p '\*\*\*' /);
	assert.match(refusals.stdout, / 1 +nagios +read-results /);
	const { stdout: lines } = await asReader("refusals", "--lines");
	assert.match(lines, /^# \S+: check check_exit 9\n# nagios, 2 times, last/m);
	assert.match(
		lines,
		/^commands:\n {2}exit-2:\n {4}run: \[check_exit, "9"\]\nrules:\n {2}- \{ who: nagios, may: check, commands: exit-2 \}$/m,
	);
	for (const { stdout } of [commands, results, refusals])
		assert.doesNotMatch(stdout, /hunter2|hidden/);
	assert.doesNotMatch(lines, /hunter2/);

	// what the lines permit, runs
	await writeFile(
		file,
		policy
			.replace("rules:", '  exit-2: { run: [check_exit, "9"] }\nrules:')
			.concat("  - { who: nagios, may: check, commands: exit-2 }\n"),
	);
	edge.process.kill("SIGHUP");
	for (let code: number | null = 3; code !== 9; )
		({ code } = await ask("monitor", "check_exit", "9"));
});

test("an agent without a policy lists its plugins, and older agents say that they have no list", async (t) => {
	const agent = await startWithPlugins(t);
	const plugins = await ctl(t, ["commands", "-H", `127.0.0.1:${agent.port}`]);
	assert.match(
		plugins.stdout,
		/^\S+ +check_exit +check_exit +\[OPTION\.\.\.\]$/m,
	);
	const old = await answering(t, (response) =>
		json(
			response,
			{
				type: "urn:happo:problem:no-such-path",
				...{ title: "Not Found", status: 404 },
				detail: "/results: no such path",
			},
			404,
		),
	);
	const v1 = await answering(t, (response) => {
		response.writeHead(404, { "content-length": 0 });
		response.end();
	});
	const via = ["--via", `127.0.0.1:${agent.port}`];
	for (const name of ["commands", "results", "refusals"])
		for (const [{ port }, more, reason] of [
			[old, [], `it has no /${name} (404): its version is older`],
			[old, via, `it has no /${name} (404): its version is older`],
			[v1, [], `it has no /${name} (404): it is v1 (Go), or no agent`],
			[v1, via, `it has no /${name} (404): it is v1 (Go), or no agent`],
		] as const) {
			const host = `127.0.0.1:${port}`;
			const { code, stderr } = await ctl(t, [name, "-H", host, ...more]);
			assert.equal(stderr, `happo-ctl: ${host}: ${reason}\n`);
			assert.equal(code, 1);
		}
});
