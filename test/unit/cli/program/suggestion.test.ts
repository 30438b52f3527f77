import assert from "node:assert/strict";
import { test } from "node:test";
import {
	didYouMean,
	editDistance,
	nearest,
} from "../../../../cli/program/suggestion.ts";

test("the distance counts inserted, deleted, replaced and swapped letters", () => {
	for (const [one, other, distance] of [
		["", "", 0],
		["abc", "", 3],
		["status", "status", 0],
		["stauts", "status", 1],
		["statu", "status", 1],
		["sttatus", "status", 1],
		["stadus", "status", 1],
		["kitten", "sitting", 3],
	] as const) {
		assert.equal(editDistance(one, other), distance, `${one} ${other}`);
		assert.equal(editDistance(other, one), distance, `${other} ${one}`);
	}
});

test("only similar words are suggested", () => {
	const known = ["status", "metric", "monitor", "inventory"];
	assert.equal(nearest("Satus", known), "status");
	assert.equal(nearest("inv", known), "inventory");
	assert.equal(nearest("xyz", known), undefined);
	assert.equal(nearest("m", known), undefined);
	assert.equal(nearest("s".repeat(100_000), known), undefined);
	assert.equal(didYouMean("metrc", known), ", did you mean 'metric'?");
	assert.equal(didYouMean("nothing", known), "");
});
