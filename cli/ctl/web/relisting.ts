import type { Target } from "../target/targets.ts";

/** How the hosts are listed again. */
export interface Relist {
	/** Rejects with an Error that says why there is no list. */
	list: (signal: AbortSignal) => Promise<readonly Target[]>;
	/** Says to the user that the list could not be had. */
	complain: (line: string) => void;
	/** How often; tests shorten it. */
	intervalSeconds?: number;
}

const usualSeconds = 60;

/** Lists hosts again and again while somebody watches them. */
export class Relisting {
	readonly #relist: Relist;
	readonly #use: (targets: readonly Target[]) => void;
	#listedAt = performance.now();
	#timer: NodeJS.Timeout | undefined;
	#listing: AbortController | undefined;
	/** What was wrong the last time. */
	#problem = "";

	/** @param use gets each list */
	constructor(relist: Relist, use: (targets: readonly Target[]) => void) {
		this.#relist = relist;
		this.#use = use;
	}

	/** Lists at once if the last list is old. */
	begin(): void {
		const { intervalSeconds = usualSeconds } = this.#relist;
		const dueAt = this.#listedAt + intervalSeconds * 1000;
		this.#timer = setTimeout(
			() => this.#list(),
			Math.max(0, dueAt - performance.now()),
		);
	}

	end(): void {
		clearTimeout(this.#timer);
		this.#listing?.abort();
	}

	async #list(): Promise<void> {
		const listing = new AbortController();
		this.#listing = listing;
		let problem = "";
		try {
			const targets = await this.#relist.list(listing.signal);
			if (!listing.signal.aborted) this.#use(targets);
		} catch (error) {
			problem = (error as Error).message;
		}
		if (listing.signal.aborted) return;
		if (problem !== "" && problem !== this.#problem)
			this.#relist.complain(`the list of hosts stays as it was: ${problem}`);
		this.#problem = problem;
		this.#listedAt = performance.now();
		this.begin();
	}
}
