import assert from "node:assert/strict";
import { test } from "node:test";
import { createSlots, NoSlotError } from "../../../src/commands/slots.ts";

const wait = { timeoutMilliseconds: 1000 };

function noSlot(reason: NoSlotError["reason"]) {
	return (error: unknown) =>
		error instanceof NoSlotError && error.reason === reason;
}

test("lets in as many as there are slots, the others in the order of asking", async () => {
	const slots = createSlots({ limit: 2 });
	const order: number[] = [];
	const releases = await Promise.all([
		slots.acquire(wait),
		slots.acquire(wait),
	]);
	const waiters = [1, 2, 3].map(async (number) => {
		const release = await slots.acquire(wait);
		order.push(number);
		return release;
	});
	assert.deepEqual([slots.running, slots.waiting], [2, 3]);
	releases[0]?.();
	(await waiters[0])?.();
	(await waiters[1])?.();
	(await waiters[2])?.();
	assert.deepEqual(order, [1, 2, 3]);
	releases[1]?.();
	assert.deepEqual([slots.running, slots.waiting], [0, 0]);
});

test("giving a slot back twice counts once", async () => {
	const slots = createSlots({ limit: 1 });
	const release = await slots.acquire(wait);
	release();
	release();
	assert.equal(slots.running, 0);
	const second = await slots.acquire(wait);
	release();
	assert.equal(slots.running, 1);
	second();
});

test("a slot given back goes to the first in line, not to one who asks just then", async () => {
	const slots = createSlots({ limit: 1 });
	const release = await slots.acquire(wait);
	const first = slots.acquire(wait);
	release();
	const late = slots.acquire(wait);
	assert.deepEqual([slots.running, slots.waiting], [1, 1]);
	(await first)();
	(await late)();
});

test("gives up after the time to wait", async (t) => {
	t.mock.timers.enable({ apis: ["setTimeout"] });
	const slots = createSlots({ limit: 1 });
	const release = await slots.acquire(wait);
	const second = slots.acquire(wait);
	const patient = slots.acquire({ timeoutMilliseconds: 5000 });
	t.mock.timers.tick(999);
	assert.equal(slots.waiting, 2);
	t.mock.timers.tick(1);
	await assert.rejects(second, noSlot("waited too long"));
	assert.equal(slots.waiting, 1);
	release();
	(await patient)();
	t.mock.timers.tick(10_000);
	assert.deepEqual([slots.running, slots.waiting], [0, 0]);
});

test("refuses at once when too many are waiting", async () => {
	const slots = createSlots({ limit: 1, waiting: 1 });
	const release = await slots.acquire(wait);
	const second = slots.acquire(wait);
	await assert.rejects(slots.acquire(wait), noSlot("too many waiting"));
	release();
	(await second)();
});

test("lets a thousand wait by default", async () => {
	const slots = createSlots({ limit: 1 });
	const release = await slots.acquire(wait);
	const all = Array.from({ length: 1000 }, () => slots.acquire(wait));
	await assert.rejects(slots.acquire(wait), noSlot("too many waiting"));
	release();
	for (const next of all) (await next)();
	assert.equal(slots.running, 0);
});

test("who is aborted leaves the line", async () => {
	const slots = createSlots({ limit: 1 });
	const release = await slots.acquire(wait);
	const controller = new AbortController();
	const { signal } = controller;
	const second = slots.acquire({ ...wait, signal });
	const third = slots.acquire(wait);
	const reason = new Error("client has gone");
	controller.abort(reason);
	await assert.rejects(second, reason);
	assert.equal(slots.waiting, 1);
	await assert.rejects(slots.acquire({ ...wait, signal }), reason);
	release();
	(await third)();
	assert.equal(slots.running, 0);
});

test("an abort after the slot was given changes nothing", async () => {
	const slots = createSlots({ limit: 1 });
	const release = await slots.acquire(wait);
	const controller = new AbortController();
	const second = slots.acquire({ ...wait, signal: controller.signal });
	release();
	const releaseSecond = await second;
	controller.abort();
	assert.equal(slots.running, 1);
	releaseSecond();
	assert.equal(slots.running, 0);
});
