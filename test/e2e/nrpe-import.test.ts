import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
	chmod,
	mkdir,
	mkdtemp,
	readFile,
	rename,
	rm,
	writeFile,
} from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, type TestContext, test } from "node:test";
import fc from "fast-check";
import {
	allowedEntries,
	allowedEntry,
} from "../../cli/ctl/nrpe/allowed-hosts.ts";
import { type ImportOptions, importNrpe } from "../../cli/ctl/nrpe/import.ts";
import { piecesOf } from "../../cli/ctl/nrpe/macros.ts";
import {
	addressBits,
	isInNetwork,
	networkOf,
} from "../../src/policy/networks.ts";
import {
	compileRecorder,
	installRecorder,
	missingCompiler,
	recorded,
} from "../support/argv-recorder.ts";
import { type StartedDaemon, startDaemon } from "../support/daemon.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/free-port.ts";
import { fixtureNames, writeFixture } from "../support/nrpe-fixtures.ts";
import { askPlainly } from "../support/nrpe-packets.ts";
import { buildNrpe, missingToBuildNrpe } from "../support/nrpe-source.ts";
import { lacksPeer } from "../support/peer.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const missing = missingToBuildNrpe ?? missingCompiler;

/** Debian's daemon takes no arguments. */
const debianNrpe = "/usr/sbin/nrpe";

let directory = "";
/** Debian's daemon, and one from the same source that takes arguments. */
let daemons: { name: string; file: string; takesArguments: boolean }[] = [];
let recorder = "";
let plugins = "";

before(async () => {
	if (missing !== undefined) return;
	directory = await mkdtemp(join(tmpdir(), "happo-nrpe-"));
	await chmod(directory, 0o755);
	plugins = join(directory, "plugins");
	recorder = await compileRecorder(directory);
	await mkdir(join(directory, "source"));
	daemons = [
		{ name: "Debian's NRPE", file: debianNrpe, takesArguments: false },
		{
			name: "NRPE built with --enable-command-args",
			file: await buildNrpe(join(directory, "source")),
			takesArguments: true,
		},
	];
});

after(async () => {
	if (directory !== "") await rm(directory, { recursive: true });
});

/** Lines that let a daemon of a test run, whatever comes in front of them. */
const testLines = (port: number) => [
	`server_port=${port}`,
	"server_address=127.0.0.1",
	"allowed_hosts=127.0.0.1",
	"nrpe_user=nobody",
	"nrpe_group=nogroup",
	`pid_file=${join(directory, "nrpe.pid")}`,
	`log_file=${join(directory, "nrpe.log")}`,
	"debug=0",
	"command_timeout=10",
];

const isListening = (port: number, host = "127.0.0.1") =>
	new Promise<boolean>((resolve) => {
		const socket = connect(port, host);
		socket.once("connect", () => resolve(true));
		socket.once("error", () => resolve(false));
		socket.once("close", () => resolve(false));
		socket.unref();
	});

/** Runs NRPE while something is done; its standard output is dropped. */
async function withNrpe<T>(
	file: string,
	config: string,
	port: number,
	act: () => Promise<T>,
	host = "127.0.0.1",
): Promise<T> {
	// the number of files that a service has, as one includes itself until there are no more
	const child: ChildProcess = spawn(
		"/bin/sh",
		[
			...["-c", 'ulimit -n 1024; exec "$@"', "sh"],
			...[file, "-n", "-f", "-c", config],
		],
		{ cwd: "/", stdio: "ignore" },
	);
	const exited = once(child, "exit");
	const isRunning = () => child.exitCode === null && child.signalCode === null;
	try {
		await eventually("NRPE listens", () => {
			assert.ok(isRunning(), `${file} does not start`);
			return isListening(port, host);
		});
		return await act();
	} finally {
		if (isRunning()) child.kill("SIGKILL");
		await exited;
	}
}

