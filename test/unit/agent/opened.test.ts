import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpened } from "../../../src/agent/opened.ts";

test("closes in reverse order, one after the other", async () => {
	const opened = createOpened();
	const said: string[] = [];
	for (const name of ["store", "server", "plugins"])
		opened.push(async () => {
			said.push(`${name} closes`);
			await new Promise(setImmediate);
			said.push(`${name} closed`);
		});
	await opened.unwind();
	assert.deepEqual(said, [
		...["plugins closes", "plugins closed", "server closes", "server closed"],
		...["store closes", "store closed"],
	]);
});

test("closes everything else if one close fails, and reports the failure", async () => {
	const opened = createOpened();
	const closed: string[] = [];
	opened.push(() => closed.push("store"));
	opened.push(() => {
		throw new Error("the second");
	});
	opened.push(() => Promise.reject(new Error("the first")));
	await assert.rejects(opened.unwind(), /the first/);
	assert.deepEqual(closed, ["store"]);
});

test("closes once, and later calls wait for the same end", async () => {
	const opened = createOpened();
	let closes = 0;
	let isClosed = false;
	opened.push(async () => {
		closes++;
		await new Promise(setImmediate);
		isClosed = true;
	});
	const first = opened.unwind();
	await opened.unwind();
	assert.ok(isClosed);
	await first;
	assert.equal(closes, 1);
});
