import assert from "node:assert/strict";
import { test } from "node:test";
import { goSamples } from "../../../../cli/append-metric/delivery.ts";

const sample = (metrics: Record<string, number>, timestamp = 7) => ({
	hostname: "h1",
	timestamp,
	metrics,
});

test("samples are printed as Go prints a slice of structs", () => {
	assert.equal(goSamples([sample({}, 0)]), "[{h1 0 map[]}]");
	assert.equal(
		goSamples([sample({ b: 1.5, a: -2 }), sample({ "c d": 0 })]),
		"[{h1 7 map[a:-2 b:1.5]} {h1 7 map[c d:0]}]",
	);
});

test("numbers are printed as Go's %v prints a float64", () => {
	for (const [value, text] of [
		[0, "0"],
		[-0, "-0"],
		[1, "1"],
		[-1.25, "-1.25"],
		[100_000, "100000"],
		[999_999.5, "999999.5"],
		[1_000_000, "1e+06"],
		[1_444_028_730, "1.44402873e+09"],
		[-1e21, "-1e+21"],
		[1.7976931348623157e308, "1.7976931348623157e+308"],
		[0.0001, "0.0001"],
		[0.00001, "1e-05"],
		[5e-324, "5e-324"],
		[0.1 + 0.2, "0.30000000000000004"],
	] as const)
		assert.equal(goSamples([sample({ m: value })]), `[{h1 7 map[m:${text}]}]`);
});