/** An agent whose policy can be replaced. */
async function startAgent(t: TestContext) {
	const home = await temporaryDirectory(t);
	const policy = join(home, "policy.yaml");
	let version = 0;
	const write = async (text: string) => {
		await writeFile(`${policy}.new`, text);
		await rename(`${policy}.new`, policy);
		version++;
	};
	await write(
		"version: 1\nwho: { nobody: { address: 192.0.2.1 } }\nrules: []\n",
	);
	const port = await freePort();
	const agent: StartedDaemon = await startDaemon(
		t,
		[
			...["--policy", policy, "--nagios-plugin-paths", plugins],
			...["--nrpe-port", String(port), "--nrpe-plain-text", "loopback"],
		],
		{
			directory: home,
			environment: {
				PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
				HOME: "/nonexistent",
			},
		},
	);
	return {
		port,
		async use(text: string) {
			await write(text);
			agent.process.kill("SIGHUP");
			const line = /policy\S*: (?:now in use|unchanged): /g;
			await eventually(
				"the agent has read the policy",
				() => (agent.stdout().match(line)?.length ?? 0) >= version - 1,
				60_000,
			);
		},
	};
}

/** A shorter way to write the same path. */
const plainPaths = (text: string) =>
	text
		.trim()
		.replaceAll(
			Buffer.from(`${plugins}//`).toString("hex"),
			Buffer.from(`${plugins}/`).toString("hex"),
		);

/** The text of an answer to compare: both have their own words for an empty output. */
const outputOf = (text: string) =>
	plainPaths(text).replace(/^NRPE: Unable to read output$/, "");

test("each call of the 30 files runs what NRPE ran, or is refused for its reason", async (t) => {
	if (lacksPeer(t, missing)) return;
	const other = join(directory, "other");
	const sudo = join(directory, "bin/sudo");
	const names = await fixtureNames();
	assert.ok(names.length >= 30);
	const texts = await Promise.all(
		names.map((name) => readFile(join("test/fixtures/nrpe", name), "utf8")),
	);
	const named = texts
		.join("\n")
		.concat("@PLUGINS@/check_local @PLUGINS@/check_more")
		.matchAll(/@PLUGINS@\/+([A-Za-z][\w.]*)/g);
	await installRecorder(recorder, [
		...[...new Set([...named].map(([, name]) => name ?? ""))].map((name) =>
			join(plugins, name),
		),
		...["check it", "check_script"].map((name) => join(other, name)),
		sudo,
	]);
	await writeFile(
		join(other, "check_plain"),
		`exec ${join(plugins, "check_log")} plain "$@"\n`,
		{ mode: 0o755 },
	);
	await writeFile(join(other, "script"), `exec ${recorder} "$@"\n`);
	const agent = await startAgent(t);
	let accepted = 0;
	let refusedCount = 0;
	for (const { name: daemonName, file: daemonFile, takesArguments } of daemons)
		for (const name of names) {
			const title = `${name} with ${daemonName}`;
			const at = join(directory, `${takesArguments}`, name.replace(".cfg", ""));
			await mkdir(at, { recursive: true });
			const port = await freePort();
			const places = { plugins, other, sudo };
			const { file, calls } = await writeFixture(
				name,
				at,
				places,
				testLines(port),
			);
			const options: ImportOptions = {
				pluginDirectories: [plugins],
				daemonFile,
				addressesOf: async () => [],
			};
			const made = await importNrpe(file, options);
			if (made.report.some(({ text }) => text.includes("does not start"))) {
				await assert.rejects(
					withNrpe(daemonFile, file, port, async () => {}),
					/does not start/,
					title,
				);
				continue;
			}
			await agent.use(made.policy.replace(/, certificate: any/, ""));
			await withNrpe(daemonFile, file, port, async () => {
				for (const { request, refused } of calls) {
					const call = `${title}: ${request}`;
					const theirs = await askPlainly(port, request);
					const ours = await askPlainly(agent.port, request);
					assert.ok(ours, call);
					const isRefused = /^NRPE: (?:Command '|not permitted)/.test(
						ours.text,
					);
					if (isRefused) {
						refusedCount++;
						if (takesArguments && refused === undefined)
							assert.fail(`${call}: ${ours.text}`);
						if (takesArguments)
							assert.ok(
								ours.text.includes(refused ?? ""),
								`${call}: ${ours.text}`,
							);
						assert.equal(ours.status, 3, call);
						continue;
					}
					accepted++;
					if (takesArguments) assert.equal(refused, undefined, call);
					assert.ok(theirs, `${call}: NRPE refuses it`);
					assert.equal(
						recorded(outputOf(ours.text)),
						recorded(outputOf(theirs.text)),
						call,
					);
				}
			});
		}
	t.diagnostic(`${accepted} accepted, ${refusedCount} refused`);
	assert.ok(accepted > 150, `${accepted}`);
	assert.ok(refusedCount > 40, `${refusedCount}`);
});

