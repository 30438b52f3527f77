import type { Log } from "../../../src/log.ts";
import type { Store } from "./store.ts";
import { parseStorePage, type StorePage } from "./store-page.ts";
import type { StorePromise } from "./target.ts";

/** Seconds between acceptance and acknowledgement, for a store that keeps samples in memory first. */
const defaultAckAfterSeconds = 30;

/**
 * Start times are whole seconds: a store that is started again within that second would look like
 * the same process.
 */
const settlingMilliseconds = 1_100;

const nameOf = {
	"victoria-metrics": "VictoriaMetrics",
	prometheus: "Prometheus",
	other: "",
};

/** Knows which program a store is, and whether its process is still the same. */
export class StoreWatch {
	readonly #store: Store;
	readonly #log: Pick<Log, "notice" | "warning" | "error">;
	readonly #elapsed: () => number;
	readonly #ackAfter: number | undefined;
	#page: StorePage | undefined;
	#reading: Promise<boolean> | undefined;
	/** When the present start time was seen first. */
	#seenAt = 0;
	/** Start times that another one has replaced. */
	readonly #replaced = new Set<number>();
	#isSeveral = false;
	/** Restarts that were noticed. */
	restarts = 0;

	constructor(parts: {
		store: Store;
		log: Pick<Log, "notice" | "warning" | "error">;
		elapsed: () => number;
		ackAfterSeconds: number | undefined;
	}) {
		this.#store = parts.store;
		this.#log = parts.log;
		this.#elapsed = parts.elapsed;
		this.#ackAfter = parts.ackAfterSeconds;
	}

	/** What the store's page says; undefined until the store has answered. */
	get page(): StorePage | undefined {
		return this.#page;
	}

	get ackAfterMilliseconds(): number {
		const usual =
			this.#page?.kind === "prometheus" ? 0 : defaultAckAfterSeconds;
		return 1_000 * (this.#ackAfter ?? usual);
	}

	/** What an acknowledgement stands for; undefined until it is known. */
	get promise(): StorePromise | undefined {
		if (!this.#page) return undefined;
		const { kind, startedAt } = this.#page;
		if (kind === "other" || this.#isSeveral) return "accepted";
		if (this.ackAfterMilliseconds === 0) return "logged";
		return startedAt === undefined ? "accepted" : "restart-checked";
	}

	/** The process that takes a request now; undefined if it is not known for sure. */
	get process(): number | undefined {
		return this.settlingMilliseconds > 0 ? undefined : this.#page?.startedAt;
	}

	/** How long a restart could still go unnoticed. */
	get settlingMilliseconds(): number {
		return this.promise === "restart-checked"
			? Math.max(0, this.#seenAt + settlingMilliseconds - this.#elapsed())
			: 0;
	}

	/** Reads the store's page. Returns false if the store did not answer. */
	read(): Promise<boolean> {
		this.#reading ??= this.#read().finally(() => {
			this.#reading = undefined;
		});
		return this.#reading;
	}

	async #read(): Promise<boolean> {
		const { status, page } = await this.#store.page();
		if (status === 0 || status === 429 || status >= 500) return false;
		// whatever answers without such a page is not the store itself
		const next = parseStorePage(status === 200 ? page : "");
		const before = this.#page;
		const promised = this.promise;
		if (before && before.startedAt !== next.startedAt) {
			this.restarts++;
			if (before.startedAt !== undefined) this.#replaced.add(before.startedAt);
			this.#told(next);
		}
		if (!before || before.startedAt !== next.startedAt)
			this.#seenAt = this.#elapsed();
		this.#page = next;
		if (this.promise !== promised) this.#tell();
		return true;
	}

	/** A restarted process never has a start time of before: there are several. */
	#told({ startedAt }: StorePage): void {
		if (startedAt === undefined || !this.#replaced.has(startedAt)) return;
		this.#isSeveral = true;
	}

	#tell(): void {
		const { place } = this.#store;
		const kind = nameOf[this.#page?.kind ?? "other"];
		const seconds = this.ackAfterMilliseconds / 1_000;
		if (this.promise === "restart-checked")
			this.#log.notice(
				`${place}: ${kind}: samples are acknowledged when it has run on for ${seconds} seconds after accepting them`,
			);
		else if (this.promise === "logged")
			this.#log.notice(
				`${place}: ${kind}: samples are acknowledged as soon as it has accepted them`,
			);
		else if (this.#isSeveral)
			this.#log.error(
				`${place}: several processes answer: samples are acknowledged as soon as one has accepted them, and are lost if it is killed soon afterwards`,
			);
		else
			this.#log.warning(
				`${place}: not a store that says when it was started: samples are acknowledged as soon as it has accepted them, and are lost if it loses them`,
			);
	}
}
