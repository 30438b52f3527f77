import type { TestContext } from "node:test";

/** What a test's context is for what has to be ended, where there is no test, or where it lasts longer than one. */
export interface Scope extends Pick<TestContext, "after"> {
	/**
	 * Ends what was handed to `after`, the last first: a directory goes after the
	 * program that writes into it. All of it, whatever fails; throws the first failure.
	 */
	end(): Promise<void>;
}

export function createScope(): Scope {
	const ends: (() => unknown)[] = [];
	return {
		after: (end) => {
			ends.push(end as () => unknown);
		},
		end: async () => {
			const failures: unknown[] = [];
			for (const end of ends.splice(0).reverse())
				try {
					await end();
				} catch (error) {
					failures.push(error);
				}
			if (failures.length > 0) throw failures[0];
		},
	};
}