test("allowed_hosts lets nobody in whom NRPE does not let in", async (t) => {
	if (lacksPeer(t, missing)) return;
	const rows: [entry: string, host: "127.0.0.1" | "::1"][] = [
		...[
			...[
				"127.0.0.1",
				"127.0.0.1/32",
				"127.0.0.0/8",
				"127.0.0.0/30",
				"0.0.0.0/1",
			],
			...["127.1.2.3/8", "127.0.0.1/8", "127.0.0.0/255.0.0.0", "0.0.0.0/0"],
			...["127.0.0.1/0", "127.0.0.1/33", "127.1", "127.0.0.256", "127.0.0.1/"],
			...["0127.0.0.1", "127.000.0.01", "127.0.0.1 x", "10.0.0.0/8,127.0.0.1"],
			...["::ffff:127.0.0.1", "::/0", "::1", "*", "0.0.0.0", "2130706433"],
			...["127.0.0.1.", "127.0.0.1/08", "4294967423.0.0.1", "10.0.0.0/8, ,,"],
		].map((entry): (typeof rows)[number] => [entry, "127.0.0.1"]),
		...[
			...[
				"::1",
				"::/0",
				"::1/128",
				"::1/64",
				"::1/0",
				"::2/127",
				"0::0:1",
				"::1/",
			],
			...[
				"::1/abc",
				"::1/-1",
				"::1/129",
				"::1%lo",
				"127.0.0.1",
				"::/8x",
				"::1/64/3",
			],
		].map((entry): (typeof rows)[number] => [entry, "::1"]),
	];
	let letIn = 0;
	let narrower = 0;
	for (const [value, host] of rows) {
		const port = await freePort();
		const config = join(directory, "hosts.cfg");
		await writeFile(
			config,
			[
				...testLines(port).filter(
					(line) => !/^(?:allowed_hosts|server_address)/.test(line),
				),
				`server_address=${host}`,
				`allowed_hosts=${value}`,
				"command[x]=/bin/echo x",
				"",
			].join("\n"),
		);
		const answer = await withNrpe(
			debianNrpe,
			config,
			port,
			() => askPlainly(port, "x", host),
			host,
		);
		const entries = allowedEntries(value).map(allowedEntry);
		const address = addressBits(host);
		const isLetIn = entries.some((entry) => {
			const network = entry.kind === "network" && networkOf(entry.network);
			return network && address && isInNetwork(address, network);
		});
		if (isLetIn) {
			letIn++;
			assert.ok(answer, `NRPE refuses ${host} with ${value}`);
		} else if (answer) {
			narrower++;
			assert.ok(
				entries.every(({ kind }) => kind !== "network") || value.includes("::"),
				value,
			);
		}
	}
	t.diagnostic(`${letIn} let in, ${narrower} by NRPE only`);
	assert.ok(letIn >= 12, `${letIn}`);
});

/** Lines and values that a shell, NRPE or both treat as special. */
const argument = fc
	.constantFrom(1, 1, 1, 2, 2, 3, 4, 16)
	.map((number) => `$ARG${number}$`);
