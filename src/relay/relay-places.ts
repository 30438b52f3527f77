import { Abandoning, type Abandonment } from "../abandonment.ts";
import { AgentError } from "../agent-error.ts";
import { createFairLimit, type FairLimit, type Taken } from "../fair-limit.ts";

/** Limits of concurrent relayed requests. */
export interface RelayLimits {
	/** To one hop. */
	each: number;
	/** In total. */
	all: number;
	/** To one hop that is slow to connect or did not answer, and to all such hops. */
	eachSlow: number;
	allSlow: number;
}

/** A hop that takes longer to connect counts as slow, and gives back the places of others. */
const slowMilliseconds = 1_000;

/** Limit of slow hops remembered without a current request. */
const maxRemembered = 1_000;

/** A request that needs a place. */
export interface Departure {
	/** The hop, for messages. */
	place: string;
	/** Clients share the places. */
	client: string;
	/**
	 * It came through another agent, perhaps this one: it must not wait for a place that another
	 * request holds until this one ends.
	 */
	isNested: boolean;
	/** The longest wait for a place; undefined means no limit. */
	timeoutMilliseconds: number | undefined;
	signal: Abandonment;
}

/** A request that has a place. */
export interface Journey {
	/** Call it when a new connection is being opened. */
	connecting(): void;
	/** Call it when the connection is open. */
	connected(): void;
	/**
	 * Call it when the request is over. A hop that did not answer in time counts as slow until it
	 * answers again.
	 */
	over(outcome: "answered" | "late" | "failed"): void;
}

interface HopPlaces {
	usual: FairLimit;
	slow: FairLimit;
	isSlow: boolean;
	/** Those that wait for one of the slow places, until the hop answers again. */
	recovering: Set<Abandoning>;
	/** Requests that are waiting for a place or have one. */
	users: number;
}

/** Limits the concurrent requests to other agents. */
export interface RelayPlaces {
	/**
	 * Takes a place. Returns a promise if none is free, which rejects with AgentError `relay-busy` if
	 * none becomes free in time.
	 */
	depart(departure: Departure): Journey | Promise<Journey>;
	/** What is relayed now. */
	status(): RelayStatus;
}

/** What is relayed now. */
export interface RelayStatus {
	/** Requests that have a place or wait for one. */
	requests: number;
	/** Hops that were slow the last time, the latest ones of many. */
	slowHops: string[];
}

/** Limit of slow hops in the status. */
const maxShown = 20;

/**
 * Creates the places. Dead and slow hops have separate ones, so that they do not use up those of
 * the others.
 */
export function createRelayPlaces(limits: RelayLimits): RelayPlaces {
	const all = createFairLimit({ limit: limits.all });
	const allSlow = createFairLimit({ limit: limits.allSlow });
	const hops = new Map<string, HopPlaces>();

	const hopAt = (place: string): HopPlaces => {
		const known = hops.get(place) ?? {
			usual: createFairLimit({ limit: limits.each }),
			slow: createFairLimit({ limit: limits.eachSlow }),
			isSlow: false,
			recovering: new Set<Abandoning>(),
			users: 0,
		};
		hops.set(place, known);
		return known;
	};

	const forget = (place: string, hop: HopPlaces) => {
		if (hop.users > 0) return;
		if (!hop.isSlow || hops.size > maxRemembered) hops.delete(place);
	};

	const waitFor = async (
		limit: FairLimit,
		{ client, isNested, signal }: Departure,
		deadline: number,
	): Promise<Taken | undefined> => {
		if (isNested) return undefined;
		const timeoutMilliseconds = Math.max(0, deadline - performance.now());
		return limit
			.acquire({ client, timeoutMilliseconds, signal })
			.catch(() => undefined);
	};

	/** Waits for one of the slow places of a hop, but no longer than until the hop answers again. */
	const waitWhileSlow = async (
		hop: HopPlaces,
		departure: Departure,
		deadline: number,
	): Promise<Taken | undefined> => {
		const { signal } = departure;
		const ended = new Abandoning();
		const end = () => ended.abort();
		if (signal.aborted) end();
		signal.addEventListener("abort", end);
		hop.recovering.add(ended);
		try {
			return await waitFor(hop.slow, { ...departure, signal: ended }, deadline);
		} finally {
			hop.recovering.delete(ended);
			signal.removeEventListener("abort", end);
		}
	};

	/** Begins a journey that has both places. */
	const begin = (
		{ place, client }: Departure,
		hop: HopPlaces,
		wasSlow: boolean,
		own: Taken,
		taken: Taken,
	): Journey => {
		let shared: Taken | undefined = taken;
		let slowness: NodeJS.Timeout | undefined;
		const slow = () => {
			hop.isSlow = true;
			if (wasSlow) return;
			shared?.release();
			shared = allSlow.tryAcquire({ client });
		};
		let isOver = false;
		return {
			connecting: () => {
				slowness ??= setTimeout(slow, slowMilliseconds);
			},
			connected: () => clearTimeout(slowness),
			over: (outcome) => {
				if (isOver) return;
				isOver = true;
				clearTimeout(slowness);
				if (outcome !== "failed") hop.isSlow = outcome === "late";
				if (!hop.isSlow) for (const one of hop.recovering) one.abort();
				own.release();
				shared?.release();
				hop.users--;
				forget(place, hop);
			},
		};
	};

	/** Waits for the places of a request that are not free. */
	const wait = async (
		departure: Departure,
		hop: HopPlaces,
		wasSlow: boolean,
		taken: Taken | undefined,
	): Promise<Journey> => {
		const { place, timeoutMilliseconds, signal } = departure;
		// limited to what a timer can hold
		const patience = Math.min(timeoutMilliseconds ?? 2 ** 31 - 1, 2 ** 31 - 1);
		const deadline = performance.now() + patience;
		let own = taken;
		if (!own && wasSlow) own = await waitWhileSlow(hop, departure, deadline);
		const isSlow = wasSlow && (own !== undefined || hop.isSlow);
		if (!own && !isSlow) own = await waitFor(hop.usual, departure, deadline);
		const pool = isSlow ? allSlow : all;
		const shared =
			own &&
			(pool.tryAcquire(departure) ??
				(await waitFor(pool, departure, deadline)));
		if (own && shared) return begin(departure, hop, isSlow, own, shared);
		own?.release();
		hop.users--;
		forget(place, hop);
		if (signal.aborted) throw signal.reason;
		throw new AgentError(
			"relay-busy",
			own
				? `${pool.taken} relayed requests are in progress`
				: `${place}: ${(isSlow ? hop.slow : hop.usual).taken} requests to it are in progress`,
		);
	};

	return {
		depart(departure) {
			const hop = hopAt(departure.place);
			hop.users++;
			const wasSlow = hop.isSlow;
			const own = (wasSlow ? hop.slow : hop.usual).tryAcquire(departure);
			const shared = own && (wasSlow ? allSlow : all).tryAcquire(departure);
			return own && shared
				? begin(departure, hop, wasSlow, own, shared)
				: wait(departure, hop, wasSlow, own);
		},
		status: () => ({
			requests: [...hops.values()].reduce((sum, { users }) => sum + users, 0),
			slowHops: [...hops]
				.filter(([, { isSlow }]) => isSlow)
				.map(([place]) => place)
				.slice(-maxShown),
		}),
	};
}
