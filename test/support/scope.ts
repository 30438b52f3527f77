import type { TestContext } from "node:test";

/** Stands in for a test's context, to clean up resources that outlive a test or have none. */
export interface Scope extends Pick<TestContext, "after"> {
	/**
	 * Runs the functions given to `after`, the last first, so that a directory is removed after the
	 * program that writes into it. Runs all of them even if some fail; then throws the first error.
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
