/**
 * Runs one piece of work after the other, in the order of asking: neither a store
 * nor a file has transactions, and what is read before a write must not change in
 * between.
 */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
	let last: Promise<unknown> = Promise.resolve();
	return (work) => {
		const result = last.then(work);
		last = result.catch(() => {});
		return result;
	};
}

/**
 * Shares the event loop among streams that always have data: whoever has read some asks
 * before it reads on. Those that ask are called in the order of asking, at most `perLoop`
 * of them each time the loop comes round; timers, requests and exits are served in between.
 */
export function createLoopTurns(perLoop: number): (readOn: () => void) => void {
	const waiting: (() => void)[] = [];
	let isPlanned = false;
	const plan = () => {
		if (isPlanned || waiting.length === 0) return;
		isPlanned = true;
		setImmediate(() => {
			isPlanned = false;
			for (const readOn of waiting.splice(0, perLoop)) readOn();
			plan();
		});
	};
	return (readOn) => {
		waiting.push(readOn);
		plan();
	};
}
