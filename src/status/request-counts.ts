import type { components } from "../../generated/schema.ts";

/** How many requests were answered lately, for GET /status/request. */
export interface RequestCounts {
	/**
	 * @param path as the contract writes it; undefined: it has no such path
	 * @param status of the answer
	 */
	count(path: string | undefined, status: number): void;
	/**
	 * Those of the current second and of as many before it, in the order in which their paths were first asked for
	 * then; `null` if there were none.
	 */
	last(seconds: 60 | 300): components["schemas"]["RequestCounts"];
}

/** What is not in the contract, all together: the memory needed does not depend on what clients ask for. */
const OTHER = "other";

const KEPT_SECONDS = 300;

type Counts = Map<string, Map<number, number>>;

/** Adds to the count of a path and a status. */
function add(counts: Counts, path: string, status: number, times: number) {
	const statuses = counts.get(path) ?? new Map<number, number>();
	if (statuses.size === 0) counts.set(path, statuses);
	statuses.set(status, (statuses.get(status) ?? 0) + times);
}

/** @param parts.now milliseconds since whenever; where it is set back, the time here goes on from where it was */
export function createRequestCounts({
	now,
}: {
	now: () => number;
}): RequestCounts {
	/** By second, oldest first. */
	const seconds = new Map<number, Counts>();
	let latest = Number.NEGATIVE_INFINITY;
	/** How far the clock was set back, in seconds, all times together. */
	let setBack = 0;

	/** The current second; what is too old is dropped. */
	const turn = (): number => {
		const second = Math.floor(now() / 1000);
		setBack = Math.max(setBack, latest - second);
		if (second + setBack === latest) return latest;
		latest = second + setBack;
		for (const old of seconds.keys()) {
			if (old >= latest - KEPT_SECONDS) break;
			seconds.delete(old);
		}
		return latest;
	};

	return {
		count(path, status) {
			const second = turn();
			const counts: Counts = seconds.get(second) ?? new Map();
			if (counts.size === 0) seconds.set(second, counts);
			add(counts, path ?? OTHER, status, 1);
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
			// an object has keys that are numbers in ascending order
			return [...sums].map(([url, statuses]) => ({
				url,
				counts: Object.fromEntries(statuses),
			}));
		},
	};
}
