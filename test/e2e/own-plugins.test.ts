import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, describe, type TestContext, test } from "node:test";
import { promisify } from "node:util";

const plugins = join(process.cwd(), "contrib", "plugins");
const checkLoad = join(plugins, "check_load_average");
const metricsLinux = join(plugins, "metrics_linux");

type Result = { status: number; stdout: string; stderr: string };

async function run(
	file: string,
	args: readonly string[] = [],
	env: NodeJS.ProcessEnv = process.env,
): Promise<Result> {
	try {
		const output = await promisify(execFile)(file, args, { env });
		return { status: 0, ...output };
	} catch (error) {
		const { code, stdout, stderr } = error as {
			code: unknown;
			stdout: string;
			stderr: string;
		};
		if (typeof code !== "number") throw error;
		return { status: code, stdout, stderr };
	}
}

function which(program: string): string | undefined {
	for (const directory of (process.env.PATH ?? "").split(delimiter)) {
		const file = join(directory, program);
		try {
			accessSync(file, constants.X_OK);
			return file;
		} catch {
			// the next directory
		}
	}
	return undefined;
}

const scratch = await mkdtemp(join(tmpdir(), "happo-agent-plugins-"));
after(() => rm(scratch, { recursive: true, force: true }));

/** A directory with these files, in place of /proc or /sys. */
async function tree(name: string, files: Record<string, string>) {
	const root = join(scratch, name);
	await mkdir(root, { recursive: true });
	for (const [path, content] of Object.entries(files)) {
		await mkdir(dirname(join(root, path)), { recursive: true });
		await writeFile(join(root, path), content);
	}
	return root;
}

const shells: readonly (readonly [string, ...string[]])[] = [
	["dash"],
	["bash", "--posix"],
	["busybox", "sh"],
];
const awks = ["mawk", "gawk", "busybox", "original-awk"] as const;

/** An environment in which `awk` is this implementation. */
async function environmentWith(awk: string, t: TestContext) {
	const program = which(awk);
	if (program === undefined) {
		t.skip(`${awk} is not installed`);
		return undefined;
	}
	const directory = await mkdtemp(join(scratch, `${awk}-`));
	await symlink(program, join(directory, "awk"));
	return {
		...process.env,
		PATH: `${directory}${delimiter}${process.env.PATH}`,
	};
}

/** Runs the tests with the plugin as an executable, under each shell, and with each awk. */
function variants(
	file: string,
	body: (
		execute: (...args: string[]) => Promise<Result>,
		t: TestContext,
	) => Promise<void>,
) {
	test("as an executable", (t) => body((...args) => run(file, args), t));
	for (const [shell, ...options] of shells) {
		test(`under ${[shell, ...options].join(" ")}`, async (t) => {
			const program = which(shell);
			if (program === undefined) return t.skip(`${shell} is not installed`);
			await body((...args) => run(program, [...options, file, ...args]), t);
		});
	}
	for (const awk of awks) {
		test(`with ${awk}${awk === "busybox" ? " awk" : ""}`, async (t) => {
			const env = await environmentWith(awk, t);
			if (env) await body((...args) => run(file, args, env), t);
		});
	}
}

const linux = existsSync("/proc/loadavg");
const skip = linux ? false : "needs /proc of Linux";

