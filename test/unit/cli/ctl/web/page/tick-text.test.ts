import assert from "node:assert/strict";
import { test } from "node:test";
import {
	shortNumber,
	tickTexts,
} from "../../../../../../cli/ctl/web/page/tick-text.ts";

test("a number gets little space", () => {
	for (const [value, text] of [
		[0, "0"],
		[0.25, "0.25"],
		[1234.5678, "1.235k"],
		[-2_000_000, "-2M"],
		[2_283_123_456, "2.283G"],
	] as const)
		assert.equal(shortNumber(value), text);
});

test("the numbers of an axis differ", () => {
	assert.deepEqual(tickTexts([0, 50, 100]), ["0", "50", "100"]);
	assert.deepEqual(tickTexts([0.5, 0.6, 0.7]), ["0.5", "0.6", "0.7"]);
	assert.deepEqual(tickTexts([425_100, 425_150, 425_200]), [
		...["425.10k", "425.15k", "425.20k"],
	]);
	assert.deepEqual(tickTexts([0, 5_000, 10_000]), ["0", "5k", "10k"]);
	assert.deepEqual(tickTexts([7]), ["7"]);
	assert.deepEqual(tickTexts([]), []);
});
