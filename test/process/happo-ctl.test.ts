import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { version } from "../../generated/version.ts";
import { startWithPlugins } from "../support/command-line.ts";
import type { StartedDaemon } from "../support/daemon.ts";
import { freePort } from "../support/free-port.ts";
import { ctl } from "../support/happo-ctl.ts";
import { answering, json } from "../support/next-hop.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { wholeFile } from "../support/whole-file.ts";

let one: StartedDaemon;
let other: StartedDaemon;
let dead: string;

const file = wholeFile();

before(async () => {
	[one, other] = await Promise.all([
		startWithPlugins(file, ["--enable-requeststatus-middleware"]),
		startWithPlugins(file),
	]);
	dead = `127.0.0.1:${await freePort()}`;
});

const place = ({ port }: StartedDaemon) => `127.0.0.1:${port}`;

/** The document of --output json. */
const documentOf = (text: string) =>
	JSON.parse(text) as {
		host: string;
		ok: boolean;
		data?: Record<string, unknown>;
		error?: { reason: string; message: string; status?: number };
	}[];

test("status of several agents is a table; a dead agent is reported, exit status 1", async (t) => {
	const { code, stdout, stderr } = await ctl(t, [
		"status",
		...["-H", place(one), "-H", `${dead},${place(other)}`],
	]);
	// problems follow after an empty line, such as a missing metrics.yaml after the first pass
	const [table = ""] = stdout.trimEnd().split("\n\n");
	const [head = "", ...rows] = table.split("\n");
	assert.match(head, /^HOST +VERSION +UPTIME +BUFFER +RUNNING +COLLECTED/);
	assert.equal(rows.length, 2);
	assert.match(rows[0] ?? "", new RegExp(`^${place(one)} +${version} `));
	assert.match(rows[1] ?? "", new RegExp(`^${place(other)} +${version} `));
	assert.equal(stderr, `happo-ctl: ${dead}: connection refused\n`);
	assert.ok(!stdout.includes("\x1b"), "no colour in a pipe");
	assert.equal(code, 1);
});

test("JSON is one array in the order of the hosts, including failures, even for one host", async (t) => {
	const many = await ctl(t, [
		"status",
		...["-o", "json", "-H", dead, "-H", place(one)],
	]);
	const [first, second, ...more] = documentOf(many.stdout);
	assert.deepEqual(more, []);
	assert.deepEqual(first, {
		host: dead,
		ok: false,
		error: { reason: "unreachable", message: "connection refused" },
	});
	assert.equal(second?.ok, true);
	assert.equal(second.data?.app_version, version);
	assert.equal(many.stderr, "");
	assert.equal(many.code, 1);
	const alone = await ctl(t, ["status", "-o=json", "-H", place(one)]);
	assert.equal(documentOf(alone.stdout).length, 1);
	assert.equal(alone.code, 0);
});

