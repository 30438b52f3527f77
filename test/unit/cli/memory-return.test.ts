import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { getHeapStatistics } from "node:v8";
import { returnMemory } from "../../../cli/memory-return.ts";
import { eventually } from "../../support/eventually.ts";

const mebibyte = 1024 * 1024;

/** A heap that is as large, and a daemon that is as busy, as it is told. */
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
	return {
		stop,
		state,
		/** The collection ends. */
		end() {
			state.mebibytes = state.live;
			done();
		},
		/** Collections after a burst. */
		afterBurst() {
			state.busy = 1;
			t.mock.timers.tick(1000);
			state.busy = 0.01;
			t.mock.timers.tick(1000);
			return state.collections;
		},
		/** Collections after some seconds more. */
		after(seconds: number) {
			t.mock.timers.tick(1000 * seconds);
			return state.collections;
		},
	};
}

test("memory is given back once the start is over", (t) => {
	const { state, after } = fakeHeap(t);
	state.busy = 0.5;
	assert.equal(after(3), 0);
	state.busy = 0.01;
	assert.equal(after(1), 1);
});

test("it is given back again after a burst, not during it", (t) => {
	const { state, after, end } = fakeHeap(t);
	assert.equal(after(1), 1);
	end();
	state.busy = 1;
	state.mebibytes = 80;
	assert.equal(after(10), 1);
	state.busy = 0;
	assert.equal(after(1), 2);
});

test("nothing is collected for a few megabytes", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(1);
	end();
	state.mebibytes = 17;
	assert.equal(afterBurst(), 1);
	assert.equal(after(60), 1);
	state.mebibytes = 18;
	assert.equal(after(1), 2);
});

test("nothing is collected while requests trickle in", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(1);
	end();
	state.busy = 0.09;
	state.mebibytes = 80;
	assert.equal(after(600), 1);
	assert.equal(afterBurst(), 2);
});

test("what V8 gave back by itself may grow again", (t) => {
	const { state, after, afterBurst, end } = fakeHeap(t);
	after(1);
	state.live = 40;
	end();
	state.mebibytes = 20;
	assert.equal(after(1), 1);
	state.mebibytes = 28;
	assert.equal(afterBurst(), 2);
});

test("one collection at a time, and none after the stop", (t) => {
	const { state, after, end, stop } = fakeHeap(t);
	assert.equal(after(5), 1);
	end();
	stop();
	state.mebibytes = 100;
	assert.equal(after(5), 1);
});

test("V8's own heap: what was garbage is given back", async (t) => {
	let garbage: unknown[] | undefined = Array.from({ length: 500_000 }, () => ({
		an: {},
	}));
	assert.ok(garbage.length > 0);
	const before = getHeapStatistics().total_heap_size;
	garbage = undefined;
	const { stop } = returnMemory();
	t.after(stop);
	await eventually(
		"given back",
		() => getHeapStatistics().total_heap_size < before - 8 * mebibyte,
	);
});
