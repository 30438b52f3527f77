import { Session } from "node:inspector";
import { getHeapStatistics, setFlagsFromString } from "node:v8";

/**
 * V8's heap. `size` is in bytes; `collect` calls `done` after the collection; `busyShare` says how
 * busy the event loop was since the last call, from 0 to 1.
 */
export function processHeap() {
	let last = performance.eventLoopUtilization();
	return {
		size: () => getHeapStatistics().total_heap_size,
		collect: (done: () => void) => {
			// gc() keeps the pages; only this collects as if memory were low
			const session = new Session();
			session.connect();
			session.post("HeapProfiler.collectGarbage", () => {
				// disconnecting in the callback itself would deadlock
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
 * Has V8 collect garbage when the heap has doubled since the last collection. By default V8 of
 * Node.js 20 and 22 waits until it has quadrupled: if much happened to be alive at one collection,
 * garbage filled hundreds of megabytes before the next (decision 74).
 */
export function limitHeapGrowth(): void {
	setFlagsFromString("--heap-growing-percent=100");
}

/**
 * Collects garbage when the process has been quiet for ten polls after startup or after a burst of
 * requests, if the heap has grown by 8 MiB or more. A collection stops the daemon for a moment, so
 * at least 600 polls lie between two, except after the one that follows startup (decision 22). A
 * trickle of requests is no burst.
 */
export function returnMemory(heap = processHeap(), pollMilliseconds = 1000) {
	// heap size after the last collection, or less if V8 has shrunk the heap by itself
	let settled = 0;
	let [isStart, wasBusy, quietPolls, pollsToWait] = [true, true, 0, 0];
	const poll = () => {
		const isBusy = heap.busyShare() > 0.1;
		const size = heap.size();
		settled = Math.min(settled, size);
		wasBusy ||= isBusy;
		quietPolls = isBusy ? 0 : quietPolls + 1;
		pollsToWait--;
		if (!wasBusy || quietPolls < 10 || pollsToWait > 0) return;
		if (size - settled < 8 * 1024 * 1024) return;
		wasBusy = false;
		pollsToWait = Number.POSITIVE_INFINITY;
		heap.collect(() => {
			settled = heap.size();
			pollsToWait = isStart ? 0 : 600;
			isStart = false;
		});
	};
	const timer = setInterval(poll, pollMilliseconds).unref();
	return { stop: () => clearInterval(timer) };
}
