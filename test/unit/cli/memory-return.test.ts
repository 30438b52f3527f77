import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
	limitHeapGrowth,
	processHeap,
	returnMemory,
} from "../../../cli/memory-return.ts";
import { eventually } from "../../support/eventually.ts";

const mebibyte = 1024 * 1024;

/** A heap with a given size in a daemon with a given load. */
function fakeHeap(t: TestContext) {
	t.mock.timers.enable({ apis: ["setInterval"] });
	const state = { mebibytes: 30, busy: 0, live: 10, collections: 0 };
	let done = () => {};
	const { stop } = returnMemory({
		size: () => state.mebibytes * mebibyte,
		busyShare: () => state.busy,
		collect: (callback) => {
			state.collections++;
			done = callback;
		},
	});
	t.after(stop);
	/** Number of collections after some more seconds. */
	const after = (more: number) => {
		for (let n = 0; n < more; n++) {
			t.mock.timers.tick(1000);
		}
		return state.collections;
	};
	return {
		stop,
		state,
		after,
		/** Ends the collection. */
		end() {
			state.mebibytes = state.live;
			done();
		},
		/** Number of collections after a burst and ten quiet seconds. */
		afterBurst() {
			state.busy = 1;
			after(1);
			state.busy = 0.01;
			return after(10);
		},
	};
}

test("memory is returned ten quiet seconds after startup", (t) => {
	const { state, after } = fakeHeap(t);
	state.busy = 0.5;
	assert.equal(after(30), 0);
	state.busy = 0.01;
	assert.equal(after(9), 0);
	state.busy = 0.2;
	assert.equal(after(1), 0);
	state.busy = 0.01;
	assert.equal(after(9), 0);
	assert.equal(after(1), 1);
});

test("memory is returned again after a burst, and then not within ten minutes", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(10);
	end();
	state.mebibytes = 80;
	state.busy = 1;
	assert.equal(after(10), 1);
	assert.equal(afterBurst(), 2);
	end();
	state.mebibytes = 80;
	assert.equal(afterBurst(), 2);
	assert.equal(after(588), 2);
	assert.equal(after(1), 3);
});

test("a few megabytes cause no collection", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(10);
	end();
	state.mebibytes = 17;
	assert.equal(afterBurst(), 1);
	assert.equal(after(60), 1);
	state.mebibytes = 18;
	assert.equal(after(1), 2);
});

test("a trickle of requests causes no collection", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(10);
	end();
	state.busy = 0.09;
	state.mebibytes = 80;
	assert.equal(after(1200), 1);
	assert.equal(afterBurst(), 2);
});

test("memory that V8 returned by itself counts again when it grows back", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(10);
	state.live = 40;
	end();
	state.mebibytes = 20;
	assert.equal(after(1), 1);
	state.mebibytes = 28;
	assert.equal(afterBurst(), 2);
});

test("there is one collection at a time, and none after the stop", (t) => {
	const { state, after, afterBurst, end, stop } = fakeHeap(t);
	assert.equal(after(30), 1);
	assert.equal(afterBurst(), 1);
	end();
	stop();
	state.mebibytes = 100;
	assert.equal(afterBurst(), 1);
});

test("garbage in V8's own heap is returned", async (t) => {
	let garbage: unknown[] | undefined = Array.from({ length: 500_000 }, () => ({
		an: {},
	}));
	assert.ok(garbage.length > 0);
	const before = getHeapStatistics().total_heap_size;
	garbage = undefined;
	// always quiet, and without waiting ten seconds
	const { stop } = returnMemory({ ...processHeap(), busyShare: () => 0 }, 5);
	t.after(stop);
	await eventually(
		"the memory is returned",
		() => getHeapStatistics().total_heap_size < before - 8 * mebibyte,
	);
});

test("Node's own event loop is busy while it is blocked, and quiet while it waits", async () => {
	const { busyShare } = processHeap();
	await eventually("a busy moment", async () => {
		await pause(1);
		busyShare();
		const end = performance.now() + 20;
		while (performance.now() < end);
		await pause(0);
		return busyShare() > 0.5;
	});
	await eventually("a quiet moment", async () => {
		await pause(50);
		return busyShare() < 0.1;
	});
});

test("garbage collects when the heap has about doubled, even if much is alive", async () => {
	limitHeapGrowth();
	setFlagsFromString("--expose-gc");
	const collect: () => void = runInNewContext("gc");
	const numbers = (from: number) =>
		Array.from({ length: 12_800 }, (_, index) => from * index + 0.5);
	const alive = Array.from({ length: 300 }, (_, from) => numbers(from));
	collect();
	const { heapUsed: before } = process.memoryUsage();
	let peak = 0;
	let garbage: unknown[] = [];
	for (let n = 0; n < 1200; n++) {
		garbage.push(numbers(n));
		// lives long enough to leave the young generation
		if (garbage.length > 50) garbage = [];
		if (n % 10 !== 0) continue;
		peak = Math.max(peak, process.memoryUsage().heapUsed);
		await new Promise(setImmediate);
	}
	assert.equal(alive.length, 300);
	assert.ok(
		peak < before * 3,
		`${Math.round(peak / mebibyte)} MiB, of which ${Math.round(before / mebibyte)} are alive`,
	);
});
