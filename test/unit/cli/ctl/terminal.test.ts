import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import { jsonText } from "../../../../cli/ctl/json-text.ts";
import { createPaint } from "../../../../cli/ctl/paint.ts";
import {
	bytesText,
	durationText,
	figureText,
} from "../../../../cli/ctl/quantity.ts";
import { sparkline } from "../../../../cli/ctl/sparkline.ts";
import { table } from "../../../../cli/ctl/table.ts";
import {
	displayWidth,
	fitted,
	safeLine,
	safeLines,
} from "../../../../cli/ctl/terminal-text.ts";
import { withYamlKey, yamlText } from "../../../../cli/ctl/yaml-text.ts";

const evil = "a\x1b[2J\r\n\u009b1m\u202ex\ud800\u2028\tz";

test("control characters are shown, not sent", () => {
	assert.equal(
		safeLine(evil),
		"a\\x1b[2J\\x0d\\x0a\\x9b1m\\u202ex\\ud800\\u2028\\x09z",
	);
	assert.equal(safeLines(evil), "a\\x1b[2J\n\\x9b1m\\u202ex\\ud800\\u2028\tz");
	assert.equal(safeLine("Größe 日本 ✓"), "Größe 日本 ✓");
});

test("JSON and YAML say the same, without a raw control character", () => {
	const value = [
		{ host: evil, "k\u009be\ny": [1, null, true, "", "yes", " x "] },
	];
	for (const text of [jsonText(value, 2), yamlText(value)]) {
		// biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
		assert.doesNotMatch(text, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
		assert.deepEqual(parse(text), value);
	}
	assert.equal(
		withYamlKey("# mine\na: 1 # one\n", "b", "x"),
		"# mine\na: 1 # one\nb: x\n",
	);
});

test("widths count columns: wide characters two, marks none", () => {
	assert.equal(displayWidth("日本"), 4);
	assert.equal(displayWidth("e\u0301"), 1);
	assert.equal(fitted("abcdef", 4), "abc…");
	assert.equal(fitted("日本語", 5), "日本…");
	assert.equal(fitted("abc", 3), "abc");
});

const plain = createPaint(false);

test("a table fits, the widest column gives way", () => {
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

test("a sparkline goes from the lowest to the highest", () => {
	assert.equal(sparkline([1], 10), "");
	assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 10), "▁▂▃▄▅▆▇█");
	assert.equal(sparkline([5, 5, 5], 10), "▁▁▁");
	assert.equal(sparkline([1, 1, 9, 9], 2), "▁█");
	assert.equal(sparkline([-1.7e308, 1.7e308], 10), "▁█");
	assert.equal([...sparkline(Array(100_000).fill(1), 20)].length, 20);
});

test("quantities as people read them", () => {
	assert.deepEqual([0, 59.9, 61, 3600, 90_061, -5].map(durationText), [
		"0s",
		"59s",
		"1m 1s",
		"1h",
		"1d 1h",
		"0s",
	]);
	assert.deepEqual([0, 1023, 1024, 5e9].map(bytesText), [
		...["0 B", "1023 B", "1.0 KiB", "4.7 GiB"],
	]);
	assert.deepEqual([1, 0.1 + 0.2, 1e21, 123_456_789].map(figureText), [
		...["1", "0.3", "1e+21", "123456789"],
	]);
});
