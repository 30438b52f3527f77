/** What an agent has opened, to be closed in the reverse order: when it stops, and when its start fails. */
export interface Opened {
	/** Says how to close what was just opened. */
	push(close: () => unknown): void;
	/** Closes all of it, one after the other, even where one fails; rejects with the first failure then. */
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
