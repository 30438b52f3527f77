import assert from "node:assert/strict";
import { test } from "node:test";
import {
	displayWidth,
	fitted,
	safeLine,
	safeLines,
} from "../../../../../cli/ctl/output/terminal.ts";

const evil = "a\x1b[2J\r\n\u009b1m\u202ex\ud800\u2028\tz";

test("control characters are escaped", () => {
	assert.equal(
		safeLine(evil),
		"a\\x1b[2J\\x0d\\x0a\\x9b1m\\u202ex\\ud800\\u2028\\x09z",
	);
	assert.equal(safeLines(evil), "a\\x1b[2J\n\\x9b1m\\u202ex\\ud800\\u2028\tz");
	assert.equal(safeLine("Größe 日本 ✓"), "Größe 日本 ✓");
});

test("the width is in columns: two for a wide character, none for a mark", () => {
	assert.equal(displayWidth("日本"), 4);
	assert.equal(displayWidth("✅ ok ✓"), 7);
	assert.equal(displayWidth("e\u0301"), 1);
	assert.equal(fitted("abcdef", 4), "abc…");
	assert.equal(fitted("日本語", 5), "日本…");
	assert.equal(fitted("abc", 3), "abc");
});
