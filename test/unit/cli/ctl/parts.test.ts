import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { UsageError } from "../../../../cli/argv.ts";
import { overContext } from "../../../../cli/ctl/chosen-context.ts";
import { parseCollectedPage } from "../../../../cli/ctl/collected-page.ts";
import { commandLine } from "../../../../cli/ctl/command-line.ts";
import { parseConfigFile } from "../../../../cli/ctl/config-file.ts";
import { everyHost } from "../../../../cli/ctl/every-host.ts";
import { targetSettings } from "../../../../cli/ctl/flags.ts";
import { graphiteLine } from "../../../../cli/ctl/graphite-line.ts";
import { lineDiff } from "../../../../cli/ctl/line-diff.ts";
import { monitorStatus } from "../../../../cli/ctl/monitor-command.ts";
import { readSensuSamples } from "../../../../cli/ctl/sensu-samples.ts";
import { findTargets } from "../../../../cli/ctl/target.ts";
import { splitWords } from "../../../../src/commands/words.ts";
import { resolveSettings } from "../../../../src/setting-table.ts";
import { expose } from "../../../../src/status/exposition.ts";

test("several words stay the words they are, one is a line", () => {
	const words = ["-w", "5,4,3", "a b", "", "it's", "$x", "*", "-"];
	const { command, option } = commandLine(["check_x", ...words]);
	assert.equal(command, "check_x");
	assert.deepEqual(splitWords(option), words);
	assert.deepEqual(commandLine(["ps", "aux | wc"]), {
		command: "ps",
		option: "aux | wc",
	});
	assert.deepEqual(commandLine([" uname  -a "]), {
		command: "uname",
		option: "-a ",
	});
	assert.deepEqual(commandLine(["uname"]), { command: "uname", option: "" });
});

test("a diff says what went and came, with a little around it", () => {
	assert.deepEqual(lineDiff("a\nb\n", "a\nb\n"), []);
	assert.deepEqual(lineDiff("a\nb\nc\n", "a\nx\nc\n"), [
		" a",
		"-b",
		"+x",
		" c",
	]);
	assert.deepEqual(lineDiff("", "a\n"), ["+a"]);
	assert.deepEqual(lineDiff("a\n", ""), ["-a"]);
	assert.deepEqual(lineDiff("1\n2\n3\n4\n5\n6\n", "2\n3\n4\n5\nx\n6\n"), [
		...["-1", " 2", " 3", " 4", " 5", "+x", " 6"],
	]);
	const long = (text: string) => `${text}\n`.repeat(5000);
	assert.equal(lineDiff(long("a"), long("b")).length, 10_000);
});

test("a diff can always be undone", () => {
	for (let round = 0; round < 200; round++) {
		const text = () =>
			Array.from(
				{ length: Math.floor(Math.random() * 8) },
				() => `${Math.floor(Math.random() * 3)}\n`,
			).join("");
		const [before, after] = [text(), text()];
		const lines = lineDiff(before, after);
		// with all lines in it: what stands around is at most three lines each side
		const inside = lines.filter((line) => line !== "");
		const went = inside.filter((line) => !line.startsWith("+"));
		const came = inside.filter((line) => !line.startsWith("-"));
		const joined = (from: string[]) =>
			from.map((line) => `${line.slice(1)}\n`).join("");
		if (before === after) continue;
		assert.ok(before.includes(joined(went)), `${before} ${after}`);
		assert.ok(after.includes(joined(came)), `${before} ${after}`);
	}
});

test("as many hosts at once as allowed, answers in their order", async () => {
	let now = 0;
	let most = 0;
	let advanced = 0;
	const targets = Array.from({ length: 20 }, (_, at) => at);
	const answers = await everyHost(
		targets,
		async (at) => {
			most = Math.max(most, ++now);
			await pause(at % 3);
			now--;
			return { host: String(at), ok: true as const, data: at };
		},
		{
			parallel: 4,
			progress: { advance: () => advanced++, end: () => {} },
		},
	);
	assert.deepEqual(
		answers.map(({ host }) => Number(host)),
		targets,
	);
	assert.equal(most, 4);
	assert.equal(advanced, 20);
});

const settings = (flags: Record<string, string[]>) =>
	resolveSettings(targetSettings, flags, {});

