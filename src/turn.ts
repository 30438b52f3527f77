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
