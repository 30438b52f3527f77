import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapStatistics } from "node:v8";
import type { GarbageFigures } from "../../../src/status/garbage.ts";
import {
	createMemoryStatus,
	type HeapFigures,
} from "../../../src/status/memory.ts";

/** All names of Go's `runtime.MemStats`, as encoding/json writes them. */
const goNames = [
	...["Alloc", "TotalAlloc", "Sys", "Lookups", "Mallocs", "Frees"],
	...["HeapAlloc", "HeapSys", "HeapIdle", "HeapInuse", "HeapReleased"],
	...["HeapObjects", "StackInuse", "StackSys", "MSpanInuse", "MSpanSys"],
	...["MCacheInuse", "MCacheSys", "BuckHashSys", "GCSys", "OtherSys"],
	...["NextGC", "LastGC", "PauseTotalNs", "PauseNs", "PauseEnd", "NumGC"],
	...["NumForcedGC", "GCCPUFraction", "EnableGC", "DebugGC", "BySize"],
];

/** A memory status with values from the test. */
function open(given: Partial<HeapFigures> = {}) {
	const heap: HeapFigures = {
		total_heap_size: 4000,
		total_physical_size: 3000,
		used_heap_size: 1000,
		heap_size_limit: 8000,
		malloced_memory: 50,
		...given,
	};
	const garbage: GarbageFigures = {
		count: 2,
		forced: 1,
		pauseTotal: 3_000_000,
		lastEnd: 1_795_342_609_002_250_000,
	};
	const fake = {
		heap,
		garbage,
		closed: 0,
		looks: 0,
		collected: undefined as (() => void) | undefined,
	};
	const status = createMemoryStatus({
		heapFigures: () => {
			fake.looks++;
			return { ...heap };
		},
		memoryUsage: () => ({ rss: 9000, external: 200, arrayBuffers: 100 }),
		uptime: () => 60,
		watchGarbage: ({ collected } = {}) => {
			fake.collected = collected;
			return {
				read: () => garbage,
				close: () => {
					fake.closed++;
				},
			};
		},
	});
	return { status, fake };
}

test("all values", () => {
	const { status, fake } = open();
	assert.deepEqual(status.read(), {
		Alloc: 1000,
		TotalAlloc: 1000,
		Sys: 9000,
		Lookups: 0,
		Mallocs: 0,
		Frees: 0,
		HeapAlloc: 1000,
		HeapSys: 4000,
		HeapIdle: 1000,
		HeapInuse: 3000,
		HeapReleased: 0,
		HeapObjects: 0,
		StackInuse: 0,
		StackSys: 0,
		MSpanInuse: 0,
		MSpanSys: 0,
		MCacheInuse: 0,
		MCacheSys: 0,
		BuckHashSys: 0,
		GCSys: 0,
		OtherSys: 0,
		NextGC: 8000,
		LastGC: fake.garbage.lastEnd,
		PauseTotalNs: 3_000_000,
		PauseNs: new Array(256).fill(0),
		PauseEnd: new Array(256).fill(0),
		NumGC: 2,
		NumForcedGC: 1,
		GCCPUFraction: 0.000_05,
		EnableGC: true,
		DebugGC: false,
		BySize: [],
		node: {
			rss: 9000,
			heapTotal: 4000,
			heapUsed: 1000,
			external: 200,
			arrayBuffers: 100,
			heapSizeLimit: 8000,
			mallocedMemory: 50,
		},
	});
});

test("total allocation is the growth seen after collections and at reads", () => {
	const { status, fake } = open();
	const use = (bytes: number) => {
		fake.heap.used_heap_size = bytes;
	};
	use(1500);
	assert.equal(status.read().TotalAlloc, 1500);
	use(2500);
	fake.collected?.();
	use(300);
	fake.collected?.();
	use(400);
	assert.equal(status.read().TotalAlloc, 2600);
	use(100);
	assert.equal(status.read().TotalAlloc, 2600);
	assert.equal(status.read().Alloc, 100);
});

test("total allocation is V8's own count if it has one", () => {
	const { status, fake } = open({ total_allocated_bytes: 70_000 });
	assert.equal(fake.collected, undefined);
	fake.heap.total_allocated_bytes = 80_000;
	assert.equal(status.read().TotalAlloc, 80_000);
});

test("no part of the heap is negative", () => {
	const { status } = open({ total_physical_size: 4096 });
	const { HeapIdle, HeapInuse, HeapSys } = status.read();
	assert.deepEqual([HeapIdle, HeapInuse, HeapSys], [0, 4000, 4000]);
});

test("close ends the watch of collections", () => {
	const { status, fake } = open();
	status.close();
	assert.equal(fake.closed, 1);
});

test("this process: every name of Go's, with integers where Go has them", (t) => {
	const status = createMemoryStatus();
	t.after(() => status.close());
	const text = JSON.stringify(status.read());
	const figures = JSON.parse(text) as Record<string, unknown>;
	assert.deepEqual(Object.keys(figures).sort(), [...goNames, "node"].sort());
	assert.doesNotMatch(text.replace(/"GCCPUFraction":[^,]*/, ""), /[.e]\d/);
	for (const [name, value] of Object.entries(figures))
		if (typeof value === "number")
			assert.ok(value >= 0 && Number.isFinite(value), name);
	const numbers = figures as Record<string, number>;
	const of = (name: string) => numbers[name] ?? assert.fail(name);
	assert.ok(of("Alloc") > 1e6);
	assert.ok(of("Alloc") < of("HeapSys"));
	assert.ok(of("TotalAlloc") >= of("Alloc"));
	assert.ok(of("HeapInuse") <= of("HeapSys"));
	assert.equal(of("HeapIdle"), of("HeapSys") - of("HeapInuse"));
	assert.ok(of("Sys") > of("HeapInuse"));
	assert.equal(of("NextGC"), getHeapStatistics().heap_size_limit);
	assert.ok(of("GCCPUFraction") < 1);
});

test("this process: total allocation never decreases", async (t) => {
	const status = createMemoryStatus();
	t.after(() => status.close());
	const first = status.read().TotalAlloc;
	let before = first;
	for (let n = 0; n < 50; n++) {
		const garbage = Array.from({ length: 20_000 }, () => ({ n }));
		assert.equal(garbage.length, 20_000);
		if (n % 10 === 0) await new Promise(setImmediate);
		const { TotalAlloc } = status.read();
		assert.ok(TotalAlloc >= before, `${TotalAlloc} ${before}`);
		before = TotalAlloc;
	}
	assert.ok(before > first);
});
