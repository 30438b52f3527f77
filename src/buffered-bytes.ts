import { AgentError } from "./agent-error.ts";
import { type FairLimit, LimitReached, type Taken } from "./fair-limit.ts";
import type { Call } from "./operation.ts";

/** The bytes that a request has in memory, counted against the budget of all requests. */
export class BufferedBytes {
	readonly #memory: FairLimit;
	readonly #waitMilliseconds: number;
	readonly #call: Pick<Call, "client" | "signal" | "millisecondsLeft">;
	readonly #taken: Taken[] = [];
	/**
	 * Of these bytes, those for the answer: it may count for at most a quarter of the budget; a body
	 * counts in full.
	 */
	#answerBytes = 0;
	#isReleased = false;

	/**
	 * @param parts.memory the budget
	 * @param parts.waitMilliseconds the longest wait for memory
	 * @param parts.call the request
	 */
	constructor(parts: {
		memory: FairLimit;
		waitMilliseconds: number;
		call: Pick<Call, "client" | "signal" | "millisecondsLeft">;
	}) {
		this.#memory = parts.memory;
		this.#waitMilliseconds = parts.waitMilliseconds;
		this.#call = parts.call;
	}

	/**
	 * Reserves memory for this many more bytes. Returns a promise if that takes time; it rejects with
	 * AgentError `busy` if there is none in time.
	 * @param what what they are for, for the message
	 */
	reserve(bytes: number, what = "answer"): Promise<void> | undefined {
		const amount =
			what === "answer"
				? Math.min(bytes, this.#memory.limit / 4 - this.#answerBytes)
				: bytes;
		if (amount <= 0) return undefined;
		if (what === "answer") this.#answerBytes += amount;
		const { client } = this.#call;
		const taken = this.#memory.tryAcquire({ client, amount });
		if (!taken)
			return this.#waitFor(amount, what).then((later) => this.#hold(later));
		this.#hold(taken);
		return undefined;
	}

	#hold(taken: Taken) {
		if (this.#isReleased) taken.release();
		else this.#taken.push(taken);
	}

	#waitFor(amount: number, what: string): Promise<Taken> {
		const { client, signal, millisecondsLeft } = this.#call;
		const timeoutMilliseconds = Math.min(
			this.#waitMilliseconds,
			millisecondsLeft ?? Number.POSITIVE_INFINITY,
		);
		const wanted = { client, amount, timeoutMilliseconds, signal };
		return this.#memory.acquire(wanted).catch((cause) => {
			throw new AgentError(
				"busy",
				cause instanceof LimitReached
					? `${what}: ${this.#memory.taken} bytes of requests and answers are in memory (max-buffered-bytes)`
					: "the client has disconnected",
				{ cause },
			);
		});
	}

	/** The bytes reserved now. */
	get bytes(): number {
		return this.#taken.reduce((sum, { amount }) => sum + amount, 0);
	}

	/** Gives back all but this many. */
	keep(bytes: number): void {
		let left = bytes;
		for (const taken of this.#taken) {
			taken.shrink(left);
			left -= taken.amount;
		}
	}

	/** Gives back everything, and whatever is still waited for: the request is over. */
	release(): void {
		this.#isReleased = true;
		this.keep(0);
	}
}
