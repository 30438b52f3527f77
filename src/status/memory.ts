import { getHeapStatistics } from "node:v8";
import type { components } from "../../generated/schema.ts";
import { createGarbageWatch } from "./garbage.ts";

/** V8's heap statistics, in bytes. */
export type HeapFigures = Pick<
	ReturnType<typeof getHeapStatistics>,
	| "total_heap_size"
	| "total_physical_size"
	| "used_heap_size"
	| "heap_size_limit"
	| "malloced_memory"
> & {
	/** Not counted by Node 20, 22 and 24. */
	total_allocated_bytes?: number;
};

/** Fields of Go without a counterpart in V8. */
const unknownFields = {
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
 * Provides GET /status/memory. Garbage collections count from this call on, so make it early.
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
	/** Stops counting collections. */
	close(): void;
} {
	const first = heapFigures();
	const isCounted = first.total_allocated_bytes !== undefined;
	let used = first.used_heap_size;
	/** Total growth of the heap ever seen; memory in use at the start had been allocated too. */
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
			// read the collections first: entering them may look at the heap
			const { count, forced, pauseTotal, lastEnd } = garbage.read();
			const heap = heapFigures();
			const { rss, external, arrayBuffers } = memoryUsage();
			see(heap.used_heap_size);
			const inUse = Math.min(heap.total_physical_size, heap.total_heap_size);
			return {
				...unknownFields,
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
