import assert from "node:assert/strict";
import { test } from "node:test";
import { matchLetterCase } from "../../../src/http/letter-case.ts";

const schema = {
	properties: {
		config: {
			properties: {
				Metrics: { items: { properties: { Hostname: {}, Plugins: {} } } },
			},
		},
	},
};

test("names get the schema's spelling, values and unknown names stay", () => {
	assert.deepEqual(
		matchLetterCase(
			{ CONFIG: { metrics: [{ hostName: "Web", Other: { A: 1 } }] }, X: null },
			schema,
		),
		{ config: { Metrics: [{ Hostname: "Web", Other: { A: 1 } }] }, X: null },
	);
});

test("of two spellings the last wins, as in Go", () => {
	assert.deepEqual(matchLetterCase({ config: 1, Config: 2 }, schema), {
		config: 2,
	});
	assert.deepEqual(matchLetterCase({ Config: 2, config: 1 }, schema), {
		config: 1,
	});
});

test("what is no object stays", () => {
	for (const value of [null, 5, "config", [1, [2]]])
		assert.deepEqual(matchLetterCase(value, schema), value);
});

test("a name like __proto__ or constructor is a name", () => {
	const value = JSON.parse('{"__proto__":{"x":1},"constructor":{"Y":2}}');
	const matched = matchLetterCase(value, schema) as Record<string, unknown>;
	assert.equal(Object.getPrototypeOf(matched), Object.prototype);
	assert.deepEqual(matched.constructor, { Y: 2 });
});
