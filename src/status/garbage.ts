import { constants, PerformanceObserver } from "node:perf_hooks";

/** One stop of the program for its garbage, as Node reports it; times in milliseconds of `performance.now()`. */
export interface GarbageStop {
	readonly startTime: number;
	readonly duration: number;
	/** `NODE_PERFORMANCE_GC_*` and `NODE_PERFORMANCE_GC_FLAGS_*` of node:perf_hooks. */
	readonly detail?: unknown;
}

/** What tells of the stops: shortly after them, once the event loop turns. */
type ObserveGarbage = (report: (stops: GarbageStop[]) => void) => {
	/** Those that were not reported yet; they are not reported any more. */
	takeRecords(): GarbageStop[];
	disconnect(): void;
};

/** Collections since the watch began; times in nanoseconds. */
export interface GarbageFigures {
	/** Of the young and of the old generation. */
	count: number;
	/** Those of them that the program asked for (`gc()`). */
	forced: number;
	/** Of all stops, also of those that only began a collection. */
	pauseTotal: number;
	/** Since 1970, to the millisecond; 0 if there was none. */
	lastEnd: number;
}

/** Stops that end a collection; the others only begin one of the old generation, or clean up after it. */
const collections: ReadonlySet<number> = new Set([
	constants.NODE_PERFORMANCE_GC_MINOR,
	2, // NODE_PERFORMANCE_GC_MINOR_MARK_SWEEP, which Node 20 has no name for
	constants.NODE_PERFORMANCE_GC_MAJOR,
]);

/** Does not keep the process alive. */
const observeGarbage: ObserveGarbage = (report) => {
	const observer = new PerformanceObserver((list) => report(list.getEntries()));
	observer.observe({ entryTypes: ["gc"] });
	return observer;
};

/**
 * Counts garbage collections from now on: Node does not tell of earlier ones. Being told of one costs about 0.1 ms,
 * nearly all of it in Node.
 * @param parts.collected called after each few of them
 * @param parts.clock in milliseconds: since the start of the process, and since 1970
 */
export function createGarbageWatch({
	collected = () => {},
	observe = observeGarbage,
	clock = { elapsed: () => performance.now(), now: () => Date.now() },
}: {
	collected?: () => void;
	observe?: ObserveGarbage;
	clock?: { elapsed(): number; now(): number };
} = {}): {
	read(): GarbageFigures;
	/** Nothing is counted any more. */
	close(): void;
} {
	let count = 0;
	let forced = 0;
	let pauseTotal = 0;
	let lastEnd = 0;

	const enter = (stops: GarbageStop[]) => {
		if (stops.length === 0) return;
		// by the wall clock of now: at boot an agent may be there before the time is
		const origin = clock.now() - clock.elapsed();
		for (const { startTime, duration, detail } of stops) {
			const { kind = 0, flags = 0 } = detail as {
				kind?: number;
				flags?: number;
			};
			pauseTotal += Math.round(duration * 1e6);
			if (!collections.has(kind)) continue;
			// a number has no room for nanoseconds since 1970; whole milliseconds it prints as they are
			lastEnd = Math.round(origin + startTime + duration) * 1e6;
			count++;
			if (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) forced++;
		}
		collected();
	};

	const observer = observe(enter);
	return {
		read() {
			enter(observer.takeRecords());
			return { count, forced, pauseTotal, lastEnd };
		},
		close: () => observer.disconnect(),
	};
}
