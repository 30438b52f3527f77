/** What an agent has opened, to close in reverse order when it stops or when startup fails. */
export interface Opened {
	/** Adds a function that closes what was just opened. */
	push(close: () => unknown): void;
	/**
	 * Closes everything, one after the other, even if one fails; then rejects with the first
	 * failure.
	 */
	unwind(): Promise<void>;
}

export function createOpened(): Opened {
	const closers: (() => unknown)[] = [];
	let unwinding: Promise<void> | undefined;
	const unwind = async () => {
		const failures: unknown[] = [];
		for (let close = closers.pop(); close; close = closers.pop())
			try {
				await close();
			} catch (error) {
				failures.push(error);
			}
		if (failures.length > 0) throw failures[0];
	};
	return {
		push: (close) => {
			closers.push(close);
		},
		unwind: () => {
			unwinding ??= unwind();
			return unwinding;
		},
	};
}