const words = (text: string) => text.split("\n");
const pieces = fc.oneof(
	{
		weight: 4,
		arbitrary: fc
			.tuple(
				fc.constantFrom(
					...["-w", "-c", "-p", "-H", "-t", "--warning", "--path", "--port"],
					...["--host", "--password", "-x", "--flag", "-u", "--"],
				),
				argument,
			)
			.map(([option, place]) => ` ${option} ${place}`),
	},
	{
		weight: 2,
		arbitrary: fc
			.tuple(
				fc.constantFrom(
					...["-w", "--warning=", "--path=", "--x=", "x:", "-p", "--warn", "-"],
					...["a", "--host=", "", "/d/"],
				),
				argument,
				fc.constantFrom("", "", "x", ":", "%", "~"),
			)
			.map((parts) => ` ${parts.join("")}`),
	},
	{
		weight: 2,
		arbitrary: fc
			.tuple(
				fc.constantFrom('"', "'"),
				fc.constantFrom("", "a ", "$ARG2$ ", "\\"),
				argument,
				fc.constantFrom("", " b", "c"),
			)
			.map(
				([quote, front, place, end]) =>
					` ${quote}${front}${place}${end}${quote}`,
			),
	},
	{ weight: 1, arbitrary: argument.map((place) => ` ${place}`) },
	{ weight: 1, arbitrary: argument },
	{
		weight: 4,
		arbitrary: fc
			.constantFrom(
				...[
					"5",
					"20%",
					"-w 5 -c 10",
					"/var",
					"'a b'",
					'"a b"',
					"''",
					'""',
					"a\\ b",
				],
				...[
					"5,4,3",
					"web01",
					"{x}",
					"'$$1'",
					'"$$x"',
					"'{print $1, $2}'",
					"'*'",
					"~x",
				],
			)
			.map((text) => ` ${text}`),
	},
	{
		weight: 3,
		arbitrary: fc.constantFrom(
			...[
				" $ARG17$",
				"$ARG0$",
				"$ARG$",
				"$ARGX$",
				"$ARG1x$",
				"$ARG01$",
				"$ARG 1$",
			],
			...[
				"$ARG4294967297$",
				"$ARG1",
				"$HOME$",
				"$",
				"$$",
				"$$1",
				"`echo x`",
				";",
				"|",
			],
			...[
				"$(echo y)",
				"#",
				" #",
				"\\",
				"\\ ",
				"\\$",
				'"',
				"'",
				"!",
				"=~",
				":~",
				"é",
			],
			...[
				"\t",
				"(",
				")",
				" ~:10",
				"2>&1",
				"\\\\",
				"a=b",
				"{a,b}",
				" ~nosuchuser/",
			],
		),
	},
);

/** Values of arguments: good ones, and such as somebody may try. */
const value = fc.oneof(
	{
		weight: 5,
		arbitrary: fc.constantFrom(
			...words(`5
10
20%
~:10
@5:10
5,4,3
/var
/a b
web01
192.0.2.1
::1
80
a
x y
-x
-5
-w 5 -c 10
-w 5 -p /var
a=b
10s
~
*
a*
$HOME
#
a#b
é
-a "x y"
"x"
"
a"b
(
$(id)
$
$ARG2$
^a
=x
5:
--
-w ~:10
-w @~:5
--w=~:10
\u00a0
a
 a
a `),
			"\t",
			"a\tb",
			"x".repeat(1_900),
			`x${" ".repeat(1_900)}y`,
		),
	},
	{
		weight: 3,
		arbitrary: fc.string({
			unit: fc.constantFrom(...' "#$%()*+,-./05:=?@AZ^_az~é'),
			minLength: 1,
			maxLength: 8,
		}),
	},
	{
		weight: 1,
		arbitrary: fc.string({
			unit: fc.constantFrom(..." '\"&;<>[]\\`{}|!$az"),
			minLength: 1,
			maxLength: 8,
		}),
	},
);