test("status in YAML, for Prometheus and for Graphite", async (t) => {
	const status = (format: string) =>
		ctl(t, ["status", "-o", format, "-H", `${place(one)},${dead}`]);
	const yaml = await status("yaml");
	assert.match(yaml.stdout, /^- host: 127/);
	assert.match(yaml.stdout, /^ {2}ok: false$/m);
	const { stdout, code } = await status("prometheus");
	assert.match(
		stdout,
		new RegExp(`^happo_ctl_up\\{agent="${place(one)}"\\} 1$`, "m"),
	);
	assert.match(
		stdout,
		new RegExp(`^happo_ctl_up\\{agent="${dead}"\\} 0$`, "m"),
	);
	assert.match(stdout, /^happo_agent_uptime_seconds\{agent="[^"]+"\} \d+$/m);
	assert.equal(code, 1);
	const graphite = await status("graphite");
	assert.match(
		graphite.stdout,
		/^127_0_0_1:\d+\.happo_agent\.uptime_seconds \d+ \d{10}$/m,
	);
});

test("status memory and status request", async (t) => {
	const memory = await ctl(t, ["status", "memory", "-H", place(one)]);
	assert.match(memory.stdout, /^HOST +RESIDENT[\s\S]+ MiB/);
	assert.equal(memory.code, 0);
	await ctl(t, ["status", "-H", place(one)]);
	const counted = await ctl(t, ["-H", place(one), "status", "request"]);
	assert.match(counted.stdout, /^127\S+ +\/status +200 +\d+ +\d+$/m);
	assert.equal(counted.code, 0);
	const off = await ctl(t, ["status", "request", "-H", place(other)]);
	assert.match(off.stderr, /enable-requeststatus-middleware/);
	assert.equal(off.code, 1);
});

test("status through a bastion, and through a dead bastion", async (t) => {
	const through = (via: string) =>
		ctl(t, ["status", "-o", "json", "-H", place(other), "--via", via]);
	const answered = await through(place(one));
	assert.equal(answered.code, 0, answered.stdout);
	assert.equal(documentOf(answered.stdout)[0]?.host, place(other));
	const [failed] = documentOf((await through(dead)).stdout);
	assert.equal(failed?.error?.reason, "unreachable");
	assert.match(failed?.error?.message ?? "", new RegExp(`^${dead}: `));
});

test("hosts come from a file or from standard input; invalid lines are reported", async (t) => {
	const hosts = join(await temporaryDirectory(t), "hosts");
	await writeFile(hosts, `# all\n${place(one)} # first\n\n${place(other)}\n`);
	const args = ["status", "-o", "json", "--hosts-file"];
	const { stdout } = await ctl(t, [...args, hosts]);
	assert.deepEqual(
		documentOf(stdout).map(({ host }) => host),
		[place(one), place(other)],
	);
	const piped = await ctl(t, [...args, "-"], { input: place(other) });
	assert.equal(documentOf(piped.stdout)[0]?.host, place(other));
	const wrong = await ctl(t, [...args, "-"], { input: "web01\nweb 02\n" });
	assert.match(wrong.stderr, /standard input line 2: .*web 02/);
	assert.equal(wrong.code, 2);
	const missing = await ctl(t, [...args, "/nosuch"]);
	assert.match(missing.stderr, /\/nosuch: no such file/);
	assert.equal(missing.code, 2);
});

test("one line reports an untrusted certificate, its fingerprint and what to do", async (t) => {
	const certificate = join(other.directory, "agent.pub");
	const args = ["status", "-H", place(one)];
	const wrong = await ctl(t, [...args, "--ca-file", certificate]);
	assert.match(
		wrong.stderr,
		/^happo-ctl: 127\S+: [^\n]*SHA-256 ([0-9A-F]{2}:){31}[0-9A-F]{2}[^\n]*--fingerprint[^\n]*--ca-file[^\n]*\n$/,
	);
	assert.equal(wrong.code, 1);
	const [seen] = /([0-9A-F]{2}:){31}[0-9A-F]{2}/.exec(wrong.stderr) ?? [];
	assert.ok(seen);
	for (const trust of [
		["--fingerprint", seen],
		["--fingerprint", seen.replaceAll(":", "").toLowerCase()],
		["--ca-file", join(one.directory, "agent.pub")],
		["--insecure"],
	]) {
		const { code, stderr } = await ctl(t, [...args, ...trust]);
		assert.equal(code, 0, `${trust}: ${stderr}`);
	}
	const pinned = await ctl(t, [
		...["status", "-H", place(other), "--fingerprint", seen],
	]);
	assert.equal(pinned.code, 1);
	assert.match(pinned.stderr, /fingerprint is .* not /);
	const none = await ctl(t, [...args, "--fingerprint", "abc"]);
	assert.match(none.stderr, /--fingerprint: not a SHA-256 fingerprint/);
	assert.equal(none.code, 2);
});

test("status shows dashes for what v1 does not report", async (t) => {
	const old = await answering(t, (response, { path }) =>
		path === "/status"
			? json(response, {
					app_version: "1.1.0",
					uptime_seconds: 90_061,
					num_goroutine: 20,
					metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
					callers: [],
					leveldb_properties: {},
				})
			: json(response, "", 404),
	);
	const { stdout, code } = await ctl(t, [
		"status",
		...["-H", `127.0.0.1:${old.port}`],
	]);
	assert.match(stdout, /1\.1\.0 +1d 1h +empty +– +– +– +– +–$/m);
	assert.equal(code, 0);
});

test("everything that an agent sends is escaped for the terminal", async (t) => {
	const evil = "\x1b[2J\x07\u202etxt\u009b31m";
	const agent = await answering(t, (response) =>
		json(response, {
			app_version: evil,
			uptime_seconds: 1,
			num_goroutine: 1,
			metric_buffer_status: { newest_timestamp: 0, oldest_timestamp: 0 },
			callers: [evil],
			leveldb_properties: { [evil]: evil },
			store: {
				...{ directory: "", available: false, reason: evil, disk_bytes: 0 },
				...{ full: null, refused_writes: 0, retention_waits: null },
				...{ damages: 0, lost_entries: 0, last_damage: null },
			},
		}),
	);
	for (const format of ["table", "json", "yaml", "prometheus", "graphite"]) {
		const { stdout, code } = await ctl(t, [
			...["status", "-o", format, "-H", `127.0.0.1:${agent.port}`],
		]);
		assert.doesNotMatch(
			stdout,
			// biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
			/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/,
			format,
		);
		assert.equal(code, 0);
		if (format === "json")
			assert.equal(documentOf(stdout)[0]?.data?.app_version, evil);
	}
});

test("an invalid answer is a failure of that host", async (t) => {
	const agent = await answering(t, (response, { path }) => {
		response.writeHead(path === "/status" ? 200 : 500);
		response.end("<html>");
	});
	const host = ["-H", `127.0.0.1:${agent.port}`];
	const { code, stderr } = await ctl(t, ["status", ...host]);
	assert.match(stderr, /not JSON/);
	assert.equal(code, 1);
	const memory = await ctl(t, ["status", "memory", ...host]);
	assert.match(memory.stderr, /<html> \(500\)/);
	assert.equal(memory.code, 1);
});

test("JSON that does not fit the contract is a failure of that host only", async (t) => {
	const bodies = [
		"null",
		'{"keys":5,"metrics":5,"metric_data":[null],"config":5,"machineState":5,"last5":5,"return_value":"0","message":5}',
		'{"app_version":5,"metric_buffer_status":{},"collection":{"enabled":true,"last_pass":{}},"return_value":256,"message":"","return_code":256}',
	];
	let body = "";
	const agent = await answering(t, (response) => response.end(body));
	const place = `127.0.0.1:${agent.port}`;
	for (body of bodies)
		for (const words of [
			["status"],
			["status", "-o", "prometheus"],
			["status", "memory"],
			["status", "request"],
			["metric"],
			["metric", "-o", "graphite"],
			["metric", "config", "show"],
			["machine-state"],
			["machine-state", "s-1"],
			["monitor", "x"],
			["inventory", "x"],
		]) {
			const [command = "", ...rest] = words;
			const args = [command, ...rest];
			args.splice(
				command === "inventory" || command === "monitor" ? 1 : args.length,
				0,
				"-H",
				place,
			);
			const { code, stderr } = await ctl(t, args);
			const what = `${words.join(" ")}: ${body}: ${stderr}`;
			assert.ok(stderr.split("\n").length <= 3, what);
			assert.doesNotMatch(stderr, /^ +at /m, what);
			if (command === "monitor") assert.equal(code, 3, what);
			else if (command === "inventory") assert.equal(code, 1, what);
			else assert.ok(code === 0 || code === 1, `${what} ${code}`);
		}
});

const misunderstood: [string[], RegExp][] = [
	[["stauts"], /'stauts' is not a happo-ctl command, did you mean 'status'\?/],
	[["status", "memry"], /unexpected argument: memry, did you mean 'memory'\?/],
	[["metric", "config", "shw"], /did you mean 'metric config show'\?/],
	[["metric", "config"], /incomplete, add one of show, check, update\./],
	[["status", "--outptu", "x"], /--outptu, did you mean '--output'\?/],
	[["context", "show", "-o", "xml"], /--output: must be one of yaml, json/],
	[["status", "-o", "xml"], /--output: must be one of table, json/],
	[["monitor", "-o", "graphite", "x"], /--output: must be one of/],
	[["monitor", "-H", "web01"], /monitor: PLUGIN is missing/],
	[["status", "-H", "a b"], /--host: not a host .*: a b/],
	[["status", "--timeout-seconds", "0"], /--timeout-seconds: must be 1 to/],
	[["status", "--insecure", "--ca-file", "/dev/null"], /--insecure/],
	[
		["status", "-H", "web01", "--ca-file", "package.json"],
		/--ca-file: no certificate \(PEM\)/,
	],
	[
		["status", "-g", "GRP"],
		/--group: requires --endpoint, the management server/,
	],
	[["metric", "--plain"], /--plain: requires --drain/],
	[["metric", "--drain", "--follow"], /give only one of them/],
	[["metric", "--drain", "-o", "prometheus"], /--output prometheus/],
	[["metric", "append", "/nosuch"], /\/nosuch: no such file/],
	[["completion", "tcsh"], /not bash, zsh or fish: tcsh/],
];

for (const [args, reason] of misunderstood)
	test(`one line reports what is wrong with: ${args.join(" ")}`, async (t) => {
		const { code, stdout, stderr } = await ctl(t, args);
		assert.match(stderr, /^happo-ctl: [^\n]+\n$/);
		assert.match(stderr, reason);
		assert.equal(stdout, "");
		assert.equal(code, 2);
	});

test("the help of every command has its options and examples", async (t) => {
	const help = await ctl(t, ["--help"]);
	assert.equal(help.code, 0);
	const names = [...help.stdout.matchAll(/^ {2}([a-z][a-z -]*?) {2,}/gm)]
		.map(([, name = ""]) => name)
		.filter((name) => !name.startsWith("help") && name !== "context");
	assert.ok(names.length >= 12, names.join());
	for (const name of names) {
		const { code, stdout, stderr } = await ctl(t, [
			...name.split(" "),
			"--help",
		]);
		assert.equal(stderr, "", name);
		assert.equal(code, 0);
		assert.ok(stdout.startsWith(`happo-ctl ${name} `), stdout);
		assert.match(stdout, new RegExp(`^Examples:\\n {2}happo-ctl ${name}`, "m"));
		for (const line of stdout.split("\n"))
			assert.ok(line.length <= 100, `${name}: ${line}`);
	}
	for (const args of [
		["help", "metric", "config"],
		["metric", "config", "--help"],
		["context", "-h"],
	]) {
		const { code, stdout } = await ctl(t, args);
		assert.match(stdout, /^Commands:$/m);
		assert.match(stdout, /^Examples:$/m);
		assert.equal(code, 0);
	}
	const { stdout } = await ctl(t, ["-v"]);
	assert.equal(stdout, `happo-ctl version ${version}\n`);
});

test("the API key comes from a file or a variable and is sent", async (t) => {
	const agent = await answering(t, (response) =>
		json(response, { return_value: 0, message: "fine\n" }),
	);
	const keyFile = join(await temporaryDirectory(t), "key");
	await writeFile(keyFile, "from-file\nsecond line\n");
	const { fingerprint256 } = new X509Certificate(agent.certificate);
	const args = [
		...["monitor", "-H", `127.0.0.1:${agent.port}`],
		...["--fingerprint", fingerprint256],
	];
	const environment = { HAPPO_CTL_API_KEY: "from-variable" };
	await ctl(t, [...args, "check_x"], { environment });
	await ctl(t, [...args, "--key-file", keyFile, "check_x"], {
		environment,
	});
	assert.deepEqual(
		agent.arrived.map(({ body }) => JSON.parse(body.toString()).apikey),
		["from-variable", "from-file"],
	);
	assert.match(await readFile(keyFile, "utf8"), /^from-file/);
});
