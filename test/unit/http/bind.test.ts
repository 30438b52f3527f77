import assert from "node:assert/strict";
import { test } from "node:test";
import {
	matchLetterCase as matchInPlace,
	type NamedSchema,
} from "../../../src/http/bind.ts";

/** The value after matching. */
function matchLetterCase(value: unknown, schema: NamedSchema): unknown {
	matchInPlace(value, schema);
	return value;
}

const schema = {
	properties: {
		config: {
			properties: {
				Metrics: { items: { properties: { Hostname: {}, Plugins: {} } } },
			},
		},
	},
};

test("names get the schema's spelling; values and unknown names stay", () => {
	assert.deepEqual(
		matchLetterCase(
			{ CONFIG: { metrics: [{ hostName: "Web", Other: { A: 1 } }] }, X: null },
			schema,
		),
		{ config: { Metrics: [{ Hostname: "Web", Other: { A: 1 } }] }, X: null },
	);
});

test("the exact spelling wins, otherwise the last one", () => {
	for (const [value, expected] of [
		[{ config: 1, Config: 2 }, 1],
		[{ Config: 2, config: 1 }, 1],
		[{ CONFIG: 1, Config: 2 }, 2],
	])
		assert.deepEqual(matchLetterCase(value, schema), { config: expected });
});

test("the keys of a map keep their letter case", () => {
	const map = { properties: { metrics: {} } };
	assert.deepEqual(
		matchLetterCase({ METRICS: { Load: 1, load: 2, Metrics: 3 } }, map),
		{ metrics: { Load: 1, load: 2, Metrics: 3 } },
	);
});

test("values that are not objects stay", () => {
	for (const value of [null, 5, "config", [1, [2]]])
		assert.deepEqual(matchLetterCase(value, schema), value);
});

test("names like __proto__ or constructor are ordinary", () => {
	const value = JSON.parse('{"__proto__":{"x":1},"constructor":{"Y":2}}');
	const matched = matchLetterCase(value, schema) as Record<string, unknown>;
	assert.equal(Object.getPrototypeOf(matched), Object.prototype);
	assert.deepEqual(matched.constructor, { Y: 2 });
});
