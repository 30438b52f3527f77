import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import {
	type PerfdataRange,
	type PerfdataValue,
	parsePerfdata,
	splitOutput,
} from "../../src/protocol/perfdata.ts";
import { normalised } from "../../src/protocol/perfdata-unit.ts";
import { startWithPlugins } from "../support/command-line.ts";
import { missingIcinga, resultsOfIcinga } from "../support/icinga.ts";
import {
	missingNagios,
	serviceBlocks,
	startNagios,
} from "../support/nagios.ts";
import { lacksPeer } from "../support/peer.ts";
import { pluginPeers } from "../support/plugin-peers.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const plugins = "/usr/lib/nagios/plugins";

/** Plugins of monitoring-plugins-basic that cannot show performance data here. */
const without: Readonly<Record<string, string>> = {
	check_by_ssh: "prints what the other host prints",
	check_cluster: "has none",
	check_dhcp: "asks the network for a DHCP server",
	check_ide_smart: "needs a disk with SMART",
	check_ircd: "has none without an IRC server",
	check_log: "has none at first",
	check_nagios: "has none",
	check_ntp: "asks port 123 only; replaced by check_ntp_time",
	check_ntp_peer: "needs a server that answers control packets",
	check_nwstat: "needs a Novell server",
	check_overcr: "needs the daemon of Over-CR",
	check_real: "of Debian 12 ends by itself",
	check_sensors: "needs lm-sensors and sensors",
};

/** Those that need raw sockets. */
const forRoot = ["check_host", "check_icmp", "check_ping", "check_rta_multi"];

