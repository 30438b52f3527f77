import assert from "node:assert/strict";
import { test } from "node:test";
import { createFairLimit, LimitReached } from "../../src/fair-limit.ts";

const wait = { client: "one", timeoutMilliseconds: 1000 };

function reached(reason: LimitReached["reason"]) {
	return (error: unknown) =>
		error instanceof LimitReached && error.reason === reason;
}

test("lets in as many as there are places, the others in the order of asking", async () => {
	const places = createFairLimit({ limit: 2 });
	const order: number[] = [];
	const releases = await Promise.all([
		places.acquire(wait),
		places.acquire(wait),
	]);
	const waiters = [1, 2, 3].map(async (number) => {
		const release = await places.acquire(wait);
		order.push(number);
		return release;
	});
	assert.deepEqual([places.taken, places.waiting], [2, 3]);
	releases[0]?.();
	(await waiters[0])?.();
	(await waiters[1])?.();
	(await waiters[2])?.();
	assert.deepEqual(order, [1, 2, 3]);
	releases[1]?.();
	assert.deepEqual([places.taken, places.waiting], [0, 0]);
});

test("giving a place back twice counts once", async () => {
	const places = createFairLimit({ limit: 1 });
	const release = await places.acquire(wait);
	release();
	release();
	assert.equal(places.taken, 0);
	const second = await places.acquire(wait);
	release();
	assert.equal(places.taken, 1);
	second();
});

test("a place given back goes to the first in line, not to one who asks just then", async () => {
	const places = createFairLimit({ limit: 1 });
	const release = await places.acquire(wait);
	const first = places.acquire(wait);
	release();
	const late = places.acquire(wait);
	assert.deepEqual([places.taken, places.waiting], [1, 1]);
	(await first)();
	(await late)();
});

test("gives up after the time to wait", async (t) => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const places = createFairLimit({ limit: 1 });
	const release = await places.acquire(wait);
	const second = places.acquire(wait);
	const patient = places.acquire({ ...wait, timeoutMilliseconds: 5000 });
	t.mock.timers.tick(999);
	assert.equal(places.waiting, 2);
	t.mock.timers.tick(1);
	await assert.rejects(second, reached("waited too long"));
	assert.equal(places.waiting, 1);
	release();
	(await patient)();
	t.mock.timers.tick(10_000);
	assert.deepEqual([places.taken, places.waiting], [0, 0]);
});

test("refuses at once when too many are waiting", async () => {
	const places = createFairLimit({ limit: 1, maxWaiting: 1 });
	const release = await places.acquire(wait);
	const second = places.acquire(wait);
	await assert.rejects(places.acquire(wait), reached("too many waiting"));
	release();
	(await second)();
});

test("lets a thousand wait by default", async () => {
	const places = createFairLimit({ limit: 1 });
	const release = await places.acquire(wait);
	const all = Array.from({ length: 1000 }, () => places.acquire(wait));
	await assert.rejects(places.acquire(wait), reached("too many waiting"));
	release();
	for (const next of all) (await next)();
	assert.equal(places.taken, 0);
});

test("who is aborted leaves the line", async () => {
	const places = createFairLimit({ limit: 1 });
	const release = await places.acquire(wait);
	const controller = new AbortController();
	const { signal } = controller;
	const second = places.acquire({ ...wait, signal });
	const third = places.acquire(wait);
	const reason = new Error("client has gone");
	controller.abort(reason);
	await assert.rejects(second, reason);
	assert.equal(places.waiting, 1);
	await assert.rejects(places.acquire({ ...wait, signal }), reason);
	release();
	(await third)();
	assert.equal(places.taken, 0);
});

test("an abort after the place was given changes nothing", async () => {
	const places = createFairLimit({ limit: 1 });
	const release = await places.acquire(wait);
	const controller = new AbortController();
	const second = places.acquire({ ...wait, signal: controller.signal });
	release();
	const releaseSecond = await second;
	controller.abort();
	assert.equal(places.taken, 1);
	releaseSecond();
	assert.equal(places.taken, 0);
});

test("one client leaves an eighth to the others, and a second one an eighth of that", () => {
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

test("a few places are not worth sharing, and a client that has none may take the last", () => {
	const places = createFairLimit({ limit: 4, keptFor: 2 });
	assert.ok(places.tryAcquire({ client: "one", amount: 2 }));
	assert.equal(places.tryAcquire({ client: "one" }), undefined);
	assert.ok(places.tryAcquire({ client: "two", amount: 2 }));
	const few = createFairLimit({ limit: 3 });
	assert.ok(few.tryAcquire({ client: "one", amount: 3 }));
});

test("of those that wait, the client that holds least is served first", async () => {
	const places = createFairLimit({ limit: 2 });
	const order: string[] = [];
	const ask = async (client: string) => {
		const release = await places.acquire({ client, timeoutMilliseconds: 1000 });
		order.push(client);
		return release;
	};
	const first = await ask("busy");
	const second = await ask("busy");
	const waiting = [ask("busy"), ask("busy"), ask("other"), ask("busy")];
	first();
	await waiting[2];
	assert.deepEqual(order, ["busy", "busy", "other"]);
	second();
	await waiting[0];
	for (const release of [await waiting[2], await waiting[0]]) release?.();
	for (const release of await Promise.all(waiting)) release();
	assert.equal(places.taken, 0);
});

test("an amount that does not fit waits while smaller ones are served", async () => {
	const places = createFairLimit({ limit: 10, keptFor: 100 });
	const held = await places.acquire({ ...wait, client: "one", amount: 8 });
	const large = places.acquire({ ...wait, client: "two", amount: 5 });
	const small = await places.acquire({ ...wait, client: "three", amount: 2 });
	assert.equal(places.waiting, 1);
	held();
	(await large)();
	small();
	assert.equal(places.taken, 0);
});

test("one client cannot fill the queue for another", async () => {
	const places = createFairLimit({ limit: 1, maxWaiting: 2 });
	const release = await places.acquire(wait);
	const own = [places.acquire(wait), places.acquire(wait)];
	await assert.rejects(places.acquire(wait), reached("too many waiting"));
	const other = places.acquire({ ...wait, client: "two" });
	release();
	for (const next of [...own, other]) (await next)();
});
