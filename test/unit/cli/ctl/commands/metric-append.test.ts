import assert from "node:assert/strict";
import { test } from "node:test";
import { readSensuSamples } from "../../../../../cli/ctl/commands/metric-append.ts";

test("Sensu lines become one sample for each timestamp", () => {
	const { samples, complaints, ignored } = readSensuSamples(
		"a 1 5\nb 2 5\na 3 6\na 4 5\n__proto__ 1 5\nfree text here now\n\nx y 5\n",
		"web01",
	);
	assert.deepEqual(
		samples.map(({ timestamp, metrics }) => [timestamp, { ...metrics }]),
		[
			[
				5,
				Object.fromEntries([
					["a", 4],
					["b", 2],
					["__proto__", 1],
				]),
			],
			[6, { a: 3 }],
		],
	);
	assert.equal(ignored, 1);
	assert.deepEqual(complaints, ["line 8: the value is not a number: x y 5"]);
});
