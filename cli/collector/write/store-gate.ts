import { setTimeout as sleep } from "node:timers/promises";
import type { StoreAnswer } from "./store.ts";

/** Requests to a store at a time, and how many of them may have late samples. */
const maxInFlight = 4;
const maxLateInFlight = 2;

/** Server errors in a row, without a success among them, that mean trouble of the store and not of a request. */
const errorsOfStore = 8;

/** Pause after so many failures in a row, in milliseconds: half a second at first, at most half a minute. */
const backoff = (failures: number): number =>
	Math.min(30_000, 250 * 2 ** Math.min(failures, 10)) * (0.5 + Math.random());

/** The pause before a request is sent again after this many failures. */
export const pauseBefore = (
	failures: number,
	{ retryAfterMilliseconds = 0 }: Pick<StoreAnswer, "retryAfterMilliseconds">,
): number => Math.max(retryAfterMilliseconds, backoff(failures));

/** Waits, or until the signal is aborted. */
export const pause = (milliseconds: number, signal: AbortSignal) =>
	sleep(milliseconds, undefined, { signal }).then(
		() => {},
		() => {},
	);

/** A request that waits for its turn. */
interface Waiting {
	isLate: boolean;
	enter(): void;
}

/**
 * Lets requests through to a store: a few at a time, one if it is in trouble, and none while it is
 * given time to recover.
 */
export class StoreGate {
	readonly #waiting: Waiting[] = [];
	readonly #elapsed: () => number;
	#inFlight = 0;
	#lateInFlight = 0;
	#failures = 0;
	#errors = 0;
	#failedAt = 0;
	#opensAt = 0;
	/** Requests that the store has accepted. */
	passes = 0;

	constructor(elapsed: () => number) {
		this.#elapsed = elapsed;
	}

	/** Whether the store's last answer was not a failure of its own. */
	get isOpen(): boolean {
		return this.#failures === 0;
	}

	/** How long to wait before the next request. */
	get closedMilliseconds(): number {
		return Math.max(0, this.#opensAt - this.#elapsed());
	}

	/** Waits for a place; call leave() afterwards. */
	enter(isLate: boolean): Promise<void> {
		return new Promise((enter) => {
			this.#waiting.push({ isLate, enter });
			this.#next();
		});
	}

	leave(isLate: boolean): void {
		this.#inFlight--;
		if (isLate) this.#lateInFlight--;
		this.#next();
	}

	#next(): void {
		while (this.#inFlight < (this.isOpen ? maxInFlight : 1)) {
			const at = this.#waiting.findIndex(
				({ isLate }) => !isLate || this.#lateInFlight < maxLateInFlight,
			);
			const [next] = at === -1 ? [] : this.#waiting.splice(at, 1);
			if (!next) return;
			this.#inFlight++;
			if (next.isLate) this.#lateInFlight++;
			next.enter();
		}
	}

	/** The store has accepted a request. */
	accepted(): void {
		this.passes++;
		this.alive();
		this.#errors = 0;
	}

	/** The store works: it has refused a request. */
	alive(): void {
		this.#failures = 0;
		this.#opensAt = 0;
		this.#next();
	}

	/**
	 * The store has failed.
	 * @param answer undefined if its page could not be read
	 * @param sentAt when the request was sent: several that fail together count once
	 */
	failed(answer: StoreAnswer | undefined, sentAt: number): void {
		if (answer?.status === 500 && ++this.#errors < errorsOfStore) return;
		if (sentAt < this.#failedAt) return;
		this.#failedAt = this.#elapsed();
		this.#opensAt =
			this.#failedAt +
			pauseBefore(++this.#failures, {
				retryAfterMilliseconds: answer?.retryAfterMilliseconds,
			});
	}
}