test("the output of every plugin of monitoring-plugins-basic is parsed", async (t) => {
	const listed = spawnSync("dpkg", ["-L", "monitoring-plugins-basic"], {
		encoding: "utf8",
	});
	const names = (listed.stdout ?? "")
		.split("\n")
		.filter((path) => path.startsWith(`${plugins}/`))
		.map((path) => basename(path));
	if (
		lacksPeer(
			t,
			names.length > 0
				? undefined
				: "monitoring-plugins-basic is not installed",
		)
	)
		return;
	const { tcp, udp } = await pluginPeers(t);
	const directory = await temporaryDirectory(t);
	const file = join(directory, "traffic");
	const now = Math.floor(Date.now() / 1_000);
	await writeFile(
		file,
		`${now} 100 200\n${now} 10 20 30 40\n${now - 300} 10 20 30 40\n`,
	);
	const web = await tcp("http");
	const local = ["-H", "127.0.0.1"];
	const at = (port: string, ...args: string[]) => [
		...local,
		"-p",
		port,
		...args,
	];
	const time = /^time$/;
	const runs: Readonly<Record<string, readonly [string[], ...RegExp[]]>> = {
		check_apt: [["-t", "60"], /^available_upgrades$/, /^critical_updates$/],
		check_clamd: [at(await tcp("clamd")), time],
		check_disk: [["-w", "10%", "-c", "5%"], /^\//],
		check_dummy: [["0", "all is well | 'a b'=1s;2;3;0;5"], /^a b$/],
		check_file_age: [["-f", file], /^age$/, /^size$/],
		check_ftp: [at(await tcp("ftp")), time],
		check_host: [[...local, "-n", "1"], /^pkt$/, /^rta$/],
		check_http: [at(web), time, /^size$/],
		check_icmp: [[...local, "-n", "1"], /^rta$/, /^pl$/, /^rtmax$/],
		check_imap: [at(await tcp("imap")), time],
		check_jabber: [at(await tcp("jabber")), time],
		check_load: [["-w", "5,4,3", "-c", "10,9,8"], /^load1$/, /^load15$/],
		check_mrtg: [
			["-F", file, "-a", "AVG", "-v", "1", "-w", "1", "-c", "2", "-l", "in"],
			/^in$/,
		],
		check_mrtgtraf: [
			["-F", file, "-a", "AVG", "-w", "10,20", "-c", "20,30"],
			/^in$/,
			/^out$/,
		],
		check_nntp: [at(await tcp("nntp")), time],
		check_nntps: [at(await tcp("nntp", true)), time],
		check_nt: [at(await tcp("nt"), "-v", "UPTIME"), /^uptime$/],
		check_ntp_time: [at(await udp("ntp")), /^offset$/],
		check_ping: [
			[...local, "-w", "100,20%", "-c", "200,50%", "-p", "1", "-4"],
			/^rta$/,
			/^pl$/,
		],
		check_pop: [at(await tcp("pop")), time],
		check_procs: [["-w", "500"], /^procs$/],
		check_rta_multi: [[...local, "-n", "1"], /^rta$/, /^pl$/],
		check_simap: [at(await tcp("imap", true)), time],
		check_smtp: [at(await tcp("smtp")), time],
		check_spop: [at(await tcp("pop", true)), time],
		check_ssh: [at(await tcp("ssh")), time],
		check_ssmtp: [at(await tcp("smtp", true)), time],
		check_swap: [["-w", "10%", "-c", "5%"], /^swap$/],
		check_tcp: [at(web), time],
		check_time: [at(await tcp("time"), "-w", "5", "-c", "9"), time, /^offset$/],
		check_udp: [at(await udp("echo"), "-s", "a", "-e", "a"), time],
		check_ups: [at(await tcp("ups"), "-u", "ups"), /^battery$/, /^load$/],
		check_users: [["-w", "5", "-c", "10"], /^users$/],
	};
	assert.deepEqual(
		[...Object.keys(runs), ...Object.keys(without)].sort(),
		names.sort(),
	);
	for (const [name, [args, ...labels]] of Object.entries(runs)) {
		if (forRoot.includes(name) && process.getuid?.() !== 0) continue;
		const output = await new Promise<string>((resolve) =>
			execFile(join(plugins, name), args, { timeout: 90_000 }, (_, stdout) =>
				resolve(stdout),
			),
		);
		const { values, errors } = parsePerfdata(splitOutput(output).perfdata);
		assert.deepEqual(errors, [], `${name}: ${output}`);
		for (const label of labels)
			assert.ok(
				values.some((value) => label.test(value.label)),
				`${name}: ${label} is not in ${output}`,
			);
		for (const { label, value } of values)
			assert.ok(value !== undefined, `${name}: ${label}`);
	}
});

/** Outputs that are split. */
const outputs: readonly string[] = [
	"OK",
	"OK\n",
	"OK | a=1",
	"|a=1",
	"OK|a=1|b=2",
	"OK|",
	"OK\nmore\nlines",
	"OK | a=1\nmore\n",
	"OK | a=1\nlong | b=2\nc=3\nd=4 e=5\n",
	"OK\nlong | b=2",
	"OK |a=1\nlong |b=2\nmore |d=4",
	"OK\n|a=1",
	"OK\n\nlong\n\n| a=1\n\n b=2\n",
	"OK | 'a|b'=1\nlong",
	"OK | a=1\r\nlong | b=2\r\nc=3\r\n",
	"\n\nOK | a=1",
	"  OK  |  a=1  ",
	// and any others, as long as they have text
	...fc.sample(
		fc
			.array(
				fc.constantFrom("|", "\n", " ", "\r\n", "text", "a=1", "'b|c'=2;3;4"),
				{ maxLength: 12 },
			)
			.map((pieces) => `OK ${pieces.join("")}`),
		30,
	),
];

/** Nagios joins lines with one or two blanks. */
const oneBlank = (perfdata: string) => perfdata.replaceAll(/\s+/g, " ");

const printf = (output: string) =>
	`#!/bin/sh\nprintf %s '${output.replaceAll("'", "'\\''")}'\n`;

test("a real Nagios splits outputs in the same way", async (t) => {
	if (lacksPeer(t, missingNagios)) return;
	const directory = await temporaryDirectory(t);
	const names = outputs.map((_, index) => `print${index}`);
	for (const [index, output] of outputs.entries())
		await writeFile(join(directory, `print${index}`), printf(output), {
			mode: 0o755,
		});
	const nagios = await startNagios(
		t,
		names.map((name) => ({ description: name, command: name })),
		{
			commands: Object.fromEntries(
				names.map((name) => [name, join(directory, name)]),
			),
		},
	);
	await nagios.checked();
	const status = await readFile(join(nagios.directory, "status.dat"), "utf8");
	const seen = new Map(
		serviceBlocks(status).map((service) => [
			service.service_description,
			{
				// its words for an empty first line
				text: service.plugin_output?.replace(
					"(No output returned from plugin)",
					"",
				),
				longText: service.long_plugin_output?.replaceAll("\\n", "\n").trim(),
				perfdata: oneBlank(service.performance_data ?? ""),
			},
		]),
	);
	for (const [index, output] of outputs.entries()) {
		const split = splitOutput(output);
		assert.deepEqual(
			seen.get(names[index]),
			{ ...split, perfdata: oneBlank(split.perfdata) },
			JSON.stringify(output),
		);
	}
	await nagios.stop();
});

/** What one of the two reads; its unit and figures are normalised. */
interface Reading {
	label: string;
	value: number;
	unit: string;
	isCounter: boolean;
	warning?: string;
	critical?: string;
	min?: number;
	max?: number;
}

const rounded = (value: number) => Number(value.toPrecision(12));

function rangeText(
	{ lower, upper, alert }: PerfdataRange,
	factor: number,
): string {
	const bound = (value: number) => String(rounded(value * factor));
	const isPlain =
		alert === "outside" &&
		upper !== undefined &&
		lower === (upper < 0 ? undefined : 0);
	if (isPlain) return bound(upper);
	return `${alert === "inside" ? "@" : ""}${lower === undefined ? "~" : bound(lower)}:${upper === undefined ? "" : bound(upper)}`;
}

function ownReading(value: PerfdataValue): Reading {
	const { unit, factor, isCounter } = normalised(value);
	const { label, value: figure = Number.NaN, warning, critical } = value;
	return {
		...{ label, value: rounded(figure * factor), unit, isCounter },
		...(warning && { warning: rangeText(warning, factor) }),
		...(critical && { critical: rangeText(critical, factor) }),
		...(value.min !== undefined && { min: rounded(value.min * factor) }),
		...(value.max !== undefined && { max: rounded(value.max * factor) }),
	};
}

/** What Icinga reads of single values; undefined if it refuses one. */
async function icingaReadings(
	texts: readonly string[],
	file: string,
): Promise<(Reading | undefined)[]> {
	const program = texts.map((text, index) => {
		const quoted = text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
		return `try { var p = parse_performance_data("${quoted}")
	log("reading ${index} " + Json.encode([ p.label, p.value, p.unit, p.counter, p.warn, p.crit, p.min, p.max ])) } except { log("reading ${index} null") }`;
	});
	await writeFile(file, program.join("\n"));
	const { stdout, stderr } = spawnSync(
		"/usr/sbin/icinga2",
		["console", "--file", file],
		{ encoding: "utf8", timeout: 120_000, maxBuffer: 2 ** 26 },
	);
	const found = new Map(
		[...(stdout + stderr).matchAll(/reading (\d+) (.*)$/gm)].map(
			([, index, json = ""]) => [Number(index), JSON.parse(json)],
		),
	);
	assert.equal(found.size, texts.length, stderr);
	return texts.map((_, index) => {
		const read = found.get(index);
		if (read === null) return undefined;
		const [label, value, unit, isCounter, warning, critical, min, max] = read;
		const number = (bound: number | null) =>
			bound === null ? undefined : rounded(bound);
		return {
			...{ label, value: rounded(value ?? Number.NaN), unit, isCounter },
			...(warning !== null && { warning: String(number(warning)) }),
			...(critical !== null && { critical: String(number(critical)) }),
			...(min !== null && { min: rounded(min) }),
			...(max !== null && { max: rounded(max) }),
		};
	});
}

/** Values that both read alike, or both refuse. */
const alike: readonly string[] = [
	...["x=1e3", "x=1E3", "x=5e-1s", "x=+1", "x=-1", "x=.5", "x=1.", "x=1;;;;"],
	...["x=1;2;3;4;5", "x=1;U;U;U;U", "x=1;-5", "x=1;1e3", "x=1;+5", "x=5EB"],
	...["x=1;2;3;U;10", "x=1MB;2;3;0;4", "x=5ms;100;200", "x=99.5%;90;95;0;100"],
	...["a b=1", "a=b=1", "'a b'=1", "'a=b'=1", "it's=1", "/dev/shm=0B;1;2;0;3"],
	// refused
	...["x=1,5s", "x=1,", "x=", "x", "x=abc", "x=0x10", "x=1..2", "x=--1"],
	...["x=1-2", "x=1s5", "x=1m3", "x=1_000", "x=1e400", "x= 1"],
];

/** Values as plugins print them, with numbers of all forms and thresholds that are plain numbers. */
function generated(count: number): string[] {
	const figure = fc
		.tuple(
			fc.constantFrom("", "", "-", "+"),
			fc.oneof(
				fc.nat().map(String),
				fc.tuple(fc.nat(), fc.nat()).map(([whole, part]) => `${whole}.${part}`),
				fc.nat(9_999).map((part) => `.${part}`),
				fc.nat(9_999).map((whole) => `${whole}.`),
			),
			fc.constantFrom("", "", "", "e3", "E-5", "e+07"),
		)
		.map((parts) => parts.join(""));
	const bound = fc.oneof(figure, fc.constantFrom("", "U"));
	const label = fc.constantFrom(
		"x",
		"/dev/shm",
		"'C:\\'",
		"'a b'",
		"é",
		"a-b.c_d",
	);
	const unit = fc.constantFrom("", "s", "ms", "%", "B", "KB", "MiB", "Mb", "A");
	const value = fc
		.tuple(label, figure, unit, fc.array(bound, { maxLength: 4 }))
		.map(([name, number, of, bounds]) =>
			[`${name}=${number}${of}`, ...bounds].join(";"),
		);
	return fc.sample(value, count);
}

/** All letters that may be a unit, with all that may be a prefix. */
const units = [
	...new Set(
		["", ..."nNuUmMkKgGtTpPeEzZyY"].flatMap((prefix) =>
			[
				...["", ..."bBaAoOvVwWsSmMhHdDgGtlLcCfFkKN%"],
				...["ib", "iB", "Ib", "IB", "hl", "HL", "lm", "dBm", "DBM", "packets"],
				...["as", "As", "aS", "AM", "am", "Ah", "ah", "Ws", "Wm", "wh", "WH"],
			].map((base) => prefix + base),
		),
	),
];

/** The units that Icinga knows and that stay as printed here; in the table of the document. */
const asPrinted = ["k", "m", "M", "G", "T", "Pa", "pA"];

test("a real Icinga 2 reads single values and units in the same way", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	const file = join(await temporaryDirectory(t), "program");
	const texts = [
		...alike,
		...generated(500),
		...units.map((unit) => `x=1${unit}`),
	];
	const readings = await icingaReadings(texts, file);
	const seen = new Set<string>();
	for (const [index, text] of texts.entries()) {
		const icinga = readings[index];
		const { values } = parsePerfdata(text);
		const [value] = values;
		const own = value && ownReading(value);
		const unit = value?.unit ?? "";
		if (icinga && own && asPrinted.includes(unit)) {
			seen.add(unit);
			assert.deepEqual([own.value, own.unit], [1, unit]);
		} else if (unit === "c") assert.ok(own?.isCounter && !icinga?.isCounter);
		// a unit that neither knows: Icinga drops it
		else if (icinga?.unit === "" && unit !== "")
			assert.deepEqual({ ...icinga, unit }, own, text);
		else assert.deepEqual(icinga, own, text);
	}
	assert.deepEqual([...seen].sort(), [...asPrinted].sort());
});

