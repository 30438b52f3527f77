import assert from "node:assert/strict";
import { test } from "node:test";
import { safeText } from "../../../../../../cli/ctl/web/page/safe-text.ts";

test("characters that hide or reorder text become visible", () => {
	assert.equal(
		safeText("a\tb\r\nc\u001b[31m\u202ed\u0000\u200b\ud800"),
		"a\tb\nc\\x1b[31m\\u202ed\\x00\\u200b\\ud800",
	);
});

test("other text stays as it is, markup too", () => {
	const text = `<img src=x onerror="alert(1)"> äöü 漢字 👍 "'&`;
	assert.equal(safeText(text), text);
});
