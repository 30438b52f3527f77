import assert from "node:assert/strict";
import { test } from "node:test";
import { sparkline } from "../../../../../cli/ctl/output/metric-text.ts";

test("a sparkline is scaled from minimum to maximum", () => {
	assert.equal(sparkline([1], 10), "");
	assert.equal(sparkline([0, 1, 2, 3, 4, 5, 6, 7], 10), "▁▂▃▄▅▆▇█");
	assert.equal(sparkline([5, 5, 5], 10), "▁▁▁");
	assert.equal(sparkline([1, 1, 9, 9], 2), "▁█");
	assert.equal(sparkline([-1.7e308, 1.7e308], 10), "▁█");
	assert.equal([...sparkline(Array(100_000).fill(1), 20)].length, 20);
});