test("generated commands and calls run what NRPE ran, or nothing", async (t) => {
	if (lacksPeer(t, missing)) return;
	// another one looks for more
	const seed = Number(process.env.HAPPO_TEST_SEED ?? 20261130);
	const plugin = (name: string) => join(plugins, name);
	const elsewhere = join(directory, "elsewhere/recorder");
	const names = ["record", "check_disk", "check_http", "check_mysql"];
	await installRecorder(recorder, [...names.map(plugin), elsewhere]);
	const program = fc.oneof(
		{ weight: 6, arbitrary: fc.constantFrom(...names.map(plugin)) },
		{
			weight: 1,
			arbitrary: fc.constantFrom(
				...[elsewhere, `${plugins}//record`, `"${plugin("record")}"`],
				...[`/usr/bin/env ${plugin("record")}`, `A=b ${plugin("record")}`],
				...[`exec ${plugin("record")}`, "$ARG1$", "printf", "timeout $ARG1$"],
			),
		},
	);
	const line = fc
		.tuple(
			program,
			fc.array(pieces, { maxLength: 5 }),
			fc.option(
				argument.map((place) => ` ${place}`),
				{ nil: "" },
			),
		)
		.map(([first, middle, last]) =>
			`${first}${middle.join("")}${last}`.trimEnd(),
		)
		.filter((text) => !text.includes("\n"));
	const lines = fc.sample(line, { numRuns: 150, seed });
	const requests = fc.sample(
		fc.array(fc.array(value, { minLength: 1, maxLength: 4 }), {
			minLength: 4,
			maxLength: 4,
		}),
		{ numRuns: lines.length, seed },
	);
	const agent = await startAgent(t);
	const counts = { accepted: 0, refused: 0, made: 0 };
	for (const { name, file, takesArguments } of daemons) {
		const port = await freePort();
		const config = join(directory, "generated.cfg");
		const commands = lines.map((text, index) => `command[c${index}]=${text}`);
		await writeFile(
			config,
			["dont_blame_nrpe=1", ...commands, ...testLines(port), ""].join("\n"),
		);
		const { policy, report } = await importNrpe(config, {
			pluginDirectories: [plugins],
			daemonFile: file,
		});
		counts.made += report.filter(({ text }) =>
			text.startsWith("It runs"),
		).length;
		await agent.use(policy);
		await withNrpe(file, config, port, async () => {
			for (const [index, text] of lines.entries())
				for (const values of [
					[],
					...(takesArguments ? (requests[index] ?? []) : []),
				]) {
					const request = [`c${index}`, ...values].join("!");
					const ours = await askPlainly(agent.port, request);
					if (/^NRPE: (?:Command '|not permitted)/.test(ours?.text ?? "")) {
						counts.refused++;
						continue;
					}
					counts.accepted++;
					const theirs = await askPlainly(port, request);
					const call = `seed ${seed}, ${name}: ${JSON.stringify(text)} with ${JSON.stringify(values)}`;
					// NRPE looks at all arguments, also at those that the command does not use
					if (!theirs && hasUnusedNasty(text, request)) continue;
					assert.ok(ours && theirs, `${call}: NRPE refuses it`);
					assert.equal(
						recorded(outputOf(ours.text)),
						recorded(outputOf(theirs.text)),
						call,
					);
				}
		});
	}
	t.diagnostic(`seed ${seed}: ${JSON.stringify(counts)}`);
	assert.ok(counts.accepted > 100, JSON.stringify(counts));
	assert.ok(counts.refused > 100, JSON.stringify(counts));
});

/** Whether an argument that a line does not use has what NRPE refuses. */
function hasUnusedNasty(line: string, request: string): boolean {
	const [, ...given] = request.split("!").filter((part) => part !== "");
	const used = new Set(
		piecesOf(line).map((piece) =>
			typeof piece === "object" ? piece.argument : 0,
		),
	);
	return given.some(
		(text, index) =>
			!used.has(index + 1) && /[|`&><'\\[\]{};\r\n]|\$\(/.test(text),
	);
}
