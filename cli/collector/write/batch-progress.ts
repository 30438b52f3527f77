/** A promise and the functions that end it. */
class Deferred {
	resolve: () => void = () => {};
	reject: (error: Error) => void = () => {};
	readonly promise = new Promise<void>((resolve, reject) => {
		this.resolve = resolve;
		this.reject = reject;
	});

	constructor() {
		// there may be nobody who waits for it
		this.promise.catch(() => {});
	}
}

/** A batch on its way to the store, in one or several requests. */
export class BatchProgress {
	/** Samples of the batch, and those of them in quarantine. */
	samples = 0;
	quarantined = 0;
	#unsettled = 0;
	#undurable = 0;
	#isEncoded = false;
	#wave = new Deferred();
	readonly #settled = new Deferred();
	readonly #durable = new Deferred();

	/** Resolves when all samples are encoded and the store has answered for each. */
	get settled(): Promise<void> {
		return this.#settled.promise;
	}

	/** Resolves when the store will not lose any of them. */
	get durable(): Promise<void> {
		return this.#durable.promise;
	}

	/** Resolves when the store has answered for all that is encoded so far. */
	get wave(): Promise<void> {
		return this.#unsettled === 0 ? Promise.resolve() : this.#wave.promise;
	}

	/** A part of it is in a request. */
	partSent(): void {
		if (this.#unsettled++ === 0) this.#wave = new Deferred();
		this.#undurable++;
	}

	/** The store has answered for a part. */
	partSettled(): void {
		if (--this.#unsettled === 0) this.#wave.resolve();
		this.#look();
	}

	partDurable(): void {
		this.#undurable--;
		this.#look();
	}

	/** All parts are in requests. */
	encoded(): void {
		this.#isEncoded = true;
		this.#look();
	}

	/** The batch cannot be acknowledged. */
	failed(error: Error): void {
		this.#wave.reject(error);
		this.#settled.reject(error);
		this.#durable.reject(error);
	}

	#look(): void {
		if (!this.#isEncoded || this.#unsettled > 0) return;
		this.#settled.resolve();
		if (this.#undurable === 0) this.#durable.resolve();
	}
}
