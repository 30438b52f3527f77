import assert from "node:assert/strict";
import { test } from "node:test";
import { createPlaces, cutTo } from "../../../../../cli/ctl/commands/follow.ts";

test("work that takes long gives its place to others", async () => {
	const place = createPlaces(2, 1);
	const ends: (() => void)[] = [];
	const dead = [1, 2, 3, 4].map(() =>
		place(() => new Promise<void>((resolve) => ends.push(resolve))),
	);
	// four dead ones and two places: this one runs nevertheless
	assert.equal(await place(async () => "fine"), "fine");
	for (const end of ends) end();
	await Promise.all(dead);
});

test("no more begin at once than there are places", async () => {
	const place = createPlaces(2, 60_000);
	const ends: (() => void)[] = [];
	const all = [1, 2, 3].map(() =>
		place(() => new Promise<void>((resolve) => ends.push(resolve))),
	);
	await Promise.resolve();
	assert.equal(ends.length, 2);
	ends[0]?.();
	await all[0];
	assert.equal(ends.length, 3);
	for (const end of ends) end();
	await Promise.all(all);
	// a failure gives its place back, once
	await assert.rejects(
		place(() => Promise.reject(new Error("x"))),
		/x/,
	);
	await place(async () => {});
});

test("lines that have no room are counted", () => {
	const lines = ["a", "b", "c", "d"];
	assert.deepEqual(cutTo(lines, 4, "more"), lines);
	assert.deepEqual(cutTo(lines, 3, "more"), ["a", "b", "… 2 more"]);
	assert.deepEqual(cutTo(lines, 4, "more", 7), ["a", "b", "c", "… 8 more"]);
});
