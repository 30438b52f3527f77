import assert from "node:assert/strict";
import { test } from "node:test";
import {
	looksLikeCounter,
	rates,
	sparkline,
	trendText,
} from "../../../../../cli/ctl/output/metric-text.ts";

test("a sparkline is scaled from minimum to maximum", () => {
	assert.equal(sparkline([1], 10), "");
	assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 10), "▁▂▃▄▅▆▇█");
	assert.equal(sparkline([5, 5, 5], 10), "▁▁▁");
	assert.equal(sparkline([1, 1, 9, 9], 2), "▁█");
	assert.equal(sparkline([-1.7e308, 1.7e308], 10), "▁█");
	assert.equal([...sparkline(Array(100_000).fill(1), 20)].length, 20);
});

const points = (...values: readonly number[]) =>
	values.map((value, at) => ({ timestamp: 100 + 10 * at, value }));

test("values that never fall and rise eight times look like a counter", () => {
	assert.ok(looksLikeCounter(points(1, 2, 3, 3, 4, 5, 6, 7, 8, 9)));
	assert.ok(!looksLikeCounter(points(1, 2, 3, 3, 4, 5, 6, 7, 8)));
	assert.ok(!looksLikeCounter(points(1, 2, 3, 4, 5, 6, 7, 8, 9, 8)));
	assert.ok(!looksLikeCounter(points(5, 5, 5, 5, 5, 5)));
	assert.ok(!looksLikeCounter([]));
});

test("the trend of a counter is that of its rates, not a ramp", () => {
	const counter = points(0, 10, 20, 120, 130);
	assert.deepEqual(rates(counter), [1, 1, 10, 1]);
	assert.equal(trendText(counter, 20, true), "▁▁█▁");
	assert.equal(trendText(counter, 20, false), "▁▁▂██");
	// after a restart it begins at 0; earlier and equal times are left out
	assert.deepEqual(
		rates([
			{ timestamp: 100, value: 50 },
			{ timestamp: 110, value: 20 },
			{ timestamp: 110, value: 30 },
			{ timestamp: 90, value: 10 },
			{ timestamp: 120, value: 40 },
		]),
		[2, 2],
	);
});