describe("check_load_average", { skip }, async () => {
	const proc = await tree("load", {
		loadavg: "1.00 2.50 0.00 3/400 12345\n",
	});
	const perfdata = (w: readonly string[], c: readonly string[]) =>
		["1.000", "2.500", "0.000"]
			.map((load, i) => `load${[1, 5, 15][i]}=${load};${w[i]};${c[i]};0;`)
			.join(" ");
	const three = (value: string) => [value, value, value];

	describe("states", () => {
		variants(checkLoad, async (execute) => {
			const cases: [string, string, number, string][] = [
				["5", "10", 0, "OK"],
				["2.5", "2.5", 0, "OK"], // equal is not greater
				["2.49", "2.5", 1, "WARNING"],
				["1,2.5,0", "1,2.5,0", 0, "OK"],
				["0.99,9,9", "1,9,9", 1, "WARNING"],
				["0.5,9,9", "0.99,9,9", 2, "CRITICAL"],
				["9,9,0", "9,9,0", 0, "OK"],
				["0", "0", 2, "CRITICAL"],
				["0", "999999999999999", 1, "WARNING"],
				["999999999999999", "999999999999999", 0, "OK"],
				["0.5,1", "10,2.4", 2, "CRITICAL"], // the last value stands for the third
				["10.0", "10.00", 0, "OK"],
				["9", "10", 0, "OK"], // compared as numbers
				[".5,3.,1", "1,3,1", 1, "WARNING"],
			];
			for (const [w, c, status, state] of cases) {
				const result = await execute("-w", w, "-c", c, "--proc", proc);
				const label = `-w ${w} -c ${c}`;
				assert.equal(result.stderr, "", label);
				assert.match(
					result.stdout,
					new RegExp(
						`^LOAD ${state} - load average: 1\\.00, 2\\.50, 0\\.00\\|[^\\n|]*\\n$`,
					),
					label,
				);
				assert.equal(result.status, status, label);
			}
			assert.equal(
				(await execute("-w", "5,4,3", "-c", "10,8.25,6", "-p", proc)).stdout,
				`LOAD OK - load average: 1.00, 2.50, 0.00|${perfdata(
					["5.000", "4.000", "3.000"],
					["10.000", "8.250", "6.000"],
				)}\n`,
			);
		});
	});

	test("option forms", async () => {
		const expected = `LOAD WARNING - load average: 1.00, 2.50, 0.00|${perfdata(
			three("1.000"),
			three("3.000"),
		)}\n`;
		for (const args of [
			["-w", "1", "-c", "3", "-p", proc],
			["-w1", "-c3", `-p${proc}`],
			["--warning", "1", "--critical", "3", "--proc", proc],
			["--warning=1", "--critical=3", `--proc=${proc}`],
			["-c", "3", "-w", "9", "-p", proc, "-w", "1"],
		]) {
			assert.deepEqual(
				await run(checkLoad, args),
				{ status: 1, stdout: expected, stderr: "" },
				args.join(" "),
			);
		}
	});

	describe("this machine", () => {
		variants(checkLoad, async (execute, t) => {
			const figures = () =>
				readFileSync("/proc/loadavg", "utf8").split(" ").slice(0, 3);
			for (let attempt = 0; attempt < 5; attempt++) {
				const before = figures();
				const { status, stdout } = await execute(
					...["-w", "999999", "-c", "999999"],
				);
				assert.equal(status, 0);
				const [text, data, ...more] = stdout.trimEnd().split("|");
				assert.deepEqual(more, []);
				const loads = [...(data ?? "").matchAll(/load\d+=([\d.]+);/g)].map(
					(match) => Number(match[1]),
				);
				assert.match(
					data ?? "",
					/^load1=\d+\.\d{3};999999\.000;999999\.000;0; load5=\d+\.\d{3};999999\.000;999999\.000;0; load15=\d+\.\d{3};999999\.000;999999\.000;0;$/,
				);
				if (before.join() !== figures().join()) continue;
				assert.equal(text, `LOAD OK - load average: ${before.join(", ")}`);
				assert.deepEqual(loads, before.map(Number));
				return;
			}
			t.diagnostic("the load averages changed during each attempt");
		});
	});

	describe("wrong usage", () => {
		variants(checkLoad, async (execute) => {
			const cases: [string[], RegExp][] = [
				[[], /no warning thresholds/],
				[["-w", "1"], /no critical thresholds/],
				[["-c", "1"], /no warning thresholds/],
				[["-w"], /-w needs a value/],
				[["-w", "1", "-c", "2", "extra"], /unknown argument "extra"/],
				[["-w", "1", "-c", "2", "--nosuch=1"], /unknown argument "--nosuch=1"/],
				[["-w", "", "-c", "2"], /-w "" is not/],
				[["-w", "abc", "-c", "2"], /-w "abc" is not/],
				[["-w", "1", "-c", "-2"], /-c "-2" is not/],
				[["-w", "1,2,3,4", "-c", "9"], /-w "1,2,3,4" is not/],
				[["-w", "1,,3", "-c", "9"], /-w "1,,3" is not/],
				[["-w", ",1", "-c", "9"], /-w ",1" is not/],
				[["-w", "1,", "-c", "9"], /-w "1," is not/],
				[["-w", ".", "-c", "9"], /-w "\." is not/],
				[["-w", "1.2.3", "-c", "9"], /-w "1\.2\.3" is not/],
				[["-w", "1", "-c", "1e3"], /-c "1e3" is not/],
				[["-w", "1", "-c", "nan"], /-c "nan" is not/],
				[["-w", "1", "-c", "0x10"], /-c "0x10" is not/],
				[["-w", "1", "-c", "1234567890123456"], /at most 15 characters/],
				[["-w", "1 2", "-c", "9"], /-w "1 2" is not/],
				[["-w", "1|a=1\nOK", "-c", "9"], /-w "1\?a=1\?OK" is not/],
				[["-w", "$(id)", "-c", "9"], /-w "\$\(id\)" is not/],
				[["-w", "*", "-c", "9"], /-w "\*" is not/],
				[["-w", "é", "-c", "9"], /-w "\?\?" is not/],
				[
					["-w", "5,4,3", "-c", "5,3"],
					/the 5 minute warning threshold 4 is greater than the critical one 3/,
				],
			];
			for (const [args, message] of cases) {
				const result = await execute(...args);
				const label = JSON.stringify(args);
				assert.match(result.stdout, /^LOAD UNKNOWN - [^\n|]+\n$/, label);
				assert.match(result.stdout, message, label);
				assert.equal(result.stderr, "", label);
				assert.equal(result.status, 3, label);
			}
		});
	});

	describe("no figures", () => {
		variants(checkLoad, async (execute) => {
			const empty = await tree("empty", {});
			const blank = await tree("blank", { loadavg: "" });
			const broken = await tree("broken", { loadavg: "1.00 nan 0.5 1/2 3\n" });
			const directory = await tree("directory", { "loadavg/file": "" });
			for (const [root, message] of [
				[empty, "cannot read"],
				[join(empty, "nosuch"), "cannot read"],
				[directory, "cannot read"],
				[blank, "does not hold load averages"],
				[broken, "does not hold load averages"],
			] as const) {
				const result = await execute("-w", "1", "-c", "2", "-p", root);
				assert.match(result.stdout, /^LOAD UNKNOWN - [^\n|]+\n$/);
				assert.ok(result.stdout.includes(message), result.stdout);
				assert.ok(result.stdout.includes("/loadavg"), result.stdout);
				assert.equal(result.stderr, "");
				assert.equal(result.status, 3);
			}
		});
	});

	test("help and version", async () => {
		for (const option of ["-h", "--help"]) {
			const { status, stdout } = await run(checkLoad, [option]);
			assert.match(stdout, /^Usage: check_load_average -w/);
			assert.equal(status, 3);
		}
		for (const option of ["-V", "--version"]) {
			const { status, stdout } = await run(checkLoad, [option]);
			assert.match(stdout, /^check_load_average \d+\.\d+ \(happo-agent\)\n$/);
			assert.equal(status, 3);
		}
	});

	test("a locale with decimal commas changes nothing", async () => {
		const { status, stdout } = await run(
			checkLoad,
			["-w", "1.5", "-c", "2.5", "-p", proc],
			{ ...process.env, LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8" },
		);
		assert.match(stdout, /^LOAD WARNING .*;1\.500;2\.500;0;\n$/);
		assert.equal(status, 1);
	});
});

/** Parses the metrics by name, and checks every line; `kind` is what its comments say. */
function parse(stdout: string) {
	assert.ok(stdout.endsWith("\n"));
	const figures = new Map<
		string,
		{ value: string; time: number; kind: string }
	>();
	let comments: string[][] = [];
	for (const line of stdout.slice(0, -1).split("\n")) {
		if (line.startsWith("#")) {
			assert.match(line, /^# (TYPE \S+ counter|UNIT \S+ [a-z]+)$/);
			comments.push(line.split(" "));
			continue;
		}
		assert.match(line, /^[A-Za-z0-9_.-]+\t-?\d+(\.\d+)?\t\d{10}$/);
		const [name = "", value = "", time = ""] = line.split("\t");
		assert.ok(!figures.has(name), `${name} is there twice`);
		for (const [, , of] of comments) assert.equal(of, name);
		const kind = comments.map(([, , , word]) => word).join(" ");
		figures.set(name, { value, time: Number(time), kind });
		comments = [];
	}
	assert.deepEqual(comments, []);
	return figures;
}

describe("metrics_linux", { skip }, async () => {
	const sys = await tree("sys", {
		"block/sda/size": "1000215216\n",
		"block/nvme0n1/size": "2000409264\n",
		"block/cciss!c0d0/size": "143305920\n",
		"block/sdb/size": "0\n", // a card reader without a card
		"block/sr0/size": "2097151\n",
		"block/loop0/size": "8\n",
		"block/dm-0/size": "4096\n",
	});
	const huge = "18446744073709551615";
	const proc = await tree("proc", {
		loadavg: "0.10 12.20 123.30 1/84 5543\n",
		stat: [
			`cpu  ${huge} 4294967296 2147483648 3 4 5 6 7 8 9`,
			"cpu0 1 2 3 4 5 6 7 8 9 10",
			`intr 9007199254740993${" 4294967295".repeat(50_000)}`,
			"ctxt 123456789012345678",
			"btime 1795355352",
			"processes 5547",
			"procs_running 2",
			"procs_blocked 0",
			"",
		].join("\n"),
		meminfo: [
			"MemTotal:       4294967296 kB",
			"MemFree:               1 kB",
			"Buffers:           16640 kB",
			"Cached:           broken kB",
			"SwapTotal:      3145728 kB",
			"SwapFree:       2097152 kB",
			"HugePages_Total:       0",
			"",
		].join("\n"),
		vmstat: "pgpgin 5\npswpin 17\npswpout 18\n",
		"net/dev": [
			"Inter-|   Receive                                                |  Transmit",
			" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed",
			"    lo:    3293      31    0    0    0     0          0         0     3293      31    0    0    0     0       0          0",
			`  eth0:${huge} 7 1 2 3 4 5 6 8000000000 9 2 0 0 0 0 0`,
			"eth0.100: 1 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0",
			"eth0_100: 11 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0",
			"br-1a2b: 21 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0",
			"wlän%0: 31 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0",
			"veth12ab: 1 2 3 0 0 0 0 0 4 5 6 0 0 0 0 0",
			"",
		].join("\n"),
		diskstats: [
			"   7       0 loop0 1 1 1 1 1 1 1 1 1 1 1",
			"   8       0 sda 1 2 8589934592 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
			"   8       1 sda1 1 2 3 4 5 6 7 8 9 10 11",
			"   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0",
			" 259       0 nvme0n1 21 2 3 4 5 6 7 8 9 10 11",
			" 259       1 nvme0n1p1 21 2 3 4 5 6 7 8 9 10 11",
			" 104       0 cciss/c0d0 31 2 3 4 5 6 7 8 9 10 11",
			" 104       1 cciss/c0d0p1 31 2 3 4 5 6 7 8 9 10 11",
			" 253       0 dm-0 1 2 3 4 5 6 7 8 9 10 11",
			"  11       0 sr0 1 2 3 4 5 6 7 8 9 10 11",
			"",
		].join("\n"),
		"sys/fs/file-nr": "412\t0\t9223372036854775807\n",
		uptime: "1004.44 1858.05\n",
		"net/sockstat":
			"sockets: used 12\nTCP: inuse 1 orphan 0 tw 2 alloc 3 mem 164\nUDP: inuse 4 mem 0\nFRAG: inuse 0 memory 0\n",
		"net/sockstat6": "TCP6: inuse 5\nUDP6: inuse 6\n",
		"net/snmp": [
			"Ip: Forwarding DefaultTTL",
			"Ip: 2 64",
			"Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs RetransSegs",
			"Tcp: 1 200 120000 -1 45 2 1 0 7 3188 2253 8",
			"",
		].join("\n"),
	});
	const expected: Record<string, string> = {
		"loadavg.load1": "0.10",
		"loadavg.load5": "12.20",
		"loadavg.load15": "123.30",
		"cpu.user": huge,
		"cpu.nice": "4294967296",
		"cpu.system": "2147483648",
		"cpu.idle": "3",
		"cpu.iowait": "4",
		"cpu.irq": "5",
		"cpu.softirq": "6",
		"cpu.steal": "7",
		"interrupts.interrupts": "9007199254740993",
		"context_switches.context_switches": "123456789012345678",
		"forks.forks": "5547",
		"processes.running": "2",
		"processes.blocked": "0",
		"memory.total": "4398046511104",
		"memory.free": "1024",
		"memory.buffers": "17039360",
		"swap.total": "3221225472",
		"swap.free": "2147483648",
		"swap.pswpin": "17",
		"swap.pswpout": "18",
		"files.open": "412",
		"files.max": "9223372036854775807",
		"uptime.uptime": "1004.44",
		"sockets.used": "12",
		"sockets.tcp_inuse": "1",
		"sockets.tcp_orphan": "0",
		"sockets.tcp_timewait": "2",
		"sockets.tcp_allocated": "3",
		"sockets.udp_inuse": "4",
		"sockets.tcp6_inuse": "5",
		"sockets.udp6_inuse": "6",
		"tcp.active_opens": "45",
		"tcp.passive_opens": "2",
		"tcp.established": "7",
		"tcp.retransmits": "8",
	};
	const network = (name: string, suffix: string, values: string[]) => {
		const figures = [
			...["rxbytes", "rxpackets", "rxerrors"],
			...["txbytes", "txpackets", "txerrors"],
		];
		for (const [i, figure] of figures.entries())
			expected[`interface.${figure}_${name}${suffix}`] = values[i] ?? "";
	};
	network("lo", "", ["3293", "31", "0", "3293", "31", "0"]);
	network("eth0", "", [huge, "7", "1", "8000000000", "9", "2"]);
	network("eth0_100", "", ["1", "2", "3", "4", "5", "6"]);
	network("eth0_100", "_2", ["11", "2", "3", "4", "5", "6"]);
	network("br-1a2b", "", ["21", "2", "3", "4", "5", "6"]);
	const disk = (name: string, reads: string, bytesRead: string) =>
		Object.assign(expected, {
			[`disk.requests.reads_${name}`]: reads,
			[`disk.requests.writes_${name}`]: "5",
			[`disk.bytes.read_${name}`]: bytesRead,
			[`disk.bytes.written_${name}`]: "3584",
			[`disk.rwtime.tsreading_${name}`]: "4",
			[`disk.rwtime.tswriting_${name}`]: "8",
			[`disk.elapsed.iotime_${name}`]: "10",
			[`disk.elapsed.iotime_weighted_${name}`]: "11",
		});
	disk("sda", "1", "4398046511104");
	disk("nvme0n1", "21", "1536");
	disk("cciss_c0d0", "31", "1536");

	describe("recorded files", () => {
		variants(metricsLinux, async (execute) => {
			const { status, stdout, stderr } = await execute(
				...["--proc", proc, "--sys", sys],
			);
			assert.equal(stderr, "");
			assert.equal(status, 0);
			const figures = parse(stdout);
			// the number of "_" for a non-ASCII letter depends on the awk
			const odd = [...figures.keys()].filter((name) => name.includes("_wl"));
			assert.equal(odd.length, 6);
			for (const name of odd) {
				assert.match(name, /_wl_{1,2}n_0$/);
				figures.delete(name);
			}
			assert.deepEqual(
				Object.fromEntries(
					[...figures].map(([name, { value }]) => [name, value]),
				),
				Object.fromEntries(
					Object.entries(expected).map(([name, value]) => [
						`linux.${name}`,
						value,
					]),
				),
			);
		});
	});

	test("totals are counters, and what has a unit says so", async () => {
		const { stdout } = await run(metricsLinux, [
			...["--proc", proc, "--sys", sys],
		]);
		const figures = parse(stdout);
		for (const [name, kind] of Object.entries({
			"loadavg.load1": "",
			"cpu.user": "counter centiseconds",
			"context_switches.context_switches": "counter",
			"interrupts.interrupts": "counter",
			"forks.forks": "counter",
			"processes.running": "",
			"memory.total": "bytes",
			"swap.free": "bytes",
			"swap.pswpin": "counter pages",
			"interface.rxbytes_eth0": "counter bytes",
			"interface.txpackets_eth0": "counter",
			"disk.requests.reads_sda": "counter",
			"disk.bytes.written_sda": "counter bytes",
			"disk.elapsed.iotime_sda": "counter milliseconds",
			"disk.rwtime.tswriting_sda": "counter milliseconds",
			"files.open": "",
			"uptime.uptime": "seconds",
			"sockets.used": "",
			"tcp.established": "",
			"tcp.retransmits": "counter",
		}))
			assert.equal(figures.get(`linux.${name}`)?.kind, kind, name);
	});

	describe("this machine", () => {
		variants(metricsLinux, async (execute) => {
			for (let attempt = 0; ; attempt++) {
				const before = readFileSync("/proc/loadavg", "utf8").split(" ");
				const started = Math.floor(Date.now() / 1000);
				const { status, stdout, stderr } = await execute();
				const ended = Math.ceil(Date.now() / 1000);
				const after = readFileSync("/proc/loadavg", "utf8").split(" ");
				assert.equal(stderr, "");
				assert.equal(status, 0);
				const figures = parse(stdout);
				for (const { time } of figures.values())
					assert.ok(time >= started - 1 && time <= ended + 1, `${time}`);
				assert.equal(
					new Set([...figures.values()].map(({ time }) => time)).size,
					1,
				);
				for (const name of [
					"linux.cpu.user",
					"linux.context_switches.context_switches",
					"linux.memory.total",
					"linux.uptime.uptime",
				])
					assert.ok(Number(figures.get(name)?.value) >= 0, name);
				const total = /^MemTotal: +(\d+) kB$/m.exec(
					readFileSync("/proc/meminfo", "utf8"),
				);
				assert.equal(
					figures.get("linux.memory.total")?.value,
					String(Number(total?.[1]) * 1024),
				);
				if (before.slice(0, 3).join() !== after.slice(0, 3).join()) {
					if (attempt < 5) continue;
					return;
				}
				assert.deepEqual(
					["load1", "load5", "load15"].map(
						(name) => figures.get(`linux.loadavg.${name}`)?.value,
					),
					before.slice(0, 3),
				);
				return;
			}
		});
	});

	test("missing and malformed files are skipped", async () => {
		const root = await tree("little", {
			uptime: "12.50 1.00\n",
			loadavg: "nan 0.50 -1\n",
			meminfo: "",
			"net/dev": "Inter-| Receive\nlo: 1 2\n",
			"net/snmp": "Tcp: CurrEstab\n",
			diskstats: "8 0 sda 1 2 3\n",
		});
		const { status, stdout } = await run(metricsLinux, ["--proc", root]);
		assert.equal(status, 0);
		assert.deepEqual(
			[...parse(stdout)].map(([name, { value }]) => [name, value]),
			[
				["linux.loadavg.load5", "0.50"],
				["linux.uptime.uptime", "12.50"],
			],
		);
	});

	describe("the other files count if one cannot be read", () => {
		variants(metricsLinux, async (execute) => {
			const root = await tree("unreadable", {
				loadavg: "0.25 0.50 0.75 1/84 5543\n",
				"net/snmp/directory": "",
			});
			const { status, stdout } = await execute("--proc", root);
			assert.equal(status, 0);
			assert.equal(parse(stdout).size, 3);
		});
	});

	test("without /sys, devices with the usual names count as disks", async () => {
		const { stdout } = await run(metricsLinux, [
			...["--proc", proc],
			...["--sys", join(scratch, "nosuch")],
		]);
		assert.deepEqual(
			[...parse(stdout).keys()].filter((name) => name.includes(".reads_")),
			[
				"linux.disk.requests.reads_sda",
				"linux.disk.requests.reads_sdb",
				"linux.disk.requests.reads_nvme0n1",
			],
		);
	});

	describe("nothing to print", () => {
		variants(metricsLinux, async (execute) => {
			const root = join(scratch, "nosuch a=b\\n");
			assert.deepEqual(await execute("--proc", root), {
				status: 1,
				stdout: "",
				stderr: `metrics_linux: no metrics could be read from ${root}\n`,
			});
		});
	});

	test("--scheme", async () => {
		for (const args of [
			["--scheme", "web01.os-2"],
			["--scheme=web01.os-2"],
			["-s", "web01.os-2"],
		]) {
			const { status, stdout } = await run(metricsLinux, args);
			assert.equal(status, 0);
			const names = [...parse(stdout).keys()];
			assert.ok(names.includes("web01.os-2.loadavg.load1"));
			assert.ok(names.every((name) => name.startsWith("web01.os-2.")));
		}
	});

	describe("wrong usage", () => {
		variants(metricsLinux, async (execute) => {
			for (const args of [
				["--scheme"],
				["--scheme", ""],
				["--scheme", "a b"],
				["--scheme", "a\tb"],
				["--scheme", "a\nb"],
				["--scheme", "é"],
				["--scheme", ".a"],
				["--scheme=a."],
				["--scheme", "a..b"],
				["--proc"],
				["extra"],
				["-x"],
			]) {
				const { status, stdout, stderr } = await execute(...args);
				const label = JSON.stringify(args);
				assert.equal(status, 3, label);
				assert.equal(stdout, "", label);
				assert.match(stderr, /^metrics_linux: .*\n(b.*\n)?Usage: /, label);
			}
		});
	});

	test("help and version", async () => {
		for (const option of ["-h", "--help"]) {
			const { status, stdout } = await run(metricsLinux, [option]);
			assert.match(stdout, /^Usage: metrics_linux /);
			assert.equal(status, 0);
		}
		for (const option of ["-V", "--version"]) {
			const { status, stdout } = await run(metricsLinux, [option]);
			assert.match(stdout, /^metrics_linux \d+\.\d+ \(happo-agent\)\n$/);
			assert.equal(status, 0);
		}
	});
});
