import type { RealStore } from "../../../test/support/stores.ts";
import { percentile } from "../soak/slope.ts";

/** Agents whose samples are looked for. */
const maxAgents = 500;

/** How old a sample may be that is seen for the first time. */
const windowSeconds = 1_800;

/** Seconds from samples' times until somebody who asks the store sees them. */
export interface Lag {
	/** Samples that were seen. */
	count: number;
	median: number;
	/** 99 % are up to it. */
	high: number;
	largest: number;
}

/**
 * Measures how old samples are when they are in a store. It asks the store, because a collector cannot
 * know whether another one has written a batch before it.
 */
export class StoreLag {
	readonly #store: RealStore;
	readonly #labels: string;
	/** `AGENT TIME` of the samples that were there before. */
	readonly #seen = new Set<string>();
	#lags: number[] = [];
	#reading = false;

	/**
	 * @param options.agents numbers of the agents
	 * @param options.metric what the name of the looked for series matches, as a selector of labels
	 */
	constructor(
		store: RealStore,
		options: { agents: readonly number[]; metric: string },
	) {
		const { agents, metric } = options;
		const step = Math.ceil(agents.length / maxAgents);
		const some = agents.filter((_, index) => index % step === 0);
		this.#store = store;
		this.#labels = `${metric},hostname=~"sim(${some.join("|")})"`;
	}

	/** Asks the store, unless it still is being asked, or is away. What is new came since the last call. */
	async read(): Promise<void> {
		if (this.#reading) return;
		this.#reading = true;
		try {
			// VictoriaMetrics remembers for ten seconds which series there are for a selector
			const selector = `{${this.#labels},instance!="${performance.now()}"}`;
			const stored = await this.#store.recent(selector, windowSeconds);
			const now = Date.now() / 1_000;
			for (const [key, series] of stored)
				for (const milliseconds of series.keys()) {
					const sample = `${key.slice(key.indexOf("{"))} ${milliseconds}`;
					if (this.#seen.has(sample)) continue;
					this.#seen.add(sample);
					this.#lags.push(now - milliseconds / 1_000);
				}
		} catch {
			// it has been killed
		} finally {
			this.#reading = false;
		}
	}

	/** The lag of what has come since the last call of this. */
	take(): Lag {
		const lags = this.#lags;
		this.#lags = [];
		return {
			count: lags.length,
			median: percentile(lags, 0.5),
			high: percentile(lags, 0.99),
			largest: percentile(lags, 1),
		};
	}
}
