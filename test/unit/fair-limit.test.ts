import assert from "node:assert/strict";
import { test } from "node:test";
import { createFairLimit, LimitReached } from "../../src/fair-limit.ts";

const wait = { client: "one", timeoutMilliseconds: 1000 };

function reached(reason: LimitReached["reason"]) {
	return (error: unknown) =>
		error instanceof LimitReached && error.reason === reason;
}

test("admits as many as there are places, the others in order", async () => {
	const places = createFairLimit({ limit: 2 });
	const order: number[] = [];
	const releases = await Promise.all([
		places.acquire(wait),
		places.acquire(wait),
	]);
	const waiters = [1, 2, 3].map(async (number) => {
		const place = await places.acquire(wait);
		order.push(number);
		return place;
	});
	assert.deepEqual([places.taken, places.waiting], [2, 3]);
	releases[0]?.release();
	(await waiters[0])?.release();
	(await waiters[1])?.release();
	(await waiters[2])?.release();
	assert.deepEqual(order, [1, 2, 3]);
	releases[1]?.release();
	assert.deepEqual([places.taken, places.waiting], [0, 0]);
});

test("a second release has no effect", async () => {
	const places = createFairLimit({ limit: 1 });
	const place = await places.acquire(wait);
	place.release();
	place.release();
	assert.equal(places.taken, 0);
	const second = await places.acquire(wait);
	place.release();
	assert.equal(places.taken, 1);
	second.release();
});

test("a released place goes to the first in the queue, not to a new caller", async () => {
	const places = createFairLimit({ limit: 1 });
	const place = await places.acquire(wait);
	const first = places.acquire(wait);
	place.release();
	const late = places.acquire(wait);
	assert.deepEqual([places.taken, places.waiting], [1, 1]);
	(await first).release();
	(await late).release();
});

test("gives up after the time", async (t) => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const places = createFairLimit({ limit: 1 });
	const place = await places.acquire(wait);
	const second = places.acquire(wait);
	const patient = places.acquire({ ...wait, timeoutMilliseconds: 5000 });
	t.mock.timers.tick(999);
	assert.equal(places.waiting, 2);
	t.mock.timers.tick(1);
	await assert.rejects(second, reached("waited too long"));
	assert.equal(places.waiting, 1);
	place.release();
	(await patient).release();
	t.mock.timers.tick(10_000);
	assert.deepEqual([places.taken, places.waiting], [0, 0]);
});

test("refuses at once if too many are waiting", async () => {
	const places = createFairLimit({ limit: 1, maxWaiting: 1 });
	const place = await places.acquire(wait);
	const second = places.acquire(wait);
	await assert.rejects(places.acquire(wait), reached("too many waiting"));
	place.release();
	(await second).release();
});

test("lets a thousand wait by default", async () => {
	const places = createFairLimit({ limit: 1 });
	const place = await places.acquire(wait);
	const all = Array.from({ length: 1000 }, () => places.acquire(wait));
	await assert.rejects(places.acquire(wait), reached("too many waiting"));
	place.release();
	for (const next of all) (await next).release();
	assert.equal(places.taken, 0);
});

test("an aborted caller leaves the queue", async () => {
	const places = createFairLimit({ limit: 1 });
	const place = await places.acquire(wait);
	const controller = new AbortController();
	const { signal } = controller;
	const second = places.acquire({ ...wait, signal });
	const third = places.acquire(wait);
	const reason = new Error("client has gone");
	controller.abort(reason);
	await assert.rejects(second, reason);
	assert.equal(places.waiting, 1);
	await assert.rejects(places.acquire({ ...wait, signal }), reason);
	place.release();
	(await third).release();
	assert.equal(places.taken, 0);
});

test("an abort after the place was taken changes nothing", async () => {
	const places = createFairLimit({ limit: 1 });
	const place = await places.acquire(wait);
	const controller = new AbortController();
	const second = places.acquire({ ...wait, signal: controller.signal });
	place.release();
	const taken = await second;
	controller.abort();
	assert.equal(places.taken, 1);
	taken.release();
	assert.equal(places.taken, 0);
});

test("one client leaves an eighth to others, and a second one an eighth of that", () => {
	const places = createFairLimit({ limit: 64 });
	const takeAll = (client: string) => {
		let count = 0;
		while (places.tryAcquire({ client })) count++;
		return count;
	};
	assert.equal(takeAll("one"), 56);
	assert.equal(takeAll("two"), 7);
	assert.equal(takeAll("three"), 1);
	assert.equal(takeAll("four"), 0);
	assert.equal(places.taken, 64);
});

test("a few places are not reserved, and a client that has none may take the last", () => {
	const places = createFairLimit({ limit: 4, keptFor: 2 });
	assert.ok(places.tryAcquire({ client: "one", amount: 2 }));
	assert.equal(places.tryAcquire({ client: "one" }), undefined);
	assert.ok(places.tryAcquire({ client: "two", amount: 2 }));
	const few = createFairLimit({ limit: 3 });
	assert.ok(few.tryAcquire({ client: "one", amount: 3 }));
});

test("serves the waiting client that holds least first", async () => {
	const places = createFairLimit({ limit: 2 });
	const order: string[] = [];
	const ask = async (client: string) => {
		const place = await places.acquire({ client, timeoutMilliseconds: 1000 });
		order.push(client);
		return place;
	};
	const first = await ask("busy");
	const second = await ask("busy");
	const waiting = [ask("busy"), ask("busy"), ask("other"), ask("busy")];
	first.release();
	await waiting[2];
	assert.deepEqual(order, ["busy", "busy", "other"]);
	second.release();
	await waiting[0];
	for (const place of [await waiting[2], await waiting[0]]) place?.release();
	for (const place of await Promise.all(waiting)) place.release();
	assert.equal(places.taken, 0);
});

test("an amount that does not fit waits while smaller ones are served", async () => {
	const places = createFairLimit({ limit: 10, keptFor: 100 });
	const held = await places.acquire({ ...wait, client: "one", amount: 8 });
	const large = places.acquire({ ...wait, client: "two", amount: 5 });
	const small = await places.acquire({ ...wait, client: "three", amount: 2 });
	assert.equal(places.waiting, 1);
	held.release();
	(await large).release();
	small.release();
	assert.equal(places.taken, 0);
});

test("one client cannot fill the queue for another", async () => {
	const places = createFairLimit({ limit: 1, maxWaiting: 2 });
	const place = await places.acquire(wait);
	const own = [places.acquire(wait), places.acquire(wait)];
	await assert.rejects(places.acquire(wait), reached("too many waiting"));
	const other = places.acquire({ ...wait, client: "two" });
	place.release();
	for (const next of [...own, other]) (await next).release();
});

test("a part can be given back, and goes to a waiting caller", async () => {
	const places = createFairLimit({ limit: 10 });
	const first = await places.acquire({ ...wait, amount: 10 });
	const second = places.acquire({ ...wait, client: "two", amount: 4 });
	first.shrink(7);
	assert.deepEqual([first.amount, places.taken, places.waiting], [7, 7, 1]);
	first.shrink(9);
	assert.equal(first.amount, 7);
	first.shrink(6);
	assert.equal((await second).amount, 4);
	first.release();
	first.release();
	assert.equal(places.taken, 4);
});
