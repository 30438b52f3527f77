import assert from "node:assert/strict";
import { test } from "node:test";
import { createStartLanes } from "../../../src/spawn/start-lanes.ts";
import { eventually } from "../../support/eventually.ts";

test("a hanging start gives its place to others, and keeps its directory waiting", async () => {
	const lane = createStartLanes({ atOnce: 2, lateMilliseconds: 20 });
	const release: (() => void)[] = [];
	const begun: string[] = [];
	const start = (directory: string, name: string) =>
		lane(directory, () => {
			begun.push(name);
			return directory === "bad"
				? new Promise<string>((resolve) => {
						release.push(() => resolve(name));
					})
				: Promise.resolve(name);
		});
	const hanging = start("bad", "first");
	await start("good", "beside it");
	await eventually("it is late", async () => {
		const both = Promise.all([start("good", "a"), start("good", "b")]);
		await both;
		return begun.length >= 4;
	});
	// late by now; two in the same directory would take both places
	await new Promise((resolve) => setTimeout(resolve, 40));
	const second = start("bad", "second");
	assert.equal(await start("good", "after"), "after");
	assert.ok(!begun.includes("second"));
	for (const let_go of release.splice(0)) let_go();
	assert.equal(await hanging, "first");
	await eventually("the second begins", () => begun.includes("second"));
	for (const let_go of release.splice(0)) let_go();
	assert.equal(await second, "second");
});

test("many hanging directories hold two pool threads, and the others go on", async () => {
	const lane = createStartLanes({ atOnce: 2, lateMilliseconds: 20 });
	const release: (() => void)[] = [];
	let inPool = 0;
	let hanging = 0;
	const hang = (directory: string) =>
		lane(directory, async (ownThread) => {
			if (!ownThread) inPool++;
			hanging++;
			await new Promise<void>((resolve) => release.push(resolve));
		});
	const good = () => lane("good", async (ownThread) => ownThread);
	assert.equal(await good(), false);
	const starts = ["a", "a", "a", "b", "b", "c", "d"].map(hang);
	await eventually("each directory has one that hangs", () => hanging >= 5);
	// all but the first two are told to use their own thread
	for (let n = 0; n < 5; n++) assert.equal(await good(), true);
	assert.equal(inPool, 2);
	await eventually("all have come back", async () => {
		for (const end of release.splice(0)) end();
		return hanging === starts.length;
	});
	for (const end of release.splice(0)) end();
	await Promise.all(starts);
	assert.equal(await good(), false);
});

test("starts run in order, a few at a time; a failed one gives its place back", async () => {
	const lane = createStartLanes({ atOnce: 2 });
	let now = 0;
	let most = 0;
	const order: number[] = [];
	const results = Array.from({ length: 20 }, (_, n) =>
		lane("d", async () => {
			order.push(n);
			most = Math.max(most, ++now);
			await new Promise((resolve) => setImmediate(resolve));
			now--;
			if (n === 3) throw new Error("refused");
			return n;
		}),
	);
	const settled = await Promise.allSettled(results);
	assert.equal(settled.filter(({ status }) => status === "rejected").length, 1);
	assert.deepEqual(
		order,
		[...order].sort((a, b) => a - b),
	);
	assert.equal(most, 2);
});
