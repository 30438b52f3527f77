import type { components } from "../../generated/schema.ts";

/** Counts recent requests, for GET /status/request. */
export interface RequestCounts {
	/**
	 * @param path as in the contract; undefined if it has no such path
	 * @param status of the answer
	 */
	count(path: string | undefined, status: number): void;
	/**
	 * Counts of the current second and the 60 or 300 seconds before it, ordered by each path's first
	 * request in that window; `null` if there were none.
	 */
	last(seconds: 60 | 300): components["schemas"]["RequestCounts"];
}

/**
 * Collects all paths not in the contract, so that memory use does not depend on what clients
 * request.
 */
const otherPath = "other";

const keptSeconds = 300;

type Counts = Map<string, Map<number, number>>;

/** Adds to the count of a path and a status. */
function add(counts: Counts, path: string, status: number, times: number) {
	const statuses = counts.get(path) ?? new Map<number, number>();
	if (statuses.size === 0) counts.set(path, statuses);
	statuses.set(status, (statuses.get(status) ?? 0) + times);
}

/** @param parts.now milliseconds, arbitrary origin; backward steps of the clock are ignored */
export function createRequestCounts({
	now,
}: {
	now: () => number;
}): RequestCounts {
	/** By second, oldest first. */
	const seconds = new Map<number, Counts>();
	let latest = Number.NEGATIVE_INFINITY;
	/** Total seconds by which the clock was set back. */
	let setBack = 0;

	/** The current second; also drops seconds outside the longest window. */
	const turn = (): number => {
		const second = Math.floor(now() / 1000);
		setBack = Math.max(setBack, latest - second);
		if (second + setBack === latest) return latest;
		latest = second + setBack;
		for (const old of seconds.keys()) {
			if (old >= latest - keptSeconds) break;
			seconds.delete(old);
		}
		return latest;
	};

	return {
		count(path, status) {
			const second = turn();
			const counts: Counts = seconds.get(second) ?? new Map();
			if (counts.size === 0) seconds.set(second, counts);
			add(counts, path ?? otherPath, status, 1);
		},
		last(window) {
			const from = turn() - window;
			const sums: Counts = new Map();
			for (const [second, counts] of seconds) {
				if (second < from) continue;
				for (const [path, statuses] of counts)
					for (const [status, times] of statuses)
						add(sums, path, status, times);
			}
			if (sums.size === 0) return null;
			// integer keys of an object come in ascending order
			return [...sums].map(([url, statuses]) => ({
				url,
				counts: Object.fromEntries(statuses),
			}));
		},
	};
}
