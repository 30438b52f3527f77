/**
 * Runs pieces of work one at a time, in order. Neither the store nor files have transactions, and
 * data read before a write must not change in between.
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
 * Shares the event loop among streams that always have data. A stream asks before it reads on, and
 * is called back in order, at most `perLoop` streams in each turn of the event loop. Timers,
 * requests and exits are handled in between.
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
