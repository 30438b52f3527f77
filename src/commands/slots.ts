/** No slot came free in time, or too many are waiting already. */
export class NoSlotError extends Error {
	override name = "NoSlotError";
	readonly reason: "waited too long" | "too many waiting";

	constructor(reason: NoSlotError["reason"]) {
		super(`no free slot: ${reason}`);
		this.reason = reason;
	}
}

export interface Slots {
	/**
	 * Takes a slot, in the order of asking.
	 * @returns the function that gives the slot back; calling it again does nothing
	 * @throws NoSlotError after `timeoutMilliseconds` of waiting, or at once when the queue is full
	 * @throws the signal's reason when it is aborted before a slot is there
	 */
	acquire(wait: {
		timeoutMilliseconds: number;
		signal?: AbortSignal;
	}): Promise<() => void>;
	/** Slots taken. */
	readonly running: number;
	/** Callers in the queue. */
	readonly waiting: number;
}

/** Lets `limit` holders in at once; up to `waiting` more (default 1000) wait in line. */
export function createSlots({
	limit,
	waiting: waitingLimit = 1000,
}: {
	limit: number;
	waiting?: number;
}): Slots {
	// a Set keeps the order of insertion and lets an aborted caller leave from the middle
	const queue = new Set<() => void>();
	let running = 0;

	const take = () => {
		running++;
		let taken = true;
		return () => {
			if (!taken) return;
			taken = false;
			running--;
			const [first] = queue;
			first?.();
		};
	};

	return {
		get running() {
			return running;
		},
		get waiting() {
			return queue.size;
		},
		async acquire({ timeoutMilliseconds, signal }) {
			signal?.throwIfAborted();
			if (running < limit) return take();
			if (queue.size >= waitingLimit) throw new NoSlotError("too many waiting");
			return new Promise((resolve, reject) => {
				const leave = () => {
					queue.delete(admit);
					clearTimeout(timer);
					signal?.removeEventListener("abort", abort);
				};
				const admit = () => {
					leave();
					resolve(take());
				};
				const abort = () => {
					leave();
					reject(signal?.reason);
				};
				const timer = setTimeout(() => {
					leave();
					reject(new NoSlotError("waited too long"));
				}, timeoutMilliseconds);
				queue.add(admit);
				signal?.addEventListener("abort", abort, { once: true });
			});
		},
	};
}
