import { Session } from "node:inspector";
import { getHeapStatistics } from "node:v8";

/** V8's heap: its size in bytes, a collection, and how busy the event loop was since it was last asked, 0 to 1. */
export function processHeap() {
	let last = performance.eventLoopUtilization();
	return {
		size: () => getHeapStatistics().total_heap_size,
		collect: (done: () => void) => {
			// gc() keeps the pages: only this collects as if memory were low
			const session = new Session();
			session.connect();
			session.post("HeapProfiler.collectGarbage", () => {
				// within its own answer it would wait for itself for ever
				setImmediate(() => session.disconnect());
				done();
			});
		},
		busyShare: () => {
			const before = last;
			last = performance.eventLoopUtilization();
			return performance.eventLoopUtilization(last, before).utilization;
		},
	};
}

/**
 * Gives 8 MiB or more back once the start, or a burst of requests, has been over for ten looks, milliseconds apart. As a
 * collection stops the daemon, 600 looks lie between two, the start's aside (decision 22). A trickle is no burst.
 */
export function returnMemory(heap = processHeap(), lookEvery = 1000) {
	// of the heap after the last collection, or less where V8 gave some back by itself
	let settled = 0;
	let [isStart, wasBusy, quietLooks, looksToWait] = [true, true, 0, 0];
	const look = () => {
		const isBusy = heap.busyShare() > 0.1;
		const size = heap.size();
		settled = Math.min(settled, size);
		wasBusy ||= isBusy;
		quietLooks = isBusy ? 0 : quietLooks + 1;
		looksToWait--;
		if (!wasBusy || quietLooks < 10 || looksToWait > 0) return;
		if (size - settled < 8 * 1024 * 1024) return;
		wasBusy = false;
		looksToWait = Number.POSITIVE_INFINITY;
		heap.collect(() => {
			settled = heap.size();
			looksToWait = isStart ? 0 : 600;
			isStart = false;
		});
	};
	const timer = setInterval(look, lookEvery).unref();
	return { stop: () => clearInterval(timer) };
}
