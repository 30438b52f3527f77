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
 * is called back, at most `perLoop` streams in each turn of the event loop: clients take turns, and
 * the streams of one client come in order. Timers, requests and exits are handled in between.
 */
export function createLoopTurns(
	perLoop: number,
): (readOn: () => void, client?: string) => void {
	const waiting = new Map<string, (() => void)[]>();
	let isPlanned = false;
	const next = () => {
		const [entry] = waiting;
		if (!entry) return undefined;
		const [client, own] = entry;
		waiting.delete(client);
		const first = own.shift();
		// behind the other clients
		if (own.length > 0) waiting.set(client, own);
		return first;
	};
	const plan = () => {
		if (isPlanned || waiting.size === 0) return;
		isPlanned = true;
		setImmediate(() => {
			isPlanned = false;
			const now: (() => void)[] = [];
			while (now.length < perLoop) {
				const readOn = next();
				if (!readOn) break;
				now.push(readOn);
			}
			// streams that ask again meanwhile wait for the next turn
			for (const readOn of now) readOn();
			plan();
		});
	};
	return (readOn, client = "") => {
		const own = waiting.get(client);
		if (own) own.push(readOn);
		else waiting.set(client, [readOn]);
		plan();
	};
}
