import assert from "node:assert/strict";
import { test } from "node:test";
import {
	addTo,
	type Curve,
	keepNewest,
	rateOf,
} from "../../../../../../cli/ctl/web/page/rates.ts";

test("a rate is the growth per second, and unknown where the counter began again", () => {
	assert.deepEqual(
		rateOf({ times: [10, 20, 25, 35], values: [100, 150, 150, 20] }),
		{ times: [20, 25, 35], values: [5, 0, null] },
	);
	assert.deepEqual(rateOf({ times: [10, 10, 12], values: [1, 5, null] }), {
		times: [10, 12],
		values: [null, null],
	});
	assert.deepEqual(rateOf({ times: [], values: [] }), {
		times: [],
		values: [],
	});
});

test("values get to their place by time, and the newest of one time stays", () => {
	const curve: Curve = { times: [], values: [] };
	for (const [time, value] of [
		[10, 1],
		[30, 3],
		[20, 2],
		[30, 4],
		[5, 0],
	] as const)
		addTo(curve, time, value);
	assert.deepEqual(curve, { times: [5, 10, 20, 30], values: [0, 1, 2, 4] });
	keepNewest(curve, 2);
	assert.deepEqual(curve, { times: [20, 30], values: [2, 4] });
	keepNewest(curve, 5);
	assert.deepEqual(curve.times, [20, 30]);
	for (const time of [-1, 9e15, Number.POSITIVE_INFINITY, Number.NaN])
		addTo(curve, time, 1);
	assert.deepEqual(curve.times, [20, 30], "no clock has such times");
});
