import { Session } from "node:inspector";
import { performance } from "node:perf_hooks";
import { getHeapStatistics } from "node:v8";

const lookMilliseconds = 1_000;

/** The part of the time between two looks that a daemon is at work at most when it is quiet. */
const quietShare = 0.1;

/** Looks in a row that find it quiet before anything is done. */
const quietLooks = 10;

/**
 * Between two collections, the start's aside. Each takes compiled code with it that the next burst has to make anew:
 * when every burst had to, a small request took twice the CPU and a check a quarter more (measured).
 */
const pauseMilliseconds = 600_000;

/** What the heap must have grown by: a collection stops the daemon for 60 to 95 ms (measured, two cores at work). */
const worthBytes = 8 * 1024 * 1024;

/** What there is to look at, and to do. */
export interface Heap {
	/** Bytes that V8 has from the system. */
	size(): number;
	/** Collects all garbage and gives back what it held, then calls back. */
	collect(done: () => void): void;
	/** Part of the time since it was last asked that the event loop was at work. */
	busyShare(): number;
	/** Milliseconds of any clock that does not go back. */
	now(): number;
}

/** V8's heap, and Node's event loop. */
export function processHeap(): Heap {
	let last = performance.eventLoopUtilization();
	return {
		size: () => getHeapStatistics().total_heap_size,
		// gc() keeps the pages: only this collects as if memory were low
		collect: (done) => {
			const session = new Session();
			session.connect();
			session.post("HeapProfiler.collectGarbage", () => {
				// within its own answer it would wait for itself for ever
				setImmediate(() => session.disconnect());
				done();
			});
		},
		busyShare: () => {
			const now = performance.eventLoopUtilization();
			const { utilization } = performance.eventLoopUtilization(now, last);
			last = now;
			return utilization;
		},
		now: () => performance.now(),
	};
}

/**
 * Gives memory back once the start, or a burst of requests, is over for ten
 * seconds. V8 keeps what it once needed, most of it garbage and free pages, until
 * it needs memory again, which the others on this machine may do first. While the
 * daemon works V8 collects as it likes, so that nothing takes longer.
 * @param lookEvery milliseconds between two looks
 */
export function returnMemory(
	heap: Heap = processHeap(),
	lookEvery = lookMilliseconds,
): { stop(): void } {
	/** After the last collection, or less where V8 gave some back by itself. */
	let settled = 0;
	let isCollecting = false;
	/** The start is the first burst. A steady trickle of requests is none, and is not stopped for. */
	let wasBusy = true;
	let isStart = true;
	let quiet = 0;
	let last = Number.NEGATIVE_INFINITY;
	const look = () => {
		const isQuiet = heap.busyShare() <= quietShare;
		const size = heap.size();
		settled = Math.min(settled, size);
		quiet = isQuiet ? quiet + 1 : 0;
		if (!isQuiet) wasBusy = true;
		if (isCollecting || !wasBusy || quiet < quietLooks) return;
		if (size - settled < worthBytes) return;
		if (heap.now() - last < pauseMilliseconds) return;
		if (!isStart) last = heap.now();
		isStart = false;
		wasBusy = false;
		isCollecting = true;
		heap.collect(() => {
			isCollecting = false;
			settled = heap.size();
		});
	};
	const timer = setInterval(look, lookEvery).unref();
	return { stop: () => clearInterval(timer) };
}