test("targets: named once, this machine by default, a group with its bastions", async () => {
	const find = async (
		flags: Record<string, string[]>,
		hosts: { ip: string; port: number; proxies: string[] }[] = [],
	) =>
		(
			await findTargets(settings(flags), Readable.from([]), async () => hosts)
		).map(({ name, via }) => [name, ...via.map(({ host }) => host)]);
	assert.deepEqual(await find({}), [["127.0.0.1:6777"]]);
	assert.deepEqual(await find({ host: ["web01,web02:1", "WEB01"] }), [
		...[["web01:6777"], ["web02:1"]],
	]);
	assert.deepEqual(await find({ host: ["::1"], via: ["b1,b2"] }), [
		["[::1]:6777", "b1", "b2"],
	]);
	const listed = [
		{ ip: "192.0.2.5", port: 6777, proxies: ["198.51.100.1:6777"] },
		{ ip: "2001:db8::1", port: 1, proxies: [] },
	];
	assert.deepEqual(await find({ group: ["G"] }, listed), [
		...[["192.0.2.5:6777", "198.51.100.1"], ["[2001:db8::1]:1"]],
	]);
	assert.deepEqual(await find({ group: ["G"], via: ["b"] }, listed.slice(1)), [
		["[2001:db8::1]:1", "b"],
	]);
	await assert.rejects(find({ group: ["G"] }), /lists no host for it/);
	await assert.rejects(
		find({ group: ["G"] }, [{ ip: "a b", port: 1, proxies: [] }]),
		UsageError,
	);
});

test("a context: paths are relative to its file, flags drop what they replace", () => {
	const { current, contexts } = parseConfigFile(
		"current-context: a\ncontexts:\n  a:\n    hosts: [web01, web02]\n    via: [b1]\n    ca-file: ca.pem\n    api-key-file: ~/key\n    insecure: no\n    timeout-seconds: 5\n  b:\n",
		"/etc/happo/ctl.yaml",
		"/home/me",
	);
	assert.equal(current, "a");
	const context = contexts.get("a") ?? {};
	assert.deepEqual(context, {
		host: ["web01", "web02"],
		via: ["b1"],
		"ca-file": ["/etc/happo/ca.pem"],
		"api-key-file": ["/home/me/key"],
		insecure: ["no"],
		"timeout-seconds": ["5"],
	});
	assert.deepEqual(contexts.get("b"), {});
	const over = overContext(context, { group: ["G"], fingerprint: ["ab"] });
	assert.deepEqual(Object.keys(over).sort(), [
		...["api-key-file", "fingerprint", "group", "timeout-seconds", "via"],
	]);
	assert.deepEqual(overContext(context, {}), context);
});

test("the worst state of many, the plugin's own of one", () => {
	const ran = (return_value: number) => ({
		host: "h",
		ok: true as const,
		data: { return_value, message: "" },
	});
	const failed = {
		host: "h",
		ok: false as const,
		error: { reason: "unreachable" as const, message: "" },
	};
	assert.equal(monitorStatus([ran(77)]), 77);
	assert.equal(monitorStatus([failed]), 3);
	assert.equal(monitorStatus([ran(0), ran(1)]), 1);
	assert.equal(monitorStatus([ran(1), ran(77)]), 3);
	assert.equal(monitorStatus([failed, ran(2), ran(3)]), 2);
});

test("Sensu lines become one sample for each time", () => {
	const { samples, complaints, ignored } = readSensuSamples(
		"a 1 5\nb 2 5\na 3 6\na 4 5\n__proto__ 1 5\nfree text here now\n\nx y 5\n",
		"web01",
	);
	assert.deepEqual(
		samples.map(({ timestamp, metrics }) => [timestamp, { ...metrics }]),
		[
			[
				5,
				Object.fromEntries([
					["a", 4],
					["b", 2],
					["__proto__", 1],
				]),
			],
			[6, { a: 3 }],
		],
	);
	assert.equal(ignored, 1);
	assert.deepEqual(complaints, ["line 8: the value is not a number: x y 5"]);
});

test("Graphite's paths have no blanks and no foreign dots", () => {
	assert.equal(
		graphiteLine("web01.example.net", "disk /var used%\n", 1.5, 7),
		"web01_example_net.disk_var_used%_ 1.5 7\n",
	);
	assert.equal(graphiteLine("", "a", 1, 2), "_.a 1 2\n");
});

test("what an agent exposes is read as it was meant", () => {
	const labels = { host: 'we"b\\1', metric: "a b\n,c" };
	const text = expose(
		[
			{
				name: "happo_agent_collection_last_pass_timestamp_seconds",
				type: "gauge",
				help: "x",
				series: [{ value: 1_795_370_413 }],
			},
			{
				name: "happo_collected_metric",
				type: "gauge",
				help: "x",
				series: [{ labels, value: -1e21 }],
			},
		],
		"text",
	);
	assert.deepEqual(parseCollectedPage(text), {
		pass: 1_795_370_413,
		metrics: [{ hostname: 'we"b\\1', metric: "a b\n,c", value: -1e21 }],
	});
	assert.deepEqual(parseCollectedPage("<html>"), {
		pass: undefined,
		metrics: [],
	});
});
