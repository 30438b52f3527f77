import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { leavingText, table } from "../../../../../cli/ctl/output/table.ts";
import {
	createPaint,
	displayWidth,
} from "../../../../../cli/ctl/output/terminal.ts";

const plain = createPaint(false);
const at = (columns: number | undefined) => ({ columns, paint: plain });
const linesOf = (text: string) => text.trimEnd().split("\n");

test("a table fits the width: the widest column but the first shrinks", () => {
	const columns = [
		{ title: "HOST" },
		{ title: "N", align: "right" as const },
		{ title: "TEXT" },
	];
	const rows = [
		["web01", "1", "x".repeat(50)],
		[{ text: "db", colour: "red" as const }, "22", "日本\x07"],
	];
	assert.equal(
		table(columns, rows, at(undefined)),
		`HOST    N  TEXT\nweb01   1  ${"x".repeat(50)}\ndb     22  日本\\x07\n`,
	);
	const narrow = table(columns, rows, at(30));
	for (const line of narrow.split("\n")) assert.ok(displayWidth(line) <= 30);
	assert.match(narrow, /x…\n/);
	assert.match(
		table(columns, rows, { columns: 80, paint: createPaint(true) }),
		// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours
		/\n\x1b\[31mdb\x1b\[39m {5}22/,
	);
	assert.equal(table(columns, [], at(80)), "");
});

const columns = [
	{ title: "HOST" },
	{ title: "VERSION", leaves: 2 },
	{ title: "UPTIME", align: "right" as const, leaves: 1 },
	{ title: "METRIC", cut: "middle" as const },
];

test("columns leave in their declared order, and only as far as necessary", () => {
	const rows = [["127.0.0.20:6777", "2.0.0", "12d 3h", "linux.disk.sda"]];
	const heads = (width: number | undefined) =>
		linesOf(table(columns, rows, at(width)))[0]?.split(/ +/);
	assert.deepEqual(heads(undefined), ["HOST", "VERSION", "UPTIME", "METRIC"]);
	assert.deepEqual(heads(48), ["HOST", "VERSION", "UPTIME", "METRIC"]);
	assert.deepEqual(heads(47), ["HOST", "VERSION", "METRIC"]);
	assert.deepEqual(heads(40), ["HOST", "VERSION", "METRIC"]);
	assert.deepEqual(heads(39), ["HOST", "METRIC"]);
	assert.equal(
		leavingText(columns),
		"If the terminal is too narrow, columns leave in this order: UPTIME, VERSION. The first column is never cut.",
	);
});

test("once no column can leave, names are cut in the middle, and the first column never", () => {
	const rows = [["a-long-name.example.net:6777", "2", "1s", "linux.disk.sda"]];
	assert.equal(
		table(columns, rows, at(40)),
		"HOST                          METRIC\na-long-name.example.net:6777  linux….sda\n",
	);
	// no room at all: the first column is whole all the same
	assert.equal(
		table(columns, rows, at(20)),
		"HOST                          METRIC\na-long-name.example.net:6777  lin…da\n",
	);
});

test("whatever the cells are, no line is wider than the terminal, and no host is cut", () => {
	const text = fc.string({ unit: "grapheme", maxLength: 40 });
	fc.assert(
		fc.property(
			fc.array(fc.tuple(text, text, text, text), {
				minLength: 1,
			}),
			fc.integer({ min: 60, max: 120 }),
			(rows, width) => {
				const named = rows.map(([, ...others], n) => [
					`host${n}.example.net:6777`,
					...others,
				]);
				const lines = linesOf(table(columns, named, at(width)));
				assert.equal(lines.length, rows.length + 1);
				for (const [n, line] of lines.slice(1).entries()) {
					assert.ok(displayWidth(line) <= width, line);
					assert.ok(line.startsWith(`host${n}.example.net:6777`), line);
				}
			},
		),
	);
});
