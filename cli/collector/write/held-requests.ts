import { pause } from "./store-gate.ts";
import type { StoreWatch } from "./store-watch.ts";

/** A request that the store has accepted and may still lose. */
export interface Held {
	body: Uint8Array;
	samples: number;
	/** The process that has accepted it; undefined if that is not known for sure. */
	process: number | undefined;
	/** Monotonic milliseconds. */
	acceptedAt: number;
	/** Called once the store will not lose it any more. */
	durable(): void;
	/** Called if it has to be written again. */
	again(): void;
}

/** Keeps requests until the store has written them to its disk. */
export class HeldRequests {
	readonly #watch: StoreWatch;
	readonly #elapsed: () => number;
	readonly #signal: AbortSignal;
	readonly #held = new Set<Held>();
	#isWatching = false;

	constructor(parts: {
		watch: StoreWatch;
		elapsed: () => number;
		signal: AbortSignal;
	}) {
		this.#watch = parts.watch;
		this.#elapsed = parts.elapsed;
		this.#signal = parts.signal;
	}

	get samples(): number {
		let samples = 0;
		for (const held of this.#held) samples += held.samples;
		return samples;
	}

	/** When the oldest one was accepted. */
	get oldestAt(): number | undefined {
		const [oldest] = this.#held;
		return oldest?.acceptedAt;
	}

	add(held: Held): void {
		if (this.#watch.promise !== "restart-checked") {
			held.durable();
			return;
		}
		this.#held.add(held);
		if (this.#isWatching) return;
		this.#isWatching = true;
		void this.#follow();
	}

	/** Reads the store's start time whenever the oldest request is due. */
	async #follow(): Promise<void> {
		for (;;) {
			const [oldest] = this.#held;
			if (!oldest || this.#signal.aborted) break;
			const wait = this.#watch.ackAfterMilliseconds;
			const due = oldest.acceptedAt + wait - this.#elapsed();
			// a few readings for each wait, however many requests there are
			const atLeast = Math.min(2_000, wait / 10);
			await pause(Math.max(due, atLeast), this.#signal);
			if (this.#signal.aborted) break;
			await this.#check(wait);
		}
		this.#isWatching = false;
	}

	async #check(wait: number): Promise<void> {
		const readAt = this.#elapsed();
		// a store that does not answer says nothing
		if (!(await this.#watch.read())) return;
		const isChecked = this.#watch.promise === "restart-checked";
		const process = this.#watch.page?.startedAt;
		for (const held of this.#held) {
			const isSame = isChecked && held.process === process;
			if (isSame && held.acceptedAt + wait > readAt) continue;
			this.#held.delete(held);
			if (isSame) held.durable();
			else held.again();
		}
	}
}