const document = readFileSync("contrib/doc/perfdata.md", "utf8");

/** Rows of the table below a heading: the cells, without backticks and escapes. */
function tableBelow(heading: string): string[][] {
	const section =
		document.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
	return [...section.matchAll(/^\| `.*$/gm)].map(([row]) =>
		row
			.split(/(?<!\\)\|/)
			.slice(1, -1)
			.map((cell) =>
				cell
					.trim()
					.replace(/^`(.*)`$/, "$1")
					.replaceAll("\\|", "|"),
			),
	);
}

function readingText(reading: Reading | undefined): string {
	if (!reading) return "refused";
	const { label, value, unit, isCounter, warning, critical, min, max } =
		reading;
	const figure = Number.isNaN(value) ? "U" : String(value);
	return [
		`${label === "x" ? "" : `${label}: `}${isCounter ? "counter " : ""}${figure}${unit && ` ${unit}`}`,
		...(warning === undefined ? [] : [`warning ${warning}`]),
		...(critical === undefined ? [] : [`critical ${critical}`]),
		...(min === undefined ? [] : [`min ${min}`]),
		...(max === undefined ? [] : [`max ${max}`]),
	].join(", ");
}

test("the values that a real Icinga 2 reads in another way are those of perfdata.md", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	const rows = tableBelow("Values");
	assert.ok(rows.length >= 20);
	const file = join(await temporaryDirectory(t), "program");
	const readings = await icingaReadings(
		rows.map(([printed = ""]) => printed),
		file,
	);
	assert.deepEqual(
		rows.map(([printed = ""], index) => {
			const { values, errorCount } = parsePerfdata(printed);
			const [value] = values;
			const error = value && errorCount > 0 ? ", and an error" : "";
			return [
				printed,
				readingText(value && ownReading(value)) + error,
				readingText(readings[index]),
			];
		}),
		rows,
	);
	for (const unit of asPrinted)
		assert.ok(
			rows.some(([printed]) => printed === `x=5${unit}`),
			unit,
		);
});

/** Outputs whose values both find. */
const alikeOutputs: readonly string[] = [
	"OK | a=1 b=2",
	"OK|a=1;2;3 'b c'=4%",
	"OK | a=1\nlong text\n",
	"OK\nlong\n|b=2",
	"OK |a=1\nlong |b=2\nmore |d=4\n",
	"OK | load avg=1 b=2",
];

/** Values as Icinga writes them down. */
const valuesText = (output: string) =>
	parsePerfdata(splitOutput(output).perfdata)
		.values.map(({ label, value, unit, warning, critical }) => {
			const name = label.includes(" ") ? `'${label}'` : label;
			const thresholds = [warning, critical]
				.filter((range) => range !== undefined)
				.map((range) => `;${range.upper}`);
			return `${name}=${value}${unit}${thresholds.join("")}`;
		})
		.join(" ");

test("a real Icinga 2 finds the same values in outputs, but for those of perfdata.md", async (t) => {
	if (lacksPeer(t, missingIcinga)) return;
	const rows = tableBelow("Outputs");
	assert.ok(rows.length >= 4);
	const printed = [
		...alikeOutputs,
		...rows.map(([output = ""]) => output.replaceAll("\\n", "\n")),
	];
	const directory = await temporaryDirectory(t);
	const names = printed.map(
		(_, index) => `print${String(index).padStart(2, "0")}`,
	);
	for (const [index, name] of names.entries())
		await writeFile(join(directory, name), printf(printed[index] ?? ""), {
			mode: 0o755,
		});
	const { port, stop } = await startWithPlugins(t, [
		...["--nagios-plugin-paths", directory],
	]);
	const results = await resultsOfIcinga(
		t,
		names.map((name) => ({
			name,
			variables: { port, plugin: name, perfdata_first_line: false },
		})),
		{ HAPPO_BROKER: "" },
	);
	const seen = new Map(
		results.map(({ name, performance }) => [name, performance]),
	);
	for (const [index, output] of alikeOutputs.entries())
		assert.equal(valuesText(output), seen.get(names[index] ?? ""), output);
	assert.deepEqual(
		rows.map(([output = ""], index) => [
			output,
			valuesText(output.replaceAll("\\n", "\n")),
			seen.get(names[index + alikeOutputs.length] ?? ""),
		]),
		rows,
	);
	assert.equal((await stop()).code, 0);
});
