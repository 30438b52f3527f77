import { constants, PerformanceObserver } from "node:perf_hooks";

/** One stop of the program for its garbage, as Node reports it; times in milliseconds of `performance.now()`. */
export interface GarbageStop {
	readonly startTime: number;
	readonly duration: number;
	/** `NODE_PERFORMANCE_GC_*` and `NODE_PERFORMANCE_GC_FLAGS_*` of node:perf_hooks. */
	readonly detail?: unknown;
}

/** What tells of the stops: shortly after them, once the event loop turns. */
export type ObserveGarbage = (report: (stops: GarbageStop[]) => void) => {
	/** Those that were not reported yet; they are not reported any more. */
	takeRecords(): GarbageStop[];
	disconnect(): void;
};

/** The clocks by which a stop is dated, in milliseconds. */
export interface GarbageClock {
	/** When `elapsed` was 0, since 1970, as the wall clock stood then. */
	timeOrigin: number;
	/** Since the start of the process; never set. */
	elapsed(): number;
	/** Since 1970. */
	now(): number;
}

/** Collections since the watch began; times in nanoseconds, those of day since 1970 and to the microsecond. */
export interface GarbageFigures {
	/** Of the young and of the old generation. */
	count: number;
	/** Those of them that the program asked for (`gc()`). */
	forced: number;
	/** Of all stops, also of those that only began a collection. */
	pauseTotal: number;
	/** 0 if there was none. */
	lastEnd: number;
	/** The last 256 collections, a ring: the latest is at `(count + 255) % 256`; 0 where there was none yet. */
	pauses: number[];
	/** When they ended, in the same places. */
	ends: number[];
}

const RING = 256;

/** Stops that end a collection; the others only begin one of the old generation, or clean up after it. */
const COLLECTIONS: ReadonlySet<number> = new Set([
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

const systemClock: GarbageClock = {
	timeOrigin: performance.timeOrigin,
	elapsed: () => performance.now(),
	now: () => Date.now(),
};

/** The wall clock was set if it is this far from where the process' own clock puts it. */
const SET_MILLISECONDS = 100;

/**
 * Counts garbage collections from now on: Node does not tell of earlier ones. Being told of one costs about 0.1 ms,
 * nearly all of it in Node.
 * @param parts.collected called after each few of them
 */
export function createGarbageWatch({
	collected = () => {},
	observe = observeGarbage,
	clock = systemClock,
}: {
	collected?: () => void;
	observe?: ObserveGarbage;
	clock?: GarbageClock;
} = {}): {
	read(): GarbageFigures;
	/** Nothing is counted any more. */
	close(): void;
} {
	const pauses = new Array<number>(RING).fill(0);
	const ends = new Array<number>(RING).fill(0);
	let count = 0;
	let forced = 0;
	let pauseTotal = 0;
	let lastEnd = 0;
	/** Stops of a collection of the old generation before its last one, as Go adds them up. */
	let begun = 0;

	/** The origin by the wall clock of today: at boot an agent may be there before the time is. */
	const origin = () => {
		const { timeOrigin } = clock;
		const set = clock.now() - clock.elapsed() - timeOrigin;
		return Math.abs(set) < SET_MILLISECONDS ? timeOrigin : timeOrigin + set;
	};

	const enter = (stops: GarbageStop[]) => {
		if (stops.length === 0) return;
		const since1970 = origin();
		for (const { startTime, duration, detail } of stops) {
			const { kind = 0, flags = 0 } = detail as {
				kind?: number;
				flags?: number;
			};
			let pause = Math.round(duration * 1e6);
			pauseTotal += pause;
			if (!COLLECTIONS.has(kind)) {
				begun += pause;
				continue;
			}
			if (kind === constants.NODE_PERFORMANCE_GC_MAJOR) {
				pause += begun;
				begun = 0;
			}
			// a number has no room for nanoseconds since 1970; whole microseconds it prints as they are
			lastEnd = Math.round((since1970 + startTime + duration) * 1000) * 1000;
			pauses[count % RING] = pause;
			ends[count % RING] = lastEnd;
			count++;
			if (flags & constants.NODE_PERFORMANCE_GC_FLAGS_FORCED) forced++;
		}
		collected();
	};

	const observer = observe(enter);
	return {
		read() {
			enter(observer.takeRecords());
			return {
				count,
				forced,
				pauseTotal,
				lastEnd,
				pauses: [...pauses],
				ends: [...ends],
			};
		},
		close: () => observer.disconnect(),
	};
}
