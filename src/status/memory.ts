import { getHeapStatistics } from "node:v8";
import type { components } from "../../generated/schema.ts";
import { createGarbageWatch } from "./garbage.ts";

/** What V8 says of its heap, in bytes. */
export type HeapFigures = Pick<
	ReturnType<typeof getHeapStatistics>,
	| "total_heap_size"
	| "total_physical_size"
	| "used_heap_size"
	| "heap_size_limit"
	| "malloced_memory"
> & {
	/** Node 20, 22 and 24 do not count it. */
	total_allocated_bytes?: number;
};

/** Figures of Go that V8 has no counterpart for. */
const NOT_KNOWN = {
	Lookups: 0,
	Mallocs: 0,
	Frees: 0,
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
	PauseNs: new Array<number>(256).fill(0),
	PauseEnd: new Array<number>(256).fill(0),
	EnableGC: true,
	DebugGC: false,
	BySize: [],
};

/**
 * The figures of GET /status/memory. Garbage collections are those since this was created, which should be early.
 * @param parts.uptime seconds since the start of the process
 */
export function createMemoryStatus({
	heapFigures = getHeapStatistics,
	memoryUsage = () => process.memoryUsage(),
	uptime = () => process.uptime(),
	watchGarbage = createGarbageWatch,
}: {
	heapFigures?: () => HeapFigures;
	memoryUsage?: () => Pick<
		NodeJS.MemoryUsage,
		"rss" | "external" | "arrayBuffers"
	>;
	uptime?: () => number;
	watchGarbage?: typeof createGarbageWatch;
} = {}): {
	read(): components["schemas"]["MemoryStatus"];
	/** Collections are not counted any more. */
	close(): void;
} {
	const first = heapFigures();
	const isCounted = first.total_allocated_bytes !== undefined;
	let used = first.used_heap_size;
	/** All that the heap was ever seen to grow by: what is used at first was allocated too. */
	let grown = used;
	const see = (usedNow: number) => {
		if (usedNow > used) grown += usedNow - used;
		used = usedNow;
	};

	const garbage = watchGarbage(
		isCounted ? {} : { collected: () => see(heapFigures().used_heap_size) },
	);

	return {
		read() {
			// first the collections: entering them may look at the heap
			const { count, forced, pauseTotal, lastEnd } = garbage.read();
			const heap = heapFigures();
			const { rss, external, arrayBuffers } = memoryUsage();
			see(heap.used_heap_size);
			const inUse = Math.min(heap.total_physical_size, heap.total_heap_size);
			return {
				...NOT_KNOWN,
				Alloc: heap.used_heap_size,
				TotalAlloc: heap.total_allocated_bytes ?? grown,
				Sys: rss,
				HeapAlloc: heap.used_heap_size,
				HeapSys: heap.total_heap_size,
				HeapIdle: heap.total_heap_size - inUse,
				HeapInuse: inUse,
				NextGC: heap.heap_size_limit,
				LastGC: lastEnd,
				PauseTotalNs: pauseTotal,
				NumGC: count,
				NumForcedGC: forced,
				GCCPUFraction: pauseTotal / 1e9 / uptime(),
				node: {
					rss,
					heapTotal: heap.total_heap_size,
					heapUsed: heap.used_heap_size,
					external,
					arrayBuffers,
					heapSizeLimit: heap.heap_size_limit,
					mallocedMemory: heap.malloced_memory,
				},
			};
		},
		close: () => garbage.close(),
	};
}
