import { constants, PerformanceObserver } from "node:perf_hooks";

/** One garbage collection pause as reported by Node, in milliseconds of `performance.now()`. */
export interface GarbageStop {
	readonly startTime: number;
	readonly duration: number;
	/** `NODE_PERFORMANCE_GC_*` and `NODE_PERFORMANCE_GC_FLAGS_*` of node:perf_hooks. */
	readonly detail?: unknown;
}

/** Reports pauses shortly after they happened, once the event loop turns. */
type ObserveGarbage = (report: (stops: GarbageStop[]) => void) => {
	/** Returns and removes the pauses not reported yet. */
	takeRecords(): GarbageStop[];
	disconnect(): void;
};

/** Collections since the watch began; times in nanoseconds. */
export interface GarbageFigures {
	/** Collections of the young and the old generation. */
	count: number;
	/** Those requested by the program with `gc()`. */
	forced: number;
	/** Total of all pauses, including those that only begin a collection. */
	pauseTotal: number;
	/** Nanoseconds since 1970, with a resolution of a millisecond; 0 if there was none. */
	lastEnd: number;
}

/**
 * Pauses that end a collection. Others only begin one of the old generation, or clean up after it.
 */
const collections: ReadonlySet<number> = new Set([
	constants.NODE_PERFORMANCE_GC_MINOR,
	2, // NODE_PERFORMANCE_GC_MINOR_MARK_SWEEP, which Node 20 does not name
	constants.NODE_PERFORMANCE_GC_MAJOR,
]);

/** Does not keep the process alive. */
const observeGarbage: ObserveGarbage = (report) => {
	const observer = new PerformanceObserver((list) => report(list.getEntries()));
	observer.observe({ entryTypes: ["gc"] });
	return observer;
};

/**
 * Counts garbage collections from now on; Node does not report earlier ones. Each report costs
 * about 0.1 ms, nearly all of it in Node.
 * @param parts.collected called after each group of pauses
 * @param parts.clock milliseconds since the start of the process, and since 1970
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
	/** Stops counting. */
	close(): void;
} {
	let count = 0;
	let forced = 0;
	let pauseTotal = 0;
	let lastEnd = 0;

	const enter = (stops: GarbageStop[]) => {
		if (stops.length === 0) return;
		// use the current wall clock: at boot the agent may start before the clock is set
		const origin = clock.now() - clock.elapsed();
		for (const { startTime, duration, detail } of stops) {
			const { kind = 0, flags = 0 } = detail as {
				kind?: number;
				flags?: number;
			};
			pauseTotal += Math.round(duration * 1e6);
			if (!collections.has(kind)) continue;
			// a number cannot hold nanoseconds since 1970 exactly, but whole milliseconds print as they
			// are
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
