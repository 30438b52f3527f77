import type { Abandonment } from "../abandonment.ts";
import type { Limits } from "../policy/call.ts";

/** A call has not got its turn in time. */
export class Throttled extends Error {
	override name = "Throttled";
	/** When a call could get its turn, in whole seconds from now. */
	readonly retryAfterSeconds: number;

	/** @param limit in words */
	constructor(limit: string, retryAfterSeconds: number) {
		super(`over ${limit}`);
		this.retryAfterSeconds = retryAfterSeconds;
	}
}

/** How long a call can wait for its turn. */
export interface Patience {
	milliseconds: number;
	/** Aborted when the client disconnects. */
	signal: Abandonment;
}

/** Delays calls so that they keep the limits of their rules. */
export interface Throttle {
	/**
	 * Waits for the turn of a call.
	 * @param key calls with the same key share the limits
	 * @returns what to call once, when the call has ended
	 * @throws Throttled if the turn does not come in time, and the signal's reason if it is aborted
	 */
	enter(key: string, limits: Limits, patience: Patience): Promise<() => void>;
	/** Forgets keys that nothing runs or waits for; call it when the rules have changed. */
	forget(): void;
}

interface Waiter {
	limit: number;
	admit: () => void;
}

/** The calls of one key. */
interface Line {
	/** When the next call is due if calls keep the rate exactly, in milliseconds. */
	nextAt: number;
	running: number;
	waiting: Set<Waiter>;
}

/** Limit of calls that wait for one key's place, as each holds a connection. */
const maxWaiting = 1_000;

const nothing = () => {};

const shown = (perSecond: number) =>
	perSecond >= 1
		? `${Number(perSecond.toFixed(2))} calls a second`
		: `${Number((perSecond * 60).toFixed(2))} calls a minute`;

/**
 * @param elapsed monotonic clock in milliseconds
 */
export function createThrottle(
	elapsed: () => number = () => performance.now(),
): Throttle {
	const lines = new Map<string, Line>();

	const lineOf = (key: string) => {
		const line = lines.get(key) ?? {
			nextAt: 0,
			running: 0,
			waiting: new Set(),
		};
		lines.set(key, line);
		return line;
	};

	/** Waits until the rate allows another call. A second's worth of calls may come at once. */
	const keepRate = async (line: Line, rate: number, patience: Patience) => {
		const interval = 1000 / rate;
		const burst = Math.max(1, Math.ceil(rate));
		const now = elapsed();
		const nextAt = Math.max(line.nextAt, now);
		const wait = nextAt - (burst - 1) * interval - now;
		if (wait > patience.milliseconds)
			throw new Throttled(`the rate of ${shown(rate)}`, Math.ceil(wait / 1000));
		// a client that leaves does not get its turn back: it could leave and come again
		line.nextAt = nextAt + interval;
		if (wait > 0) await waiting(wait, patience.signal);
	};

	const leave = (line: Line) => {
		line.running--;
		for (const waiter of line.waiting)
			if (line.running < waiter.limit) waiter.admit();
	};

	/** Waits for one of the places of calls in progress, in the order of arrival. */
	const takePlace = (line: Line, limit: number, patience: Patience) =>
		new Promise<void>((resolve, reject) => {
			const full = () =>
				new Throttled(`the limit of ${limit} calls at once`, 1);
			// whoever still waits could not run: its limit is smaller, by another rule or an older policy
			if (line.running < limit) {
				line.running++;
				return resolve();
			}
			if (line.waiting.size >= maxWaiting) return reject(full());
			const { signal } = patience;
			const over = () => {
				line.waiting.delete(waiter);
				clearTimeout(timer);
				signal.removeEventListener("abort", abort);
			};
			const abort = () => {
				over();
				reject(signal.reason);
			};
			const waiter: Waiter = {
				limit,
				admit: () => {
					over();
					line.running++;
					resolve();
				},
			};
			const timer = setTimeout(() => {
				over();
				reject(full());
			}, patience.milliseconds);
			line.waiting.add(waiter);
			signal.addEventListener("abort", abort);
		});

	return {
		async enter(key, { rate, atOnce }, patience) {
			if (rate === undefined && atOnce === undefined) return nothing;
			if (patience.signal.aborted) throw patience.signal.reason;
			const line = lineOf(key);
			const until = elapsed() + patience.milliseconds;
			if (rate !== undefined) await keepRate(line, rate, patience);
			if (atOnce === undefined) return nothing;
			const milliseconds = Math.max(0, until - elapsed());
			await takePlace(line, atOnce, { ...patience, milliseconds });
			let isOver = false;
			return () => {
				if (isOver) return;
				isOver = true;
				leave(line);
			};
		},
		forget() {
			const now = elapsed();
			for (const [key, { nextAt, running, waiting }] of lines)
				if (nextAt <= now && running === 0 && waiting.size === 0)
					lines.delete(key);
		},
	};
}

/** Resolves after a time; rejects with the signal's reason if it is aborted first. */
function waiting(milliseconds: number, signal: Abandonment): Promise<void> {
	return new Promise((resolve, reject) => {
		const abort = () => {
			clearTimeout(timer);
			reject(signal.reason);
		};
		const timer = setTimeout(() => {
			signal.removeEventListener("abort", abort);
			resolve();
		}, milliseconds);
		signal.addEventListener("abort", abort);
	});
}
