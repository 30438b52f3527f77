import { lookup as systemLookup } from "node:dns";
import { isIPv6, type LookupFunction } from "node:net";
import { loadNativeAddon, type NativeAddon } from "../spawn/native-addon.ts";

/**
 * Resolves a name to its addresses, in order and at least one, or to an error with the code of
 * `dns.lookup`.
 */
export type Resolve = (
	host: string,
	found: (answer: string[] | NodeJS.ErrnoException) => void,
) => void;

interface Limits {
	/** Concurrent look-ups. */
	max: number;
	/** Of these, look-ups of names whose last look-up failed; fewer, to leave room for others. */
	maxDoubtful: number;
}

/** How long a failure is remembered, so that an immediate retry does not wait again. */
const failureMilliseconds = 5_000;

/** Limit of remembered names, as clients choose them. */
const maxNames = 10_000;

function lookupError(code: string, host: string): NodeJS.ErrnoException {
	return Object.assign(new Error(`getaddrinfo ${code} ${host}`), {
		code,
		syscall: "getaddrinfo",
		hostname: host,
	});
}

/** A name whose last look-up failed. */
interface Failure {
	error: NodeJS.ErrnoException;
	/** When it failed, in milliseconds of `now`. */
	at: number;
}

/**
 * Creates a `lookup` function for connections. Concurrent requests for a name share one look-up. A
 * failure is cached for five seconds. Names whose last look-up failed cannot use up all look-ups,
 * so good names do not wait for dead ones.
 * @param parts.now a monotonic clock, in milliseconds
 */
export function createNameLookup(parts: {
	resolve: Resolve;
	limits: Limits;
	now: () => number;
}): LookupFunction {
	const { resolve, limits, now } = parts;
	type Waiting = (answer: string[] | NodeJS.ErrnoException) => void;
	/** Callbacks waiting for each name. */
	const wanted = new Map<string, Waiting[]>();
	const failures = new Map<string, Failure>();
	const queues = { fresh: [] as string[], doubtful: [] as string[] };
	let running = 0;
	let runningDoubtful = 0;

	const remember = (host: string, error: NodeJS.ErrnoException) => {
		failures.delete(host);
		failures.set(host, { error, at: now() });
		const [oldest] = failures.keys();
		if (failures.size > maxNames && oldest !== undefined)
			failures.delete(oldest);
	};

	const start = (host: string, isDoubtful: boolean) => {
		running++;
		if (isDoubtful) runningDoubtful++;
		resolve(host, (answer) => {
			running--;
			if (isDoubtful) runningDoubtful--;
			if (answer instanceof Error) remember(host, answer);
			else failures.delete(host);
			const waiting = wanted.get(host) ?? [];
			wanted.delete(host);
			startNext();
			for (const tell of waiting) tell(answer);
		});
	};

	const startNext = () => {
		while (running < limits.max) {
			const fresh = queues.fresh.shift();
			if (fresh !== undefined) {
				start(fresh, false);
				continue;
			}
			if (runningDoubtful >= limits.maxDoubtful) return;
			const doubtful = queues.doubtful.shift();
			if (doubtful === undefined) return;
			start(doubtful, true);
		}
	};

	const addressesOf = (host: string, tell: Waiting) => {
		const waiting = wanted.get(host);
		if (waiting) {
			waiting.push(tell);
			return;
		}
		const failure = failures.get(host);
		if (failure && now() - failure.at < failureMilliseconds) {
			// always after this function has returned
			setImmediate(tell, failure.error);
			return;
		}
		wanted.set(host, [tell]);
		queues[failure ? "doubtful" : "fresh"].push(host);
		startNext();
	};

	return (hostname, options, callback) =>
		addressesOf(hostname, (answer) => {
			if (answer instanceof Error) return callback(answer, []);
			const family = Number(String(options.family ?? 0).replace("IPv", ""));
			const addresses = answer
				.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
				.filter((one) => family === 0 || one.family === family);
			const [first] = addresses;
			if (!first) return callback(lookupError("ENOTFOUND", hostname), []);
			if (options.all) return callback(null, addresses);
			callback(null, first.address, first.family);
		});
}

/** Resolves through libuv, which runs two look-ups at once. */
const resolveOnPool: Resolve = (host, found) =>
	systemLookup(host, { all: true }, (error, addresses) =>
		found(error ?? addresses.map(({ address }) => address)),
	);

/** Resolves through the addon, each look-up on its own thread. */
const resolveOnThreads =
	(addon: NativeAddon): Resolve =>
	(host, found) => {
		const isStarted = addon.lookup(host, (answer) =>
			found(typeof answer === "string" ? lookupError(answer, host) : answer),
		);
		if (!isStarted) resolveOnPool(host, found);
	};

let shared: LookupFunction | undefined;

/** The look-up shared by all connections of this process. */
export const lookupName: LookupFunction = (hostname, options, callback) => {
	if (!shared) {
		const addon = loadNativeAddon();
		const now = () => performance.now();
		shared =
			"reason" in addon
				? createNameLookup({
						resolve: resolveOnPool,
						limits: { max: 2, maxDoubtful: 1 },
						now,
					})
				: createNameLookup({
						resolve: resolveOnThreads(addon),
						limits: { max: 128, maxDoubtful: 64 },
						now,
					});
	}
	shared(hostname, options, callback);
};
