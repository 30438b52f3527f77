import assert from "node:assert/strict";
import { test } from "node:test";
import { monitorStatus } from "../../../../../cli/ctl/commands/monitor.ts";
import {
	perfdataText,
	resultsText,
	summaryText,
	worstFirst,
} from "../../../../../cli/ctl/commands/monitor-text.ts";
import {
	createPaint,
	displayWidth,
} from "../../../../../cli/ctl/output/terminal.ts";
import { parsePerfdata } from "../../../../../src/protocol/perfdata.ts";

test("several hosts give the worst state, one host the plugin's exit status", () => {
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

const paint = createPaint(false);
const result = (host: string, return_value: number, message: string) => ({
	host,
	ok: true as const,
	data: { return_value, message },
});
const results = [
	result("web01", 0, "DISK OK|/=5GB;10;20\nmore text|/var=1GB\n"),
	result("web02", 1, "DISK WARNING"),
	result("db01", 9, "odd"),
	result("db02", 2, "DISK CRITICAL"),
	result("web03", 1, "DISK WARNING"),
];

test("of several results the worst come first, without performance data, and are counted", () => {
	const worst = worstFirst(results);
	assert.equal(
		resultsText(worst, { columns: undefined, paint }),
		`db02   CRITICAL  DISK CRITICAL
db01   status 9  odd
web02  WARNING   DISK WARNING
web03  WARNING   DISK WARNING
web01  OK        DISK OK
    more text
`,
	);
	const failed = {
		...{ host: "x", ok: false as const },
		error: { reason: "unreachable" as const, message: "" },
	};
	assert.equal(
		summaryText([...results, failed], paint),
		"6 hosts: 1 CRITICAL, 1 status 9, 2 WARNING, 1 OK, 1 without an answer\n",
	);
});

test("long results are wrapped, never cut", () => {
	const text = Array.from({ length: 40 }, (_, n) => `word${n}`).join(" ");
	for (const [host, columns] of [
		["127.0.0.20:6777", 60],
		["127.0.0.20:6777", 80],
		["a-very-long-name-of-a-host.example.net:6777", 60],
	] as const) {
		const shown = resultsText([result(host, 2, text)], { columns, paint });
		for (const line of shown.split("\n"))
			assert.ok(displayWidth(line) <= columns, line);
		assert.ok(shown.replace(/\s+/g, " ").includes(text));
	}
});

test("performance data is a table with a row for each value", () => {
	const text = "a=5s;@10:20;~:30;0;100 'b c'=U d=1;;5: ";
	const data = {
		...{ return_value: 0, message: "" },
		perfdata: parsePerfdata(text),
	};
	assert.equal(
		perfdataText([{ host: "web01", data }], { columns: undefined, paint }),
		`HOST   LABEL  VALUE  WARNING  CRITICAL  MIN  MAX
web01  a         5s   @10:20      ~:30    0  100
web01  b c        U
web01  d          1                 5:
`,
	);
	assert.equal(
		perfdataText([{ host: "web01", data: { return_value: 0, message: "" } }], {
			...{ columns: undefined, paint },
		}),
		"",
	);
});
