import type { Abandonment } from "./abandonment.ts";
/** Nothing became free in time, or too many are already waiting. */
export class LimitReached extends Error {
	override name = "LimitReached";
	readonly reason: "waited too long" | "too many waiting" | "over the limit";

	constructor(reason: LimitReached["reason"]) {
		super(`limit reached: ${reason}`);
		this.reason = reason;
	}
}

/** A request for a part of a limit. */
export interface Wanted {
	/** The client, for example its address; the limit is shared among clients. */
	client: string;
	/** Places or bytes; 1 by default. */
	amount?: number;
	/** The longest wait. */
	timeoutMilliseconds: number;
	signal?: Abandonment;
}

/** A part of a limit that a caller has taken. */
export interface Taken {
	readonly amount: number;
	/** Gives back all but this amount; never takes more. */
	shrink(amount: number): void;
	/** Gives everything back; a second call has no effect. */
	release(): void;
}

/** A limit of places or bytes that clients share. */
export interface FairLimit {
	/**
	 * Takes an amount, waiting for it if necessary.
	 * @throws LimitReached after the time, or at once if too many are waiting or the amount exceeds
	 * the limit
	 * @throws the signal's reason if it is aborted first
	 */
	acquire(wanted: Wanted): Promise<Taken>;
	/** Takes an amount at once; undefined if it is not available. */
	tryAcquire(wanted: Pick<Wanted, "client" | "amount">): Taken | undefined;
	/** The total. */
	readonly limit: number;
	/** The amount currently taken. */
	readonly taken: number;
	/** Callers currently waiting. */
	readonly waiting: number;
}

class Share implements Taken {
	amount: number;
	readonly #client: string;
	readonly #giveBack: (client: string, amount: number) => void;

	constructor(
		client: string,
		amount: number,
		giveBack: (client: string, amount: number) => void,
	) {
		this.#client = client;
		this.amount = amount;
		this.#giveBack = giveBack;
	}

	shrink(amount: number): void {
		const back = this.amount - amount;
		if (back <= 0) return;
		this.amount = amount;
		this.#giveBack(this.#client, back);
	}

	release(): void {
		this.shrink(0);
	}
}

interface Waiter {
	client: string;
	amount: number;
	admit: () => void;
}

/**
 * Shares a limit among clients. A client gets at most what the others have left, less a reserve, so
 * that a newcomer does not have to wait until all of it is free. Of those waiting, the client that
 * holds least is served first.
 * @param options.limit the total of places or bytes
 * @param options.keptFor the reserve is one `keptFor`-th of what others have left (default 8)
 * @param options.maxWaiting waiting callers of one client (default 1000); four times as many of all
 * clients
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
	// a Set, which keeps the order and allows removal from the middle
	const queue = new Set<Waiter>();
	let taken = 0;

	const heldBy = (client: string) => held.get(client) ?? 0;

	const fits = (client: string, amount: number) => {
		if (taken + amount > limit) return false;
		const own = heldBy(client);
		const left = limit - (taken - own);
		// the reserve does not apply to a client that holds nothing
		return own === 0 || own + amount <= left - Math.floor(left / keptFor);
	};

	const giveBack = (client: string, amount: number) => {
		taken -= amount;
		const left = heldBy(client) - amount;
		if (left > 0) held.set(client, left);
		else held.delete(client);
		if (queue.size > 0) serve();
	};

	const take = (client: string, amount: number): Taken => {
		taken += amount;
		held.set(client, heldBy(client) + amount);
		return new Share(client, amount, giveBack);
	};

	/** The first waiter that fits, of the client that holds least. */
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

	/** Limits each client's part of the queue, so that one cannot fill it. */
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
			if (signal?.aborted) throw signal.reason;
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
				signal?.addEventListener("abort", abort);
			});
		},
	};
}
