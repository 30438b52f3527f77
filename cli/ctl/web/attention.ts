/** A page asks again at once; this covers the time in between, and a reload. */
const graceMilliseconds = 5_000;

/** Whether somebody watches. What nobody watches asks no agent. */
export class Attention {
	readonly #onBegin: () => void;
	readonly #onEnd: () => void;
	readonly #grace: number;
	#watchers = 0;
	#ending: NodeJS.Timeout | undefined;
	#isPresent = false;

	/** @param onEnd is called some seconds after the last watcher has gone */
	constructor(
		onBegin: () => void,
		onEnd: () => void,
		grace = graceMilliseconds,
	) {
		this.#onBegin = onBegin;
		this.#onEnd = onEnd;
		this.#grace = grace;
	}

	get isPresent(): boolean {
		return this.#isPresent;
	}

	/** Begins to watch. Returns the function that ends it, which must be called once. */
	watch(): () => void {
		this.#watchers++;
		clearTimeout(this.#ending);
		if (!this.#isPresent) {
			this.#isPresent = true;
			this.#onBegin();
		}
		return () => {
			if (--this.#watchers > 0 || !this.#isPresent) return;
			this.#ending = setTimeout(() => this.end(), this.#grace);
		};
	}

	/** Ends at once, whoever watches. */
	end(): void {
		clearTimeout(this.#ending);
		if (!this.#isPresent) return;
		this.#isPresent = false;
		this.#onEnd();
	}
}
