import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "../../../../../cli/ctl/output/table.ts";
import {
	createPaint,
	displayWidth,
} from "../../../../../cli/ctl/output/terminal.ts";

const plain = createPaint(false);

test("a table fits the width; the widest column shrinks", () => {
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
		table(columns, rows, { columns: undefined, paint: plain }),
		`HOST    N  TEXT\nweb01   1  ${"x".repeat(50)}\ndb     22  日本\\x07\n`,
	);
	const narrow = table(columns, rows, { columns: 30, paint: plain });
	for (const line of narrow.split("\n")) assert.ok(displayWidth(line) <= 30);
	assert.match(narrow, /x…\n/);
	assert.match(
		table(columns, rows, { columns: 80, paint: createPaint(true) }),
		// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours
		/\n\x1b\[31mdb\x1b\[39m {5}22/,
	);
	assert.equal(table(columns, [], { columns: 80, paint: plain }), "");
});
