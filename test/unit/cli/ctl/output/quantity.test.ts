import assert from "node:assert/strict";
import { test } from "node:test";
import {
	bytesText,
	durationText,
	figureText,
} from "../../../../../cli/ctl/output/quantity.ts";

test("quantities are written for people", () => {
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
