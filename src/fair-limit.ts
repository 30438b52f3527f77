/** Nothing came free in time, or too many wait already. */
export class LimitReached extends Error {
	override name = "LimitReached";
	readonly reason: "waited too long" | "too many waiting" | "over the limit";

	constructor(reason: LimitReached["reason"]) {
		super(`limit reached: ${reason}`);
		this.reason = reason;
	}
}

/** Who asks for how much of a limit. */
export interface Wanted {
	/** Clients share the limit among themselves: the address of one, for example. */
	client: string;
	/** Places, or bytes. */
	amount?: number;
	/** How long to wait for it. */
	timeoutMilliseconds: number;
	signal?: AbortSignal;
}

/** What a caller has of a limit. */
export interface Taken {
	readonly amount: number;
	/** Gives a part back, so that this amount is left; never takes more. */
	shrink(amount: number): void;
	/** Gives all of it back; again it does nothing. */
	release(): void;
}

/** A limit of places or bytes that clients share. */
export interface FairLimit {
	/**
	 * Takes an amount, waiting for it if need be.
	 * @throws LimitReached after the time, or at once when too many wait or the amount is over the limit
	 * @throws the signal's reason when it is aborted before
	 */
	acquire(wanted: Wanted): Promise<Taken>;
	/** Takes an amount at once; undefined if that is not possible. */
	tryAcquire(wanted: Pick<Wanted, "client" | "amount">): Taken | undefined;
	/** What there is in all. */
	readonly limit: number;
	/** What is taken now. */
	readonly taken: number;
	/** Callers that wait. */
	readonly waiting: number;
}

interface Waiter {
	client: string;
	amount: number;
	admit: () => void;
}

/**
 * Shares a limit among clients. A client gets at most what the others have left
 * but for a part, so that somebody who comes later does not have to wait for all
 * of it to come free; of those that wait, the one that holds least is served first.
 * @param options.limit places or bytes in all
 * @param options.keptFor one `keptFor`-th of what others have left stays free: 8 by default
 * @param options.maxWaiting callers of a client that may wait, 1000 by default; four times as many of all clients
 */
export function createFairLimit({
	limit,
	keptFor = 8,
	maxWaiting = 1000,
}: {
	limit: number;
	keptFor?: number;
	maxWaiting?: number;
}): FairLimit {
	const held = new Map<string, number>();
	// a Set keeps the order of asking and lets a caller leave from the middle
	const queue = new Set<Waiter>();
	let taken = 0;

	const heldBy = (client: string) => held.get(client) ?? 0;

	const fits = (client: string, amount: number) => {
		if (taken + amount > limit) return false;
		const own = heldBy(client);
		const left = limit - (taken - own);
		// a client that has nothing is never kept waiting for its own good
		return own === 0 || own + amount <= left - Math.floor(left / keptFor);
	};

	const take = (client: string, wanted: number): Taken => {
		taken += wanted;
		held.set(client, heldBy(client) + wanted);
		let amount = wanted;
		const shrink = (to: number) => {
			if (to >= amount) return;
			const back = amount - to;
			amount = to;
			taken -= back;
			const left = heldBy(client) - back;
			if (left > 0) held.set(client, left);
			else held.delete(client);
			serve();
		};
		return {
			get amount() {
				return amount;
			},
			shrink,
			release: () => shrink(0),
		};
	};

	/** The first that fits, of the client that holds least. */
	const next = () => {
		let best: Waiter | undefined;
		for (const waiter of queue) {
			const holdsLess = !best || heldBy(waiter.client) < heldBy(best.client);
			if (holdsLess && fits(waiter.client, waiter.amount)) best = waiter;
		}
		return best;
	};

	const serve = () => {
		for (let best = next(); best; best = next()) best.admit();
	};

	/** A client that has filled its part of the queue takes no places of others in it. */
	const mayWait = (client: string) => {
		if (queue.size >= maxWaiting * 4) return false;
		let own = 0;
		for (const waiter of queue) if (waiter.client === client) own++;
		return own < maxWaiting;
	};

	const tryAcquire: FairLimit["tryAcquire"] = ({ client, amount = 1 }) =>
		fits(client, amount) ? take(client, amount) : undefined;

	return {
		limit,
		get taken() {
			return taken;
		},
		get waiting() {
			return queue.size;
		},
		tryAcquire,
		async acquire({ client, amount = 1, timeoutMilliseconds, signal }) {
			signal?.throwIfAborted();
			const taken = tryAcquire({ client, amount });
			if (taken) return taken;
			if (amount > limit) throw new LimitReached("over the limit");
			if (!mayWait(client)) throw new LimitReached("too many waiting");
			return new Promise((resolve, reject) => {
				const leave = () => {
					queue.delete(waiter);
					clearTimeout(timer);
					signal?.removeEventListener("abort", abort);
				};
				const waiter: Waiter = {
					client,
					amount,
					admit: () => {
						leave();
						resolve(take(client, amount));
					},
				};
				const abort = () => {
					leave();
					reject(signal?.reason);
				};
				const timer = setTimeout(() => {
					leave();
					reject(new LimitReached("waited too long"));
				}, timeoutMilliseconds);
				queue.add(waiter);
				signal?.addEventListener("abort", abort, { once: true });
			});
		},
	};
}
